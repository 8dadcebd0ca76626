package access_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

var (
	nobody = query.Binding{Role: "anon", Claims: "{}"}
	ann    = query.Binding{UID: text("ann"), Email: text("ann@example.com"), Role: "authenticated", Claims: `{"role":"staff","level":3,"admin":true,"teams":["a","b"],"nothing":null}`, Now: 1_000_000}
)

func text(s string) *string { return &s }

// values makes a row of books; columns that are not named are null.
func values(t *testing.T, table *query.Table, set map[string]query.Value) query.Row {
	t.Helper()
	row := make(query.Row, len(table.Columns))
	for name, v := range set {
		row[table.Column(name).Index] = v
	}
	return row
}

func TestLogicOfRules(t *testing.T) {
	row := map[string]query.Value{
		"id": query.Int(7), "title": query.Text("Emma"), "owner": query.UUID("ann"), "pages": query.Int(10),
		"price": query.Decimal(999, 2), "meta": query.JSON(`{"color":"red","n":5,"list":[1,"x"],"none":null}`), "tags": query.List(`["a","b"]`),
	}
	for _, test := range []struct {
		text   string
		caller query.Binding
		want   query.Truth
	}{
		{"owner == auth.uid", ann, query.True},
		{"owner == auth.uid", nobody, query.Unknown},
		{"!(owner == auth.uid)", nobody, query.Unknown},
		{"owner != auth.uid", nobody, query.Unknown},
		{"status == auth.uid", nobody, query.Unknown},
		{"status == 'open'", ann, query.Unknown},
		{"status != 'open'", ann, query.Unknown},
		{"status == null", ann, query.True},
		{"status != null", ann, query.False},
		{"title != null && pages == 10", ann, query.True},
		{"status == 'open' || pages == 10", ann, query.True},
		{"status == 'open' && pages == 11", ann, query.False},
		{"status == 'open' || pages == 11", ann, query.Unknown},
		{"status in ['open', 'paid']", ann, query.Unknown},
		{"!(status in ['open', 'paid'])", ann, query.Unknown},
		{"pages in [1, 10]", ann, query.True},
		{"sold", ann, query.Unknown},
		{"!sold", ann, query.Unknown},
		{"sold ? true : pages == 10", ann, query.Unknown},
		{"sold == null ? pages == 10 : sold", ann, query.True},
		{"auth.claims.role == 'staff'", ann, query.True},
		{"auth.claims.role == 'staff'", nobody, query.Unknown},
		{"auth.claims.role != 'staff'", nobody, query.Unknown},
		{"auth.claims.role == null", nobody, query.True},
		{"auth.claims.nothing == null", ann, query.True},
		{"has(auth.claims.role)", ann, query.True},
		{"has(auth.claims.nothing)", ann, query.False},
		{"has(auth.claims.role)", nobody, query.False},
		{"has(auth.uid)", nobody, query.False},
		{"auth.claims.level == 'staff'", ann, query.Unknown},
		{"auth.claims.level >= 3", ann, query.True},
		{"auth.claims.admin", ann, query.True},
		{"auth.claims.role", ann, query.Unknown},
		{"auth.claims.teams[1] == 'b'", ann, query.True},
		{"auth.claims.teams[9] == 'b'", ann, query.Unknown},
		{"'b' in auth.claims.teams", ann, query.True},
		{"'z' in auth.claims.teams", ann, query.False},
		{"'b' in auth.claims.teams", nobody, query.Unknown},
		{"'a' in tags && !('z' in tags)", ann, query.True},
		{"size(tags) == 2 && size(title) == 4", ann, query.True},
		{"meta.color == 'red' && meta.n > 4 && meta.list[1] == 'x'", ann, query.True},
		{"meta.none == null && meta.missing == null", ann, query.True},
		{"meta.color == 5", ann, query.Unknown},
		{"title.contains('mm') && title.startsWith('E') && title.endsWith('a')", ann, query.True},
		{"title.matches('^E.*a$') && lower(title) == 'emma'", ann, query.True},
		{"price == 9.99 && price < 10 && price * 2 == 19.98", ann, query.True},
		{"pages + 1 == 11 && pages / 3 == 3 && -pages < 0", ann, query.True},
		{"pages / 0 == 1", ann, query.Unknown},
		{"auth.role == 'anon' && auth.uid == null && auth.email == null", nobody, query.True},
	} {
		t.Run(test.text, func(t *testing.T) {
			cond, faults := read(t, test.text)
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			m := library()
			schema, err := query.Declare(m)
			if err != nil {
				t.Fatal(err)
			}
			bound := query.Bind(cond, test.caller)
			if got := query.Holds(bound, values(t, schema.Table("books"), row), nil); got != test.want {
				t.Errorf("got %s, want %s of %s", got, test.want, query.String(bound))
			}
		})
	}
}

