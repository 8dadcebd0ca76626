package query_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// walked writes the walk of a request.
func walked(w *query.ReachRequest) string {
	if w == nil {
		return ""
	}
	var ways []string
	for _, r := range w.Ways {
		via := ""
		if r.Via != nil {
			via = fmt.Sprintf("(%s)%s(%s)", r.ViaNear.Name, r.Via.Name, r.ViaFar.Name)
		}
		ways = append(ways, fmt.Sprintf("%s.%s %s> %s.%s", r.From.Name, r.Near.Name, via, r.To.Name, r.Far.Name))
	}
	return fmt.Sprintf("%s/%d %d-%d %s", w.From.Name, w.Start.N, w.Min, w.Max, strings.Join(ways, ", "))
}

func TestReachRequest(t *testing.T) {
	follows, followed := "members.id (follower)follows(followed)> members.id", "members.id (followed)follows(follower)> members.id"
	loans := "books.id (book)loans(member)> members.id, members.id (member)loans(book)> books.id"
	for _, test := range []struct{ table, url, want string }{
		{"members", "_from=7&_via=follows", "members/7 1-1 " + follows},
		{"members", "_from=7&_via=follows&_hops=1-3&_direction=out", "members/7 1-3 " + follows},
		{"members", "_from=7&_via=follows&_hops=2&_direction=in", "members/7 2-2 " + followed},
		{"members", "_from=members/7&_via=follows&_hops=0-5&_direction=both", "members/7 0-5 " + follows + ", " + followed},
		{"members", "_from=7&_via=loans&_hops=2", "members/7 2-2 " + loans},
		{"books", "_via=loans&_from=members/7", "members/7 1-1 " + loans},
		{"members", "_from=7&_via=follows, loans&_hops=1-2&_direction=in", "members/7 1-2 " + followed + ", " + loans},
		{"staff", "_from=7&_via=manager_id&_hops=1-5", "staff/7 1-5 staff.manager_id > staff.id"},
		{"staff", "_from=7&_via=staff.manager_id&_direction=in", "staff/7 1-1 staff.id > staff.manager_id"},
		{"authors", "_from=books/7&_via=books.author_id", "books/7 1-1 books.author_id > authors.id, authors.id > books.author_id"},
		{"books", "select=title,_hops&order=_hops.desc,title&_from=authors/7&_via=author_id", "authors/7 1-1 books.author_id > authors.id, authors.id > books.author_id"},
	} {
		r, err := parseIn(t, library(), test.table, test.url, query.DefaultLimits())
		if err != nil {
			t.Errorf("%s: %v", test.url, err)
			continue
		}
		if got := walked(r.Reach); got != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", test.url, got, test.want)
		}
	}
}

