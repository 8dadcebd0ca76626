package access_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// clubs is a manifest whose tables point at each other.
func clubs() *manifest.Manifest {
	ref := func(name, table string) manifest.Column {
		return manifest.Column{Name: name, Type: "ref", Table: table}
	}
	plain := func(name, kind string) manifest.Column { return manifest.Column{Name: name, Type: kind} }
	return &manifest.Manifest{Tables: []manifest.Table{
		{Name: "posts", Path: "tables.posts", Key: manifest.Key{Type: "uuid"}, Columns: []manifest.Column{
			ref("club", "clubs"), ref("author", "users"), ref("parent", "posts"), plain("text", "text"),
		}},
		{Name: "clubs", Path: "tables.clubs", Key: manifest.Key{Type: "int"}, Columns: []manifest.Column{
			plain("name", "text"), ref("head", "profiles"), plain("meta", "json"), plain("tags", "list"),
			{Name: "kind", Type: "text", Enum: []string{"open", "closed"}},
		}},
		{Name: "members", Path: "tables.members", Key: manifest.Key{Type: "uuid"}, Columns: []manifest.Column{
			ref("club", "clubs"), ref("user", "users"), plain("since", "date"),
		}},
		{Name: "profiles", Path: "tables.profiles", Key: manifest.Key{Type: "ref", Table: "users"}, Columns: []manifest.Column{
			plain("nickname", "text"), ref("club", "clubs"),
		}},
		{Name: "users", Path: "tables.users", Key: manifest.Key{Type: "uuid"}, Columns: []manifest.Column{plain("email", "text"), plain("locale", "text")}},
	}, Rules: []manifest.Rule{
		{Name: "member", Params: []string{"club"}, Text: "tables.members.exists(m, m.club == club && m.user == auth.uid)", Path: `rules."member(club)"`},
		{Name: "both", Params: []string{"a", "b"}, Text: "member(a) && member(b)", Path: `rules."both(a, b)"`},
		{Name: "mine", Params: []string{"thing"}, Text: "thing.user == auth.uid", Path: `rules."mine(thing)"`},
		{Name: "headed", Params: []string{"club"}, Text: "club.head.nickname == 'x'", Path: `rules."headed(club)"`},
	}}
}

// posts compiles text as the read rule of posts.
func posts(t testing.TB, text string) (query.Expr, fault.List) {
	t.Helper()
	m := clubs()
	for i := range m.Tables {
		for j := range m.Tables[i].Columns {
			if c := &m.Tables[i].Columns[j]; c.Type == "list" {
				c.Of = "text"
			}
		}
	}
	m.Table("posts").Access.Read = manifest.Condition{Declared: true, Text: text, Path: "tables.posts.access.read"}
	rules, faults := compile(t, m)
	if rules == nil {
		return nil, faults
	}
	return rules.Tables["posts"].Read, faults
}

