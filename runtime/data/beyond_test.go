package data_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// The rows of the tests below, as Go sees them.
type (
	club   struct{ head, name, kind string }
	member struct {
		club int
		user string
	}
	post struct {
		club, parent int
		author, text string
	}
)

var (
	clubRows   = map[int]club{1: {annID, "chess", "open"}, 2: {bobID, "rowing", "closed"}, 3: {"", "", ""}}
	memberRows = []member{{1, annID}, {1, bobID}, {2, bobID}, {3, ""}}
	postRows   = map[int]post{
		1: {1, 0, annID, "chess"}, 2: {2, 1, annID, "a"}, 3: {2, 2, bobID, "b"}, 4: {0, 3, bobID, "c"}, 5: {3, 4, "", "d"}, 6: {1, 6, bobID, "e"},
	}
)

// clubs is a manifest where posts are read under a rule.
func clubs(read string) *manifest.Manifest {
	ref := func(name, table string) manifest.Column {
		return manifest.Column{Name: name, Type: "ref", Table: table}
	}
	return &manifest.Manifest{
		Name: "clubs",
		Tables: []manifest.Table{
			{Name: "users", Key: manifest.Key{Type: "uuid"}, Columns: []manifest.Column{{Name: "email", Type: "text", BuiltIn: true}}},
			{Name: "clubs", Key: manifest.Key{Type: "int"}, Columns: []manifest.Column{ref("head", "users"), {Name: "name", Type: "text"}, {Name: "kind", Type: "text"}}},
			{Name: "members", Key: manifest.Key{Type: "int"}, Columns: []manifest.Column{ref("club", "clubs"), ref("user", "users")}},
			{
				Name: "posts", Key: manifest.Key{Type: "int"},
				Columns: []manifest.Column{ref("club", "clubs"), ref("parent", "posts"), ref("author", "users"), {Name: "text", Type: "text"}},
				Access:  manifest.Access{Read: rule(read)},
			},
		},
		Rules: []manifest.Rule{
			{Name: "member", Params: []string{"club"}, Text: "tables.members.exists(m, m.club == club && m.user == auth.uid)"},
			{Name: "both", Params: []string{"a", "b"}, Text: "member(a) && member(b)"},
		},
		Channels: []manifest.Channel{{Name: "posts", Table: "posts", Events: []string{"create"}}},
	}
}

func openClubs(t *testing.T, m *manifest.Manifest) *backend {
	t.Helper()
	b := open(t, m)
	put := func(table string, id int, columns map[string]any) {
		columns["id"] = id
		for name, v := range columns {
			if v == "" || v == 0 {
				columns[name] = nil
			}
		}
		body, err := json.Marshal(columns)
		if err != nil {
			t.Fatal(err)
		}
		b.put(t, table, string(body))
	}
	b.put(t, "users", `[{"id":"`+annID+`","email":"ann@example.com"},{"id":"`+bobID+`","email":"bob@example.com"}]`)
	for id := 1; id <= len(clubRows); id++ {
		put("clubs", id, map[string]any{"head": clubRows[id].head, "name": clubRows[id].name, "kind": clubRows[id].kind})
	}
	for i, m := range memberRows {
		put("members", i+1, map[string]any{"club": m.club, "user": m.user})
	}
	for id := 1; id <= len(postRows); id++ {
		p := postRows[id]
		put("posts", id, map[string]any{"club": p.club, "parent": p.parent, "author": p.author, "text": p.text})
	}
	return b
}

func isMember(club int, user string) bool {
	return club != 0 && user != "" && slices.Contains(memberRows, member{club, user})
}

// same is equality where null equals nothing.
func same(a, b string) bool { return a != "" && a == b }

