package load

import (
	"slices"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// laterFields are fields that a later version of Edge Hive brings, by the
// definition that they belong to. What is inside them is not looked at.
var laterFields = map[string][]string{
	"#Manifest": {"storage"},
	"#Column":   {"bucket"},
	"#Cache":    {"serve"},
	"#Channel":  {"presence", "order", "limit"},
	"#Auth": {
		"signup", "tokens", "password", "confirm", "anonymous", "linking", "mfa", "providers", "redirects", "mail",
	},
}

// laterValues are values of an enumeration that a later version brings; the
// struct that they stand in is not looked at further.
var laterValues = map[string]map[string][]string{
	"#Column": {"type": {"file"}},
}

// notYet tells of a struct that a later version brings as a whole.
func (c *conformer) notYet(n *node, o *objectShape) bool {
	for field, values := range laterValues[o.name] {
		if f := n.field(field); f != nil && f.kind == text && slices.Contains(values, f.text) {
			c.add(f, f.place(), laterFault(field+": "+show(f), laterHint(f.text)))
			return true
		}
	}
	return false
}

// later tells of a field that a later version brings.
func (c *conformer) later(n *node, o *objectShape) bool {
	if !slices.Contains(laterFields[o.name], n.name) {
		return false
	}
	c.add(n, n.label, laterFault(show(&node{kind: text, text: n.name}), laterHint(n.name)))
	return true
}

func laterFault(what, hint string) *fault.Fault {
	return fault.Newf(codeNotYet, "%s is not in this version of Edge Hive", what).WithHint(hint)
}

// laterHint says what serves meanwhile.
func laterHint(name string) string {
	switch name {
	case "serve":
		return "leave it out: functions keep values in the cache"
	case "presence":
		return "leave it out: who is there can be told by messages to the channel"
	case "order", "limit":
		return "leave it out: the channel has all rows that its filter lets through"
	case "file", "storage":
		return "leave it out; a text column may hold a file's URL"
	default:
		return "leave it out, or take a newer version when there is one"
	}
}