// TestBeyond holds what looks beyond the row. ^ counts the rows outside of the
// innermost one; lookup(T condition value).
func TestBeyond(t *testing.T) {
	const isMember = "exists(members and(=(club,%s),=(user,@auth.u)))"
	for _, test := range []struct{ text, want string }{
		{"club.name == 'x'", "=(lookup(clubs =(id,^club) name),'t1:x)"},
		{"row.club.name == 'x'", "=(lookup(clubs =(id,^club) name),'t1:x)"},
		{"club == 3", "=(club,'i3)"},
		{"club.id == 3", "=(club,'i3)"},
		{"club != null && club.name == null", "and(isnotnull(club),isnull(lookup(clubs =(id,^club) name)))"},
		{"club.head.nickname == 'x'", "=(lookup(clubs =(id,^club) lookup(profiles =(id,^head) nickname)),'t1:x)"},
		{"club.head == auth.uid", "=(lookup(clubs =(id,^club) head),@auth.u)"},
		{"club.head.id == auth.uid", "=(lookup(clubs =(id,^club) head),@auth.u)"},
		{"club.head.id.locale == 'de'", "=(lookup(clubs =(id,^club) lookup(users =(id,^head) locale)),'t2:de)"},
		{"club.head.club.name == 'x'", "=(lookup(clubs =(id,^club) lookup(profiles =(id,^head) lookup(clubs =(id,^club) name))),'t1:x)"},
		{"club.meta.color == 'red'", "=(call:scalar:t(path(lookup(clubs =(id,^club) meta)->5:color)),'t3:red)"},
		{"'a' in club.tags && club.tags[0] == 'b'", "and(call:in:b(lookup(clubs =(id,^club) tags),'t1:a),=(call:scalar:t(path(lookup(clubs =(id,^club) tags)->#0)),'t1:b))"},
		{"parent.parent.text == text", "=(lookup(posts =(id,^parent) lookup(posts =(id,^parent) text)),text)"},
		{"club.kind == 'open'", "=(lookup(clubs =(id,^club) kind),'t4:open)"},

		{"tables.members.exists(m, m.user == auth.uid)", "exists(members =(user,@auth.u))"},
		{"tables.members.exists(m, m.club == club && m.user == auth.uid)", fmt.Sprintf(isMember, "^club")},
		{"tables.members.exists(m, m.club == row.club && m.user == auth.uid)", fmt.Sprintf(isMember, "^club")},
		{"tables.members.exists(m, m.club.name == text)", "exists(members =(lookup(clubs =(id,^club) name),^text))"},
		{"tables.members.exists(m, m.club.name == club.name)", "exists(members =(lookup(clubs =(id,^club) name),lookup(clubs =(id,^^club) name)))"},
		{"!tables.members.exists(m, m.user == author)", "not(exists(members =(user,^author)))"},
		{
			"tables.members.exists(m, m.club == club && tables.profiles.exists(p, p.id == m.user && p.nickname == text))",
			"exists(members and(=(club,^club),exists(profiles and(=(id,^user),=(nickname,^^text)))))",
		},
		{
			"tables.posts.exists(p, p.parent == id && p.author == author)", // the table itself, inside and outside
			"exists(posts and(=(parent,^id),=(author,^author)))",
		},
		{
			"tables.posts.exists(p, p.parent == id && tables.posts.exists(q, q.parent == p.id && q.text == text))",
			"exists(posts and(=(parent,^id),exists(posts and(=(parent,^id),=(text,^^text)))))",
		},

		{"member(club)", fmt.Sprintf(isMember, "^club")},
		{"member(parent.club)", fmt.Sprintf(isMember, "lookup(posts =(id,^^parent) club)")},
		{"member(parent.parent.club)", fmt.Sprintf(isMember, "lookup(posts =(id,^^parent) lookup(posts =(id,^parent) club))")},
		{"member(3)", fmt.Sprintf(isMember, "'i3")},
		{"both(club, parent.club)", "and(" + fmt.Sprintf(isMember, "^club") + "," + fmt.Sprintf(isMember, "lookup(posts =(id,^^parent) club)") + ")"},
		{"headed(club) && headed(parent.club)", "and(=(lookup(clubs =(id,^club) lookup(profiles =(id,^head) nickname)),'t1:x),=(lookup(posts =(id,^parent) lookup(clubs =(id,^club) lookup(profiles =(id,^head) nickname))),'t1:x))"},
		{"tables.members.exists(m, mine(m))", "exists(members =(user,@auth.u))"},
		{"tables.members.exists(m, headed(m.club))", "exists(members =(lookup(clubs =(id,^club) lookup(profiles =(id,^head) nickname)),'t1:x))"},
		{ // the macro's m is not the caller's
			"tables.profiles.exists(m, m.id == author && member(m.club))",
			"exists(profiles and(=(id,^author),exists(members and(=(club,^club),=(user,@auth.u)))))",
		},
		{ // an argument is of its caller's rows, wherever it is used
			"tables.profiles.exists(p, p.id == author && member(club) && member(p.club))",
			"exists(profiles and(=(id,^author),exists(members and(=(club,^^club),=(user,@auth.u))),exists(members and(=(club,^club),=(user,@auth.u)))))",
		},
		{
			"tables.profiles.exists(p, both(p.club, parent.club))",
			"exists(profiles and(exists(members and(=(club,^club),=(user,@auth.u))),exists(members and(=(club,lookup(posts =(id,^^^parent) club)),=(user,@auth.u)))))",
		},
	} {
		t.Run(test.text, func(t *testing.T) {
			got, faults := posts(t, test.text)
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			if text := query.String(got); text != test.want {
				t.Errorf("\n got %s\nwant %s", text, test.want)
			}
			checkDepth(t, got, test.text)
		})
	}
}