// TestBeyondAgrees proves that a rule that looks at other rows shows the rows
// that it means: in a list, by key, in a snapshot, and judged row by row as
// live does.
func TestBeyondAgrees(t *testing.T) {
	for _, test := range []struct {
		rule string
		want func(p post, id int, uid string) bool
	}{
		{"member(club)", func(p post, _ int, uid string) bool { return isMember(p.club, uid) }},
		{"!member(club)", func(p post, _ int, uid string) bool { return !isMember(p.club, uid) }},
		{"member(club) && author != auth.uid", func(p post, _ int, uid string) bool {
			return isMember(p.club, uid) && p.author != "" && p.author != uid
		}},
		{"member(parent.club)", func(p post, _ int, uid string) bool { return isMember(postRows[p.parent].club, uid) }},
		{"member(parent.parent.club)", func(p post, _ int, uid string) bool { return isMember(postRows[postRows[p.parent].parent].club, uid) }},
		{"both(club, parent.club)", func(p post, _ int, uid string) bool {
			return isMember(p.club, uid) && isMember(postRows[p.parent].club, uid)
		}},
		{"club.name == text", func(p post, _ int, _ string) bool { return same(clubRows[p.club].name, p.text) }},
		{"club.name == null", func(p post, _ int, _ string) bool { return clubRows[p.club].name == "" }},
		{"club.name != 'chess'", func(p post, _ int, _ string) bool {
			return clubRows[p.club].name != "" && clubRows[p.club].name != "chess"
		}},
		{"club.head == auth.uid || author.email == auth.email", func(p post, _ int, uid string) bool {
			return same(clubRows[p.club].head, uid) || same(p.author, uid)
		}},
		{"club.head.email == 'ann@example.com'", func(p post, _ int, _ string) bool { return clubRows[p.club].head == annID }},
		{"club.id == 2", func(p post, _ int, _ string) bool { return p.club == 2 }},
		{"lower(club.name) in ['chess', 'x'] ? author == auth.uid : club.kind == 'closed'", func(p post, _ int, uid string) bool {
			switch clubRows[p.club].name {
			case "":
				return false
			case "chess":
				return same(p.author, uid)
			}
			return clubRows[p.club].kind == "closed"
		}},
		{"tables.posts.exists(p, p.parent == id && p.id != id)", func(_ post, id int, _ string) bool {
			for other, p := range postRows {
				if p.parent == id && other != id {
					return true
				}
			}
			return false
		}},
		{"tables.members.exists(m, m.club == club && tables.clubs.exists(c, c.id == m.club && c.head == m.user && c.head == author))", func(p post, _ int, _ string) bool {
			return p.author != "" && clubRows[p.club].head == p.author && isMember(p.club, p.author)
		}},
		{"tables.clubs.exists(c, c.head == auth.uid && member(c.id) && c.name == text)", func(p post, _ int, uid string) bool {
			for id, c := range clubRows {
				if same(c.head, uid) && isMember(id, uid) && same(c.name, p.text) {
					return true
				}
			}
			return false
		}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			b := openClubs(t, clubs(test.rule))
			for name, caller := range map[string]*auth.Caller{"ann": ann, "bob": bob, "nobody": nobody} {
				var want []string
				for id := 1; id <= len(postRows); id++ {
					if test.want(postRows[id], id, caller.UID) {
						want = append(want, fmt.Sprint(id))
					}
				}
				if got := b.listed(t, caller); !slices.Equal(got, want) {
					t.Errorf("%s lists %v, want %v", name, got, want)
				}
				if got := b.judged(t, caller); !slices.Equal(got, want) {
					t.Errorf("%s is judged to see %v, want %v", name, got, want)
				}
				for id := 1; id <= len(postRows); id++ {
					key := fmt.Sprint(id)
					_, err := b.Select(t.Context(), caller, data.Read{Table: "posts", Key: key, HasKey: true, Single: true})
					if (err == nil) != slices.Contains(want, key) {
						t.Errorf("%s gets %s by key: %v", name, key, err)
					}
				}
			}
		})
	}
}

// listed are the keys of the posts that a caller reads.
func (b *backend) listed(t *testing.T, caller *auth.Caller) []string {
	t.Helper()
	a, err := b.Select(t.Context(), caller, data.Read{Table: "posts", Request: b.request(t, caller, "posts", "select=id")})
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct{ ID int }
	if err := json.Unmarshal(a.Body, &rows); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, row := range rows {
		keys = append(keys, fmt.Sprint(row.ID))
	}
	return keys
}

