package access_test

import (
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// typedClaims is the library with claims of every type.
func typedClaims() *manifest.Manifest {
	m := library()
	literal := func(json string) *manifest.Default { return &manifest.Default{JSON: json} }
	m.Auth.Claims = []manifest.Column{
		{Name: "role", Type: "text", Enum: []string{"reader", "staff"}, Default: literal(`"reader"`), Path: "auth.claims.role"},
		{Name: "level", Type: "int", Default: literal("1"), Path: "auth.claims.level"},
		{Name: "admin", Type: "bool", Path: "auth.claims.admin"},
		{Name: "until", Type: "timestamp", Path: "auth.claims.until"},
		{Name: "teams", Type: "list", Of: "text", Default: literal(`["x"]`), Path: "auth.claims.teams"},
		{Name: "prefs", Type: "json", Path: "auth.claims.prefs"},
		{Name: "color", Type: "text", Path: "auth.claims.color"},
	}
	return m
}

func TestTypedClaims(t *testing.T) {
	signed := func(claims string) query.Binding {
		return query.Binding{UID: text("ann"), Role: "authenticated", Claims: claims}
	}
	for _, test := range []struct {
		text   string
		caller query.Binding
		want   query.Truth
	}{
		{"auth.claims.role == 'staff'", signed(`{"role":"staff"}`), query.True},
		{"auth.claims.role == 'reader'", signed(`{}`), query.True},
		{"auth.claims.role == 'reader'", signed(`{"role":null}`), query.True},
		{"auth.claims.role != 'staff'", signed(`{}`), query.True},
		{"auth.claims.role == 'reader'", nobody, query.Unknown},
		{"auth.claims.role != 'staff'", nobody, query.Unknown},
		{"auth.claims.role == 'reader'", signed(`{"role":7}`), query.Unknown},
		{"auth.claims.role != 'staff'", signed(`{"role":["staff"]}`), query.Unknown},
		{"auth.claims.role == null", nobody, query.True},
		{"has(auth.claims.role)", signed(`{}`), query.True},
		{"auth.claims.level >= 1", signed(`{}`), query.True},
		{"auth.claims.level >= 1", nobody, query.Unknown},
		{"auth.claims.level >= 1", signed(`{"level":"3"}`), query.Unknown},
		{"auth.claims.level == 3", signed(`{"level":3.0}`), query.True},
		{"auth.claims.level == 3", signed(`{"level":3.5}`), query.Unknown},
		{"auth.claims.level + 1 == pages", signed(`{"level":9}`), query.True},
		{"auth.claims.admin", signed(`{"admin":true}`), query.True},
		{"auth.claims.admin", signed(`{"admin":1}`), query.Unknown},
		{"auth.claims.admin", signed(`{}`), query.Unknown},
		{"auth.claims.until > '2026-01-01T00:00:00Z'", signed(`{"until":"2026-02-01T00:00:00Z"}`), query.True},
		{"auth.claims.until > '2026-01-01T00:00:00Z'", signed(`{"until":"soon"}`), query.Unknown},
		{"'b' in auth.claims.teams", signed(`{"teams":["a","b"]}`), query.True},
		{"'x' in auth.claims.teams", signed(`{}`), query.True},
		{"'x' in auth.claims.teams", nobody, query.Unknown},
		{"'b' in auth.claims.teams", signed(`{"teams":["b",1]}`), query.Unknown},
		{"'b' in auth.claims.teams", signed(`{"teams":"b"}`), query.Unknown},
		{"!('b' in auth.claims.teams)", signed(`{"teams":{}}`), query.Unknown},
		{"size(auth.claims.teams) == 2 && auth.claims.teams[1] == 'b'", signed(`{"teams":["a","b"]}`), query.True},
		{"auth.claims.prefs.color == 'red'", signed(`{"prefs":{"color":"red"}}`), query.True},
		{"red(auth.claims)", signed(`{"color":"red"}`), query.True},
		{"staff()", signed(`{"role":"staff"}`), query.True},
	} {
		t.Run(test.text+" "+test.caller.Claims, func(t *testing.T) {
			m := typedClaims()
			m.Table("books").Access.Read = rule(test.text)
			rules, faults := compile(t, m)
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			books := rules.Tables["books"]
			bound := query.Bind(books.Read, test.caller)
			row := values(t, books.Table, map[string]query.Value{"pages": query.Int(10)})
			if got := query.Holds(bound, row, nil); got != test.want {
				t.Errorf("got %s, want %s of %s", got, test.want, query.String(bound))
			}
		})
	}
}

func TestClaimFaults(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"auth.claims.rol == 'staff'", "unknown-column: auth.claims has no `rol` | did you mean role?"},
		{"auth.claims['team'] == 'x'", "unknown-column: auth.claims has no `team` | did you mean teams?"},
		{"auth.claims[0] == 'x'", "bad-rule: claims have names | declared in auth.claims: role, level, admin, until, teams, prefs, color"},
		{"auth.claims.role == 'stuff'", "type-mismatch: auth.claims.role is never 'stuff' | did you mean staff?"},
		{"auth.claims.role in ['staff', 'root']", "type-mismatch: auth.claims.role is never 'root' | its values are reader, staff"},
		{"auth.claims.role == 5", "type-mismatch: cannot compare auth.claims.role (text) and the int 5 | both sides must be of one type"},
		{"auth.claims.level == 'x'", "type-mismatch: 'x' is text, and the other side is of type int | write the number without quotes"},
		{"auth.claims.role.x == 'x'", "type-mismatch: `auth.claims.role` is text and has nothing inside | only json and list values can be looked into"},
		{"auth.claims.role", "type-mismatch: this is auth.claims.role (text), not a condition | compare it: with ==, !=, <, in, or == null"},
		{"7 in auth.claims.teams", "type-mismatch: the int 7 cannot be in a list of text | its items are of type text"},
	} {
		t.Run(test.text, func(t *testing.T) {
			m := typedClaims()
			m.Table("books").Access.Read = rule(test.text)
			_, faults := compile(t, m)
			said := make([]string, len(faults))
			for i, f := range faults {
				said[i] = f.Code + ": " + f.Message + " | " + f.Hint
			}
			if got := strings.Join(said, "; "); got != test.want {
				t.Errorf("\n got %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestClaimDefaults(t *testing.T) {
	m := typedClaims()
	m.Auth.Claims[0].Default.JSON = `"root"`
	m.Auth.Claims[1].Default.JSON = `"1"`
	_, faults := compile(t, m)
	if len(faults) != 2 || faults[0].Code != "bad-default" || faults[1].Code != "bad-default" || faults[1].Path != "auth.claims.role.default" {
		t.Error(faults)
	}
}