// checkDepth proves that every column is one of the table whose row it counts
// to.
func checkDepth(t *testing.T, e query.Expr, text string) {
	t.Helper()
	var visit func(e query.Expr, rows []string)
	visit = func(e query.Expr, rows []string) {
		query.Walk(e, func(e query.Expr) bool {
			switch e := e.(type) {
			case *query.ColumnRef:
				if int(e.Up) >= len(rows) || rows[len(rows)-1-int(e.Up)] != e.Table.Name || e.Table.Column(e.Column.Name) != e.Column {
					t.Errorf("%s: %s of %s, %d up, among the rows of %v", text, e.Column.Name, e.Table.Name, e.Up, rows)
				}
			case *query.Exists:
				visit(e.Where, append(rows[:len(rows):len(rows)], e.Table.Name))
				return false
			case *query.Lookup:
				visit(e.Where, append(rows[:len(rows):len(rows)], e.Table.Name))
				visit(e.Value, append(rows[:len(rows):len(rows)], e.Table.Name))
				return false
			}
			return true
		})
	}
	visit(e, []string{"posts"})
}

func TestBeyondFaults(t *testing.T) {
	const form = "write tables.members.exists(m, m.user == auth.uid)"
	for _, test := range []struct{ text, want string }{
		{"club.nam == 'x'", "unknown-column: table clubs has no column `nam` | did you mean name?"},
		{"club.head.nicknam == 'x'", "unknown-column: table profiles has no column `nicknam` | did you mean nickname?"},
		{"author.password == 'x'", "unknown-column: table users has no column `password` | its columns are id, email, locale"},
		{"club[0] == 1", "type-mismatch: `club` is int and has nothing inside | only json and list values can be looked into"},
		{"club.id.name == 'x'", "type-mismatch: `club.id` is int and has nothing inside | only json and list values can be looked into"},
		{"club.name.first == 'x'", "type-mismatch: `club.name` is text and has nothing inside | only json and list values can be looked into"},
		{"club.name == 5", "type-mismatch: cannot compare name (text) and the int 5 | both sides must be of one type"},
		{"club.kind == 'opn'", "type-mismatch: kind is never 'opn' | did you mean open?"},
		{"old.club.name == 'x'", "bad-rule: old is not known in a read rule | old.x stands in `update: {before, after}`, in after only"},
		{"parent.parent.parent.parent.parent.text == 'x'", "too-complex: this looks through more than 4 tables, one from the other | keep what the rule needs nearer to the row"},
		{
			"member(1) || member(2) || member(3) || member(4) || member(5) || member(6) || member(7) || member(8) || member(9)",
			"too-complex: with its rules put in place this asks for other rows more than 8 times | keep what the rule needs in the row, or in the caller's claims",
		},
		{"tables", "bad-rule: tables alone is not a value | another table is asked with tables.NAME.exists(m, m.user == auth.uid)"},
		{"tables.members", "bad-rule: tables alone is not a value | another table is asked with tables.NAME.exists(m, m.user == auth.uid)"},
		{"tables.members.all(m, m.user == auth.uid)", "bad-rule: another table can only be asked whether a row exists | " + form},
		{"tables.exists(m, m.user == auth.uid)", "bad-rule: another table can only be asked whether a row exists | " + form},
		{"tables.members.x.exists(m, m.user == auth.uid)", "bad-rule: another table can only be asked whether a row exists | " + form},
		{"tables.members.exists(m)", "bad-rule: exists takes a name for the row and a condition, not one argument | " + form},
		{"tables.members.exists(m.user, m.user == auth.uid)", "bad-rule: the first argument of exists is a name for the row | " + form},
		{"tables.members.exists('m', m.user == auth.uid)", "bad-rule: the first argument of exists is a name for the row | " + form},
		{"tables.membrs.exists(m, m.user == auth.uid)", "unknown-table: there is no table `membrs` | did you mean members?"},
		{"tables.members.exists(m, m.usr == auth.uid)", "unknown-column: table members has no column `usr` | did you mean user?"},
		{"tables.members.exists(m, user == auth.uid && m.club == club)", "unknown-column: table posts has no column `user` | did you mean m.user?"},
		{"tables.members.exists(m, author == auth.uid)", "bad-rule: the condition does not speak of `m`, so any row of members would do | compare a column of it: m.club"},
		{"tables.members.exists(m, m)", "bad-rule: `m` is a row of members, and alone no value | name a column: m.id"},
		{"tables.members.exists(m, m['club'] == m[0])", "bad-rule: `m` is a row of members, and alone no value | name a column: m.id"},
		{"tables.members.exists(m, m.club)", "type-mismatch: this is club (int), not a condition | compare it: with ==, !=, <, in, or == null"},
		{"tables.members.exists(text, text.user == auth.uid)", "bad-rule: `text` cannot name the row here: it is a column of posts | give the row a name that nothing else has"},
		{"tables.members.exists(auth, auth.user == auth.uid)", "bad-rule: `auth` cannot name the row here: it means something of its own in rules | give the row a name that nothing else has"},
		{"tables.members.exists(m, tables.clubs.exists(m, m.id == 1))", "bad-rule: `m` cannot name the row here: it is a row of the exists around already | give the row a name that nothing else has"},
		{"m.user == auth.uid", "unknown-column: table posts has no column `m` | its columns are id, club, author, parent, text; text stands in '...'"},
		{"tables.members.exists(m, m.user == auth.uid) && m.club == club", "unknown-column: table posts has no column `m` | its columns are id, club, author, parent, text; text stands in '...'"},
		{"tables.members.exists(m, m.since < now())", "bad-rule: now() cannot stand in a read rule | its answer must not change while rows do not: keep the time in a column, or a flag that a write sets"},
		{"mine(club)", "unknown-column: table clubs has no column `user` | its columns are id, name, head, meta, tags, kind"},
		{"exists(m, m.user == auth.uid)", "unknown-rule: there is no rule or function `exists` | another table is asked with tables.NAME.exists(m, m.user == auth.uid); for an item of a list write 'x' in tags"},
	} {
		t.Run(test.text, func(t *testing.T) {
			rule, faults := posts(t, test.text)
			said := make([]string, len(faults))
			for i, f := range faults {
				said[i] = f.Code + ": " + f.Message + " | " + f.Hint
			}
			if got := strings.Join(said, "; "); got != test.want || rule != nil {
				t.Errorf("\n got %s\nwant %s", got, test.want)
			}
		})
	}
}

