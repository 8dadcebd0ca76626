package load

import "github.com/edge-hive/edge-hive/runtime/fault"

// usersTable is the table that every manifest has.
const usersTable = "users"

// userColumns are its built-in columns, as their declarations would be.
var userColumns = []struct {
	name, kind string
	auto       string
}{
	{"email", "text", ""},
	{"user_metadata", "json", ""},
	{"app_metadata", "json", ""},
	{"created_at", "timestamp", "now()"},
}

// addUsers puts the table users and its built-in columns into the tree. A
// column of the user's with a built-in name is a fault.
func addUsers(c *conformer, root *node, defs *definitions) {
	tables := root.field("tables")
	if tables == nil {
		tables = &node{name: "tables", kind: object}
		root.add(tables)
	}
	if tables.kind != object {
		return
	}
	users := tables.field(usersTable)
	if users == nil {
		users = &node{name: usersTable, kind: object, builtIn: true}
		tables.add(users)
		c.value(users, defs.shapes["#Table"])
	}
	if users.kind != object {
		return
	}
	if key := users.field("key"); key != nil && key.label.Known() && key.field("type") != nil && key.field("type").text != "uuid" {
		c.add(key, key.place(), fault.New(codeBuiltIn, "the key of the table users is ours, a uuid").WithHint("take it out"))
	}
	columns := users.field("columns")
	if columns == nil {
		columns = &node{name: "columns", kind: object}
		users.add(columns)
	}
	if columns.kind != object {
		return
	}
	var ours []*node
	for _, u := range userColumns {
		if own := columns.field(u.name); own != nil {
			c.add(own, own.label, fault.Newf(codeBuiltIn, "the table users has a column %s already, a built-in one", u.name).
				WithHint("take it out, or give your column another name"))
			return
		}
		column := &node{name: u.name, kind: object, builtIn: true, parent: columns}
		column.add(&node{name: "type", kind: text, text: u.kind})
		if u.auto != "" {
			auto := &node{name: "auto", kind: object}
			column.add(auto)
			auto.add(&node{name: "create", kind: text, text: u.auto})
		}
		c.value(column, defs.shapes["#Column"])
		ours = append(ours, column)
	}
	columns.fields = append(ours, columns.fields...)
}