func TestOperations(t *testing.T) {
	m := library()
	books := m.Table("books")
	books.Access = manifest.Access{
		Read:         manifest.Condition{Declared: true, Always: true},
		Create:       rule("owner == auth.uid"),
		UpdateBefore: rule("sold"),
		UpdateAfter:  rule("old.pages < pages"),
		Guards:       []manifest.Guard{{Name: "tenant", Condition: rule("title == auth.claims.club")}},
	}
	books.Access.UpdateAfter.Path += ".after"
	books.Checks = []manifest.Check{{Name: "positive", Text: "pages > 0", Path: "tables.books.checks.positive"}}
	books.Indexes = []manifest.Index{{Name: "open", Columns: []string{"title"}, Where: "status == 'open'", Path: "tables.books.indexes.open"}}
	m.Channels = []manifest.Channel{
		{Name: "all", Table: "books"},
		{Name: "mine", Table: "books", Filter: "sold", Access: rule("auth.uid != null")},
		{Name: "none", Table: "books", Access: manifest.Condition{Declared: true}},
	}
	schema, err := query.Declare(m)
	if err != nil {
		t.Fatal(err)
	}
	rules, faults := access.Compile(m, schema)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	got := rules.Tables["books"]
	tenant := "=(title,call:scalar:t(path(@auth.c->4:club)))"
	for name, pair := range map[string][2]string{
		"read":          {query.String(got.Read), tenant},
		"create":        {query.String(got.Create), "and(=(owner,@auth.u)," + tenant + ")"},
		"update before": {query.String(got.UpdateBefore), "and(sold," + tenant + ")"},
		"update after":  {query.String(got.UpdateAfter), "and(<(old.pages,pages)," + tenant + ")"},
		"delete":        {query.String(got.Delete), "'b0"},
		"check":         {got.Checks[0].Name + " " + query.String(got.Checks[0].Cond), "books_positive_check >(pages,'i0)"},
		"index":         {query.String(schema.Table("books").Indexes[0].Where), "=(status,'t4:open)"},
		"all":           {query.String(rules.Channels["all"].Filter) + query.String(rules.Channels["all"].Access), "'b1'b1"},
		"mine":          {query.String(rules.Channels["mine"].Filter) + query.String(rules.Channels["mine"].Access), "soldisnotnull(@auth.u)"},
		"none":          {query.String(rules.Channels["none"].Access), "'b0"},
		"users":         {query.String(rules.Tables["users"].Read), "'b0"},
		"granted":       {fmt.Sprint(got.Granted), fmt.Sprint(access.Granted{Read: true, Create: true, Update: true})},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s:\n got %s\nwant %s", name, pair[0], pair[1])
		}
	}
}

func TestUpdateStringMeansBoth(t *testing.T) {
	m := library()
	m.Table("books").Access.UpdateBefore = rule("owner == auth.uid")
	m.Table("books").Access.UpdateAfter = rule("owner == auth.uid")
	rules, faults := compile(t, m)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	got := rules.Tables["books"]
	if query.String(got.UpdateBefore) != "=(owner,@auth.u)" || query.String(got.UpdateAfter) != "=(owner,@auth.u)" {
		t.Error(query.String(got.UpdateBefore), query.String(got.UpdateAfter))
	}
	m.Table("books").Access.UpdateBefore.Text = "onwer == auth.uid"
	m.Table("books").Access.UpdateAfter.Text = "onwer == auth.uid"
	m.Positions = manifest.Positions{"": {File: "edgehive.cue", Line: 3, Column: 4}}
	if _, faults := compile(t, m); len(faults) != 1 {
		t.Errorf("one mistake, %d faults: %v", len(faults), faults)
	}
}

