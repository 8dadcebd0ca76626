package data_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/auth"
)

func TestSubscribe(t *testing.T) {
	b := stocked(t)
	tests := []struct {
		name    string
		caller  *auth.Caller
		channel string
		want    string // rows of the snapshot, or the fault
	}{
		{"own", ann, "mine", orderOf(annID)},
		{"other's own", bob, "mine", orderOf(bobID)},
		{"nobody's", nobody, "mine", "[]"},
		{"staff at the desk", staff, "desk", orderOf(annID)},
		{"not staff at the desk", ann, "desk", "42501 permission denied for channel desk"},
		{"nobody at the desk", nobody, "desk", "42501 permission denied for channel desk"},
		{"service at the desk", service, "desk", orderOf(bobID)},
		{"a table granted to nobody", ann, "vault", "42501 permission denied for table vault"},
		{"no such channel", ann, "nope", "PGRST205 Could not find the channel 'nope'"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := b.Subscribe(tt.caller, tt.channel)
			var got string
			if err != nil {
				got = code(t, err)
			} else {
				got = b.snapshot(t, s)
			}
			if !strings.Contains(got, tt.want) {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestSubscriptionsFormGroups(t *testing.T) {
	b := stocked(t)
	group := func(caller *auth.Caller, channel string) string {
		t.Helper()
		s, err := b.Subscribe(caller, channel)
		if err != nil {
			t.Fatal(err)
		}
		return s.Group
	}
	again := &auth.Caller{Role: auth.Authenticated, UID: annID, Email: "new@example.com", Claims: `{"role":"reader"}`, Session: "other"}
	if group(nobody, "catalog") != group(ann, "catalog") {
		t.Error("two who see the same are two groups")
	}
	if group(ann, "mine") != group(again, "mine") {
		t.Error("one person is two groups")
	}
	for name, pair := range map[string][2]string{
		"rows":     {group(ann, "mine"), group(bob, "mine")},
		"columns":  {group(nobody, "catalog"), group(staff, "catalog")},
		"channels": {group(service, "mine"), group(service, "desk")},
	} {
		if pair[0] == pair[1] {
			t.Errorf("one group for other %s: %s", name, pair[0])
		}
	}
}

// What is remembered of one caller is never another's, however many there are.
func TestCallersAreToldApart(t *testing.T) {
	b := stocked(t)
	seen := map[string]string{}
	for range 2 {
		for i := range 1000 {
			uid := fmt.Sprintf("0190a000-0000-7000-8000-%012d", i)
			s, err := b.Subscribe(&auth.Caller{Role: auth.Authenticated, UID: uid, Claims: "{}"}, "mine")
			if err != nil {
				t.Fatal(err)
			}
			if was := seen[s.Group]; was != "" && was != uid {
				t.Fatalf("%s sees what %s sees", uid, was)
			}
			seen[s.Group] = uid
		}
	}
}