// TestArgumentAsVariable proves that a rule's own argument cannot be hidden by
// the row of an exists.
func TestArgumentAsVariable(t *testing.T) {
	m := clubs()
	m.Tables[1].Columns[3].Of = "text"
	m.Rules = append(m.Rules, manifest.Rule{Name: "odd", Params: []string{"m"}, Text: "tables.members.exists(m, m.user == auth.uid)", Path: `rules."odd(m)"`})
	m.Table("posts").Access.Read = manifest.Condition{Declared: true, Text: "odd(club)", Path: "tables.posts.access.read"}
	_, faults := compile(t, m)
	if len(faults) != 1 || !strings.Contains(faults[0].Message, "it is an argument of the rule") || faults[0].Path != `rules."odd(m)"` {
		t.Error(faults)
	}
}

// TestWhereBeyondMayStand proves where other rows may be asked, and that the
// other places say so.
func TestWhereBeyondMayStand(t *testing.T) {
	condition := func(text string) manifest.Condition {
		return manifest.Condition{Declared: true, Text: text, Path: "tables.posts.x"}
	}
	set := func(c *manifest.Manifest, change func(posts *manifest.Table)) { change(c.Table("posts")) }
	for name, test := range map[string]struct {
		change func(*manifest.Manifest)
		refuse string
	}{
		"create": {func(m *manifest.Manifest) {
			set(m, func(p *manifest.Table) { p.Access.Create = condition("club.name == 'x'") })
		}, ""},
		"after, old": {func(m *manifest.Manifest) {
			set(m, func(p *manifest.Table) {
				p.Access.UpdateBefore = condition("club.name == 'x'")
				p.Access.UpdateAfter = condition("old.club.name == club.name")
				p.Access.UpdateAfter.Path = "tables.posts.y"
			})
		}, ""},
		"guard": {func(m *manifest.Manifest) {
			set(m, func(p *manifest.Table) {
				p.Access.Guards = []manifest.Guard{{Name: "g", Condition: condition("member(club)")}}
			})
		}, ""},
		"check": {func(m *manifest.Manifest) {
			set(m, func(p *manifest.Table) {
				p.Checks = []manifest.Check{{Name: "c", Text: "parent.club == club", Path: "tables.posts.x"}}
			})
		}, ""},
		"column create": {func(m *manifest.Manifest) {
			set(m, func(p *manifest.Table) { p.Columns[3].Access.Create = condition("member(club)") })
		}, ""},
		"filter": {func(m *manifest.Manifest) {
			m.Channels = []manifest.Channel{{Name: "c", Table: "posts", Filter: "club.name == 'x'"}}
		}, ""},
		"column read": {func(m *manifest.Manifest) {
			set(m, func(p *manifest.Table) { p.Columns[3].Access.Read = condition("member(1)") })
		}, "a column's read rule cannot look at other rows"},
		"auto": {func(m *manifest.Manifest) {
			set(m, func(p *manifest.Table) { p.Columns[3].Auto = &manifest.Auto{Create: "club.name"} })
		}, "an auto value of text cannot look at other rows"},
		"default": {func(m *manifest.Manifest) {
			set(m, func(p *manifest.Table) {
				p.Columns[3].Default = &manifest.Default{CEL: "tables.members.exists(m, m.club == 1) ? 'a' : 'b'"}
			})
		}, "a default of text cannot look at other rows"},
		"where": {func(m *manifest.Manifest) {
			set(m, func(p *manifest.Table) {
				p.Indexes = []manifest.Index{{Name: "i", Columns: []string{"text"}, Where: "club.name == 'x'"}}
			})
		}, "an index condition cannot look at other rows"},
	} {
		t.Run(name, func(t *testing.T) {
			m := clubs()
			m.Tables[1].Columns[3].Of = "text"
			test.change(m)
			rules, faults := compile(t, m)
			switch {
			case test.refuse == "" && len(faults) > 0:
				t.Error(faults)
			case test.refuse != "" && (len(faults) != 1 || faults[0].Message != test.refuse || faults[0].Hint == ""):
				t.Errorf("got %v, want %s", faults, test.refuse)
			case name == "after, old":
				const want = "=(lookup(clubs =(id,^old.club) name),lookup(clubs =(id,^club) name))"
				if got := query.String(rules.Tables["posts"].UpdateAfter); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
		})
	}
}

// TestReachBeyond proves that a rule that asks other rows is neither open nor
// closed before there is a caller.
func TestReachBeyond(t *testing.T) {
	rule, faults := posts(t, "member(club)")
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for name, b := range map[string]query.Binding{"nobody": nobody, "ann": ann} {
		if bound := query.Bind(rule, b); query.Holds(bound, make(query.Row, 5), nil) == query.True || !query.IsBound(bound) {
			t.Errorf("%s: %s", name, query.String(bound))
		}
	}
	if access.ReachOf(rule) != access.ReachSome {
		t.Error("reach", access.ReachOf(rule))
	}
	if got := query.String(query.Bind(rule, nobody)); got != "'b0" {
		t.Error("nobody is a member, which needs no row to be known:", got)
	}
}
