package data_test

import (
	"testing"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

func TestMayPass(t *testing.T) {
	m := &manifest.Manifest{Middleware: []manifest.Middleware{
		{Name: "staff", Access: rule(isStaff)}, {Name: "all", Access: always()}, {Name: "none", Access: manifest.Condition{Declared: true}}, {Name: "open"},
	}}
	b := open(t, m)
	for _, c := range []struct {
		name   string
		caller *auth.Caller
		pass   bool
	}{
		{"staff", staff, true},
		{"staff", ann, false},
		{"staff", auth.Nobody(), false},
		{"staff", service, true},
		{"all", auth.Nobody(), true},
		{"none", ann, false},
		{"none", service, true},
		{"open", ann, false},
		{"nowhere", ann, false}, // it has no rule: who asks for one has made a mistake
	} {
		err := b.MayPass(t.Context(), c.caller, c.name)
		if (err == nil) != c.pass || err != nil && !fault.Is(err, data.CodeDenied) {
			t.Errorf("%s, %s: %v", c.name, c.caller.Role, err)
		}
	}
}