// judged are the keys of the posts for which the rule holds, row by row.
func (b *backend) judged(t *testing.T, caller *auth.Caller) []string {
	t.Helper()
	s, err := b.Subscribe(caller, "posts")
	if err != nil {
		t.Fatal(err)
	}
	ref := func(id int) query.Value {
		if id == 0 {
			return query.Null()
		}
		return query.Int(int64(id))
	}
	text := func(s string, of func(string) query.Value) query.Value {
		if s == "" {
			return query.Null()
		}
		return of(s)
	}
	var asked []query.Expr
	for id := 1; id <= len(postRows); id++ {
		p := postRows[id]
		row := query.Row{query.Int(int64(id)), ref(p.club), ref(p.parent), text(p.author, query.UUID), text(p.text, query.Text)}
		asked = append(asked, query.Place(s.Where, row, nil))
	}
	truths, err := b.Judge(t.Context(), asked)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for i, truth := range truths {
		if truth == query.True {
			keys = append(keys, fmt.Sprint(i+1))
		}
	}
	return keys
}

// TestWritesBeyond proves that write rules, checks and rules of columns that
// look at other rows are judged, and by the rows as they are.
func TestWritesBeyond(t *testing.T) {
	m := clubs("member(club)")
	posts := m.Table("posts")
	posts.Access.Create = rule("member(club) && author.email == auth.email")
	posts.Access.UpdateBefore = rule("member(club)")
	posts.Access.UpdateAfter = rule("old.club.kind == club.kind")
	posts.Access.Delete = rule("club.head == auth.uid")
	posts.Columns[3].Access.Update = rule("club.head == auth.uid")
	posts.Checks = []manifest.Check{{Name: "family", Text: "id < 10 || parent.club == club"}}
	b := openClubs(t, m)
	post := func(caller *auth.Caller, body string) error {
		_, err := b.Insert(t.Context(), caller, data.Write{Table: "posts", Body: []byte(body)})
		return err
	}
	patch := func(caller *auth.Caller, id, body string) (int, error) {
		w, err := b.Update(t.Context(), caller, data.Write{Table: "posts", Key: id, HasKey: true, Body: []byte(body)})
		return w.Affected, err
	}
	for _, test := range []struct {
		name string
		err  error
		want string
	}{
		{"a member's own", post(ann, `{"id":10,"club":1,"author":"`+annID+`"}`), ""},
		{"no member", post(ann, `{"id":11,"club":2,"author":"`+annID+`"}`), data.CodeDenied},
		{"another's name", post(ann, `{"id":12,"club":1,"author":"`+bobID+`"}`), data.CodeDenied},
		{"a parent of another club", post(bob, `{"id":13,"club":1,"parent":3,"author":"`+bobID+`"}`), data.CodeCheck},
		{"a parent of the club", post(bob, `{"id":14,"club":2,"parent":3,"author":"`+bobID+`"}`), ""},
		{"check of the service role", post(service, `{"id":15,"club":1,"parent":3}`), data.CodeCheck},
	} {
		if got := codeOf(test.err); got != test.want {
			t.Errorf("%s: %v, want %q", test.name, test.err, test.want)
		}
	}
	for _, test := range []struct {
		name     string
		caller   *auth.Caller
		id, body string
		affected int
		want     string
	}{
		{"unreadable", ann, "3", `{"text":"x"}`, 0, ""},
		{"head's column", ann, "1", `{"text":"x"}`, 1, ""},
		{"not the head", bob, "1", `{"text":"y"}`, 0, data.CodeGenerated},
		{"to a club of another kind", bob, "14", `{"club":1,"parent":null}`, 0, data.CodeDenied},
	} {
		affected, err := patch(test.caller, test.id, test.body)
		if codeOf(err) != test.want || affected != test.affected {
			t.Errorf("%s: %d, %v; want %d, %q", test.name, affected, err, test.affected, test.want)
		}
	}
	for _, test := range []struct {
		caller   *auth.Caller
		id       string
		affected int
	}{{bob, "10", 0}, {ann, "10", 1}, {nobody, "14", 0}} {
		w, err := b.Delete(t.Context(), test.caller, data.Write{Table: "posts", Key: test.id, HasKey: true})
		if err != nil || w.Affected != test.affected {
			t.Errorf("delete %s: %d, %v", test.id, w.Affected, err)
		}
	}
}

func codeOf(err error) string {
	if err == nil {
		return ""
	}
	return fault.From(err).Code
}
