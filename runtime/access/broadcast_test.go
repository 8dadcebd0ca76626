package access_test

import (
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// The rules of a broadcast are judged without a store: they speak of the caller
// and of nothing else, and left out they let nobody pass.
func TestBroadcastRules(t *testing.T) {
	compile := func(read, send manifest.Condition) (*access.ChannelRules, error) {
		m := &manifest.Manifest{
			Tables:   []manifest.Table{{Name: "posts", Key: manifest.Key{Type: "int"}}},
			Channels: []manifest.Channel{{Name: "lobby", Broadcast: true, Access: read, Send: send, Path: "channels.lobby"}},
		}
		schema, err := query.Declare(m)
		if err != nil {
			t.Fatal(err)
		}
		rules, faults := access.Compile(m, schema)
		if err := faults.Err(); err != nil {
			return nil, err
		}
		return rules.Channels["lobby"], nil
	}
	text := func(rule string) manifest.Condition { return manifest.Condition{Declared: true, Text: rule} }
	rules, err := compile(manifest.Condition{}, manifest.Condition{})
	if err != nil || !query.NeverHolds(rules.Access) || !query.NeverHolds(rules.Send) || rules.Table != nil {
		t.Errorf("left out: %+v %v", rules, err)
	}
	signedIn := "auth.role == 'authenticated'"
	if rules, err = compile(manifest.Condition{Declared: true, Always: true}, text(signedIn)); err != nil || !query.IsTrueExpr(rules.Access) || query.NeverHolds(rules.Send) {
		t.Errorf("declared: %+v %v", rules, err)
	}
	for _, wrong := range []string{"owner == auth.uid", "tables.posts.exists(p, p.id == 1)", "now() > auth.claims.since", "uuid() == auth.uid"} {
		if _, err := compile(text(wrong), manifest.Condition{}); err == nil || !strings.Contains(err.Error(), "broadcast") {
			t.Errorf("read %s: %v", wrong, err)
		}
		if _, err := compile(manifest.Condition{}, text(wrong)); err == nil {
			t.Errorf("send %s was compiled", wrong)
		}
	}
}