func TestReachRequestRefused(t *testing.T) {
	// Nobody sees who is followed, nor the table loans.
	limits := query.DefaultLimits()
	limits.Sees = func(t *query.Table) (*query.ColumnSet, bool) {
		if t.Name != "follows" {
			return nil, t.Name != "loans"
		}
		var seen query.ColumnSet
		seen.Add(t.Column("id"))
		seen.Add(t.Column("follower"))
		return &seen, true
	}
	for _, test := range []struct {
		table, url, code string
		limits           query.Limits
	}{
		{"members", "_from=7", query.CodeParse, query.DefaultLimits()},
		{"members", "_via=follows", query.CodeParse, query.DefaultLimits()},
		{"members", "_hops=1", query.CodeParse, query.DefaultLimits()},
		{"members", "_direction=in", query.CodeParse, query.DefaultLimits()},
		{"members", "_from=x&_via=follows", query.CodeSyntax, query.DefaultLimits()},
		{"members", "_from=&_via=follows", query.CodeSyntax, query.DefaultLimits()},
		{"members", "_from=7&_from=7&_via=follows", query.CodeParse, query.DefaultLimits()},
		{"members", "_from=books/7&_via=follows", query.CodeParse, query.DefaultLimits()},
		{"members", "_from=7&_via=follows,follows", query.CodeParse, query.DefaultLimits()},
		{"members", "_from=7&_via=a,b,c,d,e,f,g,h,i,j,k", query.CodeParse, query.DefaultLimits()},
		{"members", "_from=7&_via=", query.CodeNoRelation, query.DefaultLimits()},
		{"members", "_from=7&_via=letters", query.CodeNoRelation, query.DefaultLimits()},
		{"members", "_from=7&_via=name", query.CodeNoRelation, query.DefaultLimits()},
		{"members", "_from=7&_via=nothing.at", query.CodeNoRelation, query.DefaultLimits()},
		{"members", "_from=7&_via=manager_id", query.CodeNoRelation, query.DefaultLimits()},
		{"members", "_from=7&_via=books.author_id", query.CodeParse, query.DefaultLimits()},         // leads from no member
		{"members", "_from=books/7&_via=books.author_id", query.CodeParse, query.DefaultLimits()},   // leads to no member
		{"members", "_from=7&_via=loans&_direction=in", query.CodeParse, query.DefaultLimits()},     // the table says it
		{"members", "_from=7&_via=follows&_direction=back", query.CodeParse, query.DefaultLimits()}, // no direction
		{"members", "_from=7&_via=follows&_hops=0", query.CodeParse, query.DefaultLimits()},         // the start alone
		{"members", "_from=7&_via=follows&_hops=6", query.CodeParse, query.DefaultLimits()},         // too far
		{"members", "_from=7&_via=follows&_hops=3-1", query.CodeParse, query.DefaultLimits()},       // backwards
		{"members", "_from=7&_via=follows&_hops=1-", query.CodeParse, query.DefaultLimits()},        // no end
		{"members", "_from=7&_via=follows&_hops=-1", query.CodeParse, query.DefaultLimits()},        // no beginning
		{"members", "select=_hops", query.CodeUndefinedColumn, query.DefaultLimits()},               // no walk
		{"members", "order=_hops", query.CodeUndefinedColumn, query.DefaultLimits()},                // no walk
		{"books", "select=title,members(_hops)", query.CodeUndefinedColumn, query.DefaultLimits()},  // not of an embed
		{"members", "_from=7&_via=follows&select=count()&order=_hops", query.CodeGrouping, query.DefaultLimits()},
		{"members", "_from=7&_via=follows", query.CodeNoRelation, limits},
		{"members", "_from=7&_via=loans", query.CodeNoRelation, limits},
	} {
		_, err := parseIn(t, library(), test.table, test.url, test.limits)
		if !fault.Is(err, test.code) {
			t.Errorf("%s?%s: got %v, want %s", test.table, test.url, err, test.code)
		}
	}
}

func TestReachIsInTheText(t *testing.T) {
	schema := library()
	members, follows := schema.Table("members"), schema.Table("follows")
	textOf := func(change func(*query.Reach)) string {
		r := &query.Reach{
			Nodes: []query.ReachNode{{Table: members}}, Start: query.Int(7), Min: 1, Max: 2,
			Steps: []query.ReachStep{{Near: members.Key(), Far: members.Key(), Via: &query.Via{Table: follows, Near: follows.Column("follower"), Far: follows.Column("followed")}}},
		}
		change(r)
		return string(query.AppendSelect(nil, &query.Select{Table: members, Reach: r, Limit: -1}))
	}
	seen := map[string]int{}
	for i, change := range []func(*query.Reach){
		func(*query.Reach) {},
		func(r *query.Reach) { r.Start = query.Int(8) },
		func(r *query.Reach) { r.Min = 0 },
		func(r *query.Reach) { r.Max = 3 },
		func(r *query.Reach) { r.Nodes[0].Where = query.FalseExpr() },
		func(r *query.Reach) { r.Steps[0].Via.Where = query.FalseExpr() },
		func(r *query.Reach) {
			r.Steps[0].Via.Near, r.Steps[0].Via.Far = r.Steps[0].Via.Far, r.Steps[0].Via.Near
		},
		func(r *query.Reach) { r.Steps = append(r.Steps, r.Steps[0]) },
		func(r *query.Reach) {
			r.Nodes = append(r.Nodes, query.ReachNode{Table: schema.Table("books")})
			r.From = 1
		},
	} {
		text := textOf(change)
		if before, ok := seen[text]; ok {
			t.Errorf("walks %d and %d are one: %s", before, i, text)
		}
		seen[text] = i
	}
	var read []string
	query.TablesOf(&query.Select{Table: members, Reach: &query.Reach{
		Nodes: []query.ReachNode{{Table: members, Where: &query.Exists{Table: schema.Table("letters")}}, {Table: schema.Table("books")}},
		Steps: []query.ReachStep{{Via: &query.Via{Table: follows, Where: &query.Exists{Table: schema.Table("desks")}}}},
	}}, func(t *query.Table) { read = append(read, t.Name) })
	if got := strings.Join(read, " "); got != "members members letters books follows desks" {
		t.Errorf("reads %s", got)
	}
}