func TestColumns(t *testing.T) {
	m := library()
	books := m.Table("books")
	set := func(name string, change func(*manifest.Column)) { change(books.Column(name)) }
	set("status", func(c *manifest.Column) { c.Default = &manifest.Default{JSON: `"open"`} })
	set("at", func(c *manifest.Column) { c.Auto = &manifest.Auto{Create: "now()", Update: "now()"} })
	set("day", func(c *manifest.Column) { c.Default = &manifest.Default{CEL: "now()"} })
	set("code", func(c *manifest.Column) { c.Default = &manifest.Default{CEL: "uuid()"} })
	set("owner", func(c *manifest.Column) { c.Auto = &manifest.Auto{Create: "auth.uid"} })
	set("title", func(c *manifest.Column) { c.Auto = &manifest.Auto{Create: "lower(status)"} })
	set("price", func(c *manifest.Column) {
		c.Default = &manifest.Default{JSON: "1.5"}
		c.Access.Read, c.Access.Update = rule("staff()"), manifest.Condition{Declared: true}
	})
	set("tags", func(c *manifest.Column) { c.Default = &manifest.Default{JSON: `["a", "b"]`} })
	set("pages", func(c *manifest.Column) { c.Access.Create = manifest.Condition{Declared: true, Always: true} })
	rules, faults := compile(t, m)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	var got []string
	for _, c := range rules.Tables["books"].Columns {
		for _, part := range []struct {
			name string
			expr query.Expr
		}{{"read", c.Read}, {"create", c.Create}, {"update", c.Update}, {"default", c.Default}, {"autoCreate", c.AutoCreate}, {"autoUpdate", c.AutoUpdate}} {
			if part.expr != nil {
				got = append(got, c.Column.Name+"."+part.name+" "+query.String(part.expr))
			}
		}
		if (c.Declared == nil) != (c.Column.Name == "id") {
			t.Errorf("%s: declared is %v", c.Column.Name, c.Declared)
		}
	}
	want := `title.autoCreate call:lower:t(status)
status.default 't4:open
owner.autoCreate @auth.u
pages.create 'b1
price.read =(call:scalar:t(path(@auth.c->4:role)),'t5:staff)
price.update 'b0
price.default 'd1.50
at.autoCreate @now
at.autoUpdate @now
day.default @today
code.default call:uuid:u()
tags.default 'l9:["a","b"]`
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
}

// TestMacrosAreBounded proves that rules that double each other end.
func TestMacrosAreBounded(t *testing.T) {
	m := library()
	m.Rules = append(m.Rules, manifest.Rule{Name: "r0", Text: "sold", Path: `rules."r0()"`})
	for i := 1; i < 60; i++ {
		m.Rules = append(m.Rules, manifest.Rule{
			Name: fmt.Sprintf("r%d", i), Text: fmt.Sprintf("r%d() || r%d()", i-1, i-1), Path: fmt.Sprintf(`rules."r%d()"`, i),
		})
	}
	m.Table("books").Access.Read = rule("r59()")
	_, faults := compile(t, m)
	if len(faults) != 1 || faults[0].Code != "too-complex" {
		t.Errorf("got %v", faults)
	}
}

func TestDeepRulesAreRefused(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("(", 100_000),
		strings.Repeat("(", 65) + "sold" + strings.Repeat(")", 65),
		"sold" + strings.Repeat(" && sold", 3000),
		"pages" + strings.Repeat(" + pages", 3000) + " > 1",
		"meta" + strings.Repeat(".a", 3000) + " == 1",
		"meta" + strings.Repeat("[0]", 3000) + " == 1",
	} {
		if _, faults := read(t, text); len(faults) != 1 {
			t.Errorf("%.30s...: %d faults", text, len(faults))
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	for _, tables := range []int{10, 100, 500} {
		b.Run(fmt.Sprintf("tables=%d", tables), func(b *testing.B) {
			m := library()
			books := m.Tables[1]
			books.Access = manifest.Access{
				Read: rule("owner == auth.uid || staff()"), Create: rule("auth.role == 'authenticated' && status == 'open'"),
				UpdateBefore: rule("owner == auth.uid && status == 'open'"), UpdateAfter: rule("owner == auth.uid && status in ['open', 'paid']"),
				Delete: rule("owner == auth.uid && status == 'open'"),
			}
			for i := range tables {
				t := books
				t.Name = fmt.Sprintf("books%d", i)
				m.Tables = append(m.Tables, t)
			}
			schema, err := query.Declare(m)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, faults := access.Compile(m, schema); len(faults) > 0 {
					b.Fatal(faults)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(5*tables), "us/rule")
		})
	}
}
