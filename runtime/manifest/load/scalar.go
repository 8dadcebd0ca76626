package load

import (
	"math/big"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// allows reports whether a scalar is what s says, without telling why not.
func (s *shape) allows(n *node) bool {
	if n.kind&s.kinds == 0 {
		return false
	}
	return len(s.enum) == 0 || slices.Contains(s.enum, literalValue{n.kind, n.text})
}

// scalar checks a scalar of the right type.
func (c *conformer) scalar(n *node, s *shape) {
	if n.kind == number && n.text == "" {
		c.add(n, n.place(), fault.Newf(codeBadValue, "%s has too many digits", lastOf(n)).WithHint("a number has at most 400 places"))
		return
	}
	if check := formats[s.name]; check != nil {
		if f := check(n.text); f != nil {
			c.add(n, n.place(), f)
		}
		return
	}
	switch {
	case len(s.enum) > 0 && !s.allows(n):
		c.notMember(n, s)
	case s.pattern != nil && n.kind == text && !s.pattern.MatchString(n.text) && n.name == "env":
		// It may be the secret itself: it is not shown.
		c.add(n, n.place(), fault.New(codeSecret, "env is the name of an environment variable, not a secret").WithHint(patternHint(fieldOf(n))))
	case s.pattern != nil && n.kind == text && !s.pattern.MatchString(n.text):
		c.add(n, n.place(), fault.Newf(codeBadName, "%s cannot be %s", lastOf(n), show(n)).WithHint(patternHint(fieldOf(n))))
	case (s.min != nil || s.max != nil) && n.kind&(integer|number) != 0:
		c.bounds(n, s)
	}
}

func (c *conformer) bounds(n *node, s *shape) {
	v, ok := new(big.Rat).SetString(n.text)
	if !ok {
		return
	}
	switch {
	case s.min != nil && v.Cmp(s.min) < 0:
		c.add(n, n.place(), fault.Newf(codeBadValue, "%s is %s, which is too small", lastOf(n), show(n)).WithHint("write "+s.describe()))
	case s.max != nil && v.Cmp(s.max) > 0:
		c.add(n, n.place(), fault.Newf(codeBadValue, "%s is %s, which is too large", lastOf(n), show(n)).WithHint("write "+s.describe()))
	}
}

// notMember tells of a value that is not in an enumeration.
func (c *conformer) notMember(n *node, s *shape) {
	members := make([]string, 0, len(s.enum))
	for _, m := range s.enum {
		members = append(members, m.text)
	}
	f := fault.Newf(codeBadValue, "%s cannot be %s", lastOf(n), show(n))
	near := ""
	if n.kind == text {
		near = fault.Nearest(n.text, members)
		if known := foreignValue(fieldOf(n), n.text); known != "" {
			near = known
		}
	}
	switch {
	case n.kind == text && n.name == "type" && foreignType(n.text) != "":
		f = f.WithHint(foreignType(n.text))
	case near != "":
		f = f.WithHint(`did you mean "` + near + `"?`)
	default:
		f = f.WithHint("write " + s.describe())
	}
	c.add(n, n.place(), f)
}

func (c *conformer) wrongType(n *node, s *shape) {
	f := fault.Newf(codeWrongType, "%s cannot be %s", lastOf(n), n.kind.noun())
	code, hint := codeWrongType, "write "+s.describe()
	switch {
	case strings.HasPrefix(s.name, "#Duration") && n.kind == integer && plain(n.text):
		code, hint = codeBadDuration, `a duration has a unit: "`+n.text+`s"`
	case strings.HasPrefix(s.name, "#Duration"):
		code = codeBadDuration
	case s.name == "#Size" && n.kind == integer && plain(n.text):
		code, hint = codeBadSize, `a size has a unit: "`+n.text+`B", or KiB, MiB, GiB`
	case s.name == "#Size":
		code = codeBadSize
	case n.kind == text && s.kinds&(integer|boolean) != 0 && s.kinds&text == 0 && isBare(n.text):
		hint = "write it without quotes: " + n.text
	case n.kind == text && s.object != nil && s.object.typeNamed(n.text) != "":
		hint = `write {type: "` + s.object.typeNamed(n.text) + `"}`
	case n.kind == text && s.object != nil && s.object.byName["cel"] != nil && strings.HasSuffix(n.text, ")") && plain(n.text):
		hint = "write {cel: " + show(n) + "}"
	case n.parent != nil && s.object != nil && s.object.byName[n.name] != nil && s.object.name != "#Column":
		hint = "a name is missing: " + lastOf(n.parent) + ": NAME: " + n.name + ": ..."
	case s.object != nil && s.object.wrapped(n) != "":
		hint = "write " + s.object.wrapped(n)
	case n.name == "cache" && s.kinds == text:
		hint = "write the name of a policy, one of cache.policies, in quotes"
	case n.kind == binary && s.kinds&text != 0:
		hint = "a text stands in double quotes"
	case n.kind == null:
		hint = "leave the field out instead"
	case (s.name == "#QueryAccess" || s.name == "#FunctionAccess") && n.kind == boolean:
		hint = "write access: call: " + n.text
	case s.kinds == object && n.kind == boolean && lastOf(n) == "access":
		hint = "say it for each operation: access: {read: " + n.text + "}"
	case s.kinds == list && n.kind != object && s.item != nil && s.item.takes(n):
		hint = "write a list: [" + show(n) + "]"
	case s.kinds == list && n.kind != object && s.item != nil && formats[s.item.name] != nil && n.kind == text:
		hint = formats[s.item.name](n.text).Hint
	}
	f.Code = code
	c.add(n, n.place(), f.WithHint(hint))
}

// takes reports whether a scalar is right for s, its format included.
func (s *shape) takes(n *node) bool {
	check := formats[s.name]
	return (s.kinds == 0 || s.allows(n)) && (check == nil || check(n.text) == nil)
}

// principal is the field that people mean who give a value where its struct
// belongs, by definition.
var principal = map[string]string{
	"#Listen": "http", "#Database": "path", "#Rate": "requests", "#RoleRate": "requests", "#Policy": "ttl", "#Memory": "size",
	"#Channel": "table", "#Static": "dir", "#Respond": "body", "#Redirect": "to", "#CORS": "origins", "#Index": "columns",
	"#Log": "level", "#Auto": "create", "#Computed": "cel", "#Function": "module", "#RouteFunction": "name", "#Schedule": "cron",
	"#TableTrigger": "events",
}

// wrapped writes a value as the struct that was meant, "" if none was.
func (o *objectShape) wrapped(n *node) string {
	f := find(o.allFields(), nil, principal[o.name])
	switch {
	case o.name == "#Metrics" && n.kind == boolean && n.text == "true":
		return "{}"
	case o.name == "#Auto" && n.kind == boolean:
		return `{create: "now()"}`
	case f == nil || !plain(n.text) || strings.Contains(n.text, "@"):
		return "" // it may hold a password
	case f.value.kinds == list && n.kind == list && len(n.fields) > 0 && len(n.fields) < 5:
		var items []string
		for _, item := range n.fields {
			if f.value.item == nil || !f.value.item.takes(item) {
				return ""
			}
			items = append(items, show(item))
		}
		return "{" + f.name + ": [" + strings.Join(items, ", ") + "]}"
	case f.value.takes(n):
		return "{" + f.name + ": " + show(n) + "}"
	case f.value.kinds == list && n.kind&(object|list) == 0 && f.value.item != nil && f.value.item.takes(n):
		return "{" + f.name + ": [" + show(n) + "]}"
	}
	return ""
}

// isBare reports whether a text is a number or truth value in quotes.
func isBare(s string) bool {
	if s == "true" || s == "false" {
		return true
	}
	_, ok := new(big.Int).SetString(s, 10)
	return ok && len(s) < 20
}

// show writes a scalar for a message, cut when it is long.
func show(n *node) string {
	if n.kind != text {
		return cutText(n.text)
	}
	return string(appendJSONText(nil, cutText(n.text)))
}

// cutText bounds what of the manifest a message repeats.
func cutText(s string) string { return fault.Clip(s, 60) }

// lastOf names a node in a message.
func lastOf(n *node) string {
	if n.parent == nil {
		return "the manifest"
	}
	if n.parent.kind == list {
		return "an item of " + lastOf(n.parent)
	}
	if !plain(n.name) {
		return "the field"
	}
	return n.name
}

// patternHint says what a field with a pattern looks like.
func patternHint(name string) string {
	switch name {
	case "name":
		return "letters, digits, - and _, a letter first, at most 63"
	case "namespace", "database":
		return "letters, digits, _ and -, no digit or - first, at most 63"
	case "user":
		return "the user's name, without spaces"
	case "env":
		return "the name of an environment variable: letters, digits and _"
	case "entry":
		return "the name of an export of the module, or leave it out"
	case "to":
		return "http://HOST:PORT, https://HOST, h2c://HOST:PORT or unix:/PATH"
	case "strip", "path", "health":
		return "a path, which begins with /"
	case "by":
		return "ip, path, header:NAME or cookie:NAME"
	case "host":
		return "HOST, or HOST:PORT"
	case "domains":
		return "a host name, without scheme and port; its first label may be *; other letters than those of ASCII as xn--..."
	case "email":
		return "NAME@HOST"
	case "notFound":
		return "a file of the folder: 404.html"
	case "realm":
		return "letters, digits and signs of ASCII without quotes, at most 100"
	case "bucket":
		return "small letters, digits, . and -, at least 3 and at most 63"
	case "region":
		return "letters, digits and -"
	case "prefix":
		return "letters, digits, _, . and -"
	case "id", "keyName", "master":
		return "a name, without spaces"
	default:
		return "a table, or TABLE.COLUMN"
	}
}

// fieldOf is the field that a node is the value of, or an item of its value.
func fieldOf(n *node) string {
	for n.parent != nil && n.parent.kind == list {
		n = n.parent
	}
	return n.name
}

// typeNamed finds the type that a text names, where a struct with a type was
// meant: title: "text".
func (o *objectShape) typeNamed(s string) string {
	f := o.byName["type"]
	if f == nil {
		return ""
	}
	if known := foreignValue("type", s); known != "" {
		s = known
	}
	if f.value.allows(&node{kind: text, text: s}) {
		return s
	}
	return ""
}
