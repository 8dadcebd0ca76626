package check

import (
	"net/http"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surql"
)

const codeQuery = "bad-query"

const (
	longestText     = 64 << 10 // bytes of a query's text
	mostQueryParams = 100      // of a query
	mostResults     = 200      // columns
)

// queries checks what can be said of named queries without looking at their
// texts.
func (c *checker) queries() {
	names := uniqueNames{c: c, kind: "query"}
	for i := range c.m.Queries {
		q := &c.m.Queries[i]
		c.name("query", q.Name, q.Path)
		names.add(q.Name, q.Path)
		c.queryParams(q)
		c.queryResult(q)
		c.queryReads(q)
		c.queryText(q)
		c.queryCache(q)
	}
}

func (c *checker) queryParams(q *manifest.Query) {
	names := uniqueNames{c: c, kind: "parameter", of: " of " + q.Name}
	if len(q.Params) > mostQueryParams {
		c.report(q.Path+".params", fault.Newf(codeQuery, "query %s has more than %d parameters", q.Name, mostQueryParams).WithHint("pass a json parameter"))
	}
	for i := range q.Params {
		p := &q.Params[i]
		if p.Name == query.ParamUID || p.Name == query.ParamRole {
			c.report(p.Path, fault.Newf(codeReserved, ":%s is always there: the caller's own", p.Name).WithHint("leave it out of params"))
			continue
		}
		c.name("parameter", p.Name, p.Path)
		names.add(p.Name, p.Path)
		if !c.queryType(p.QueryType, p.Path) || p.Default == "" {
			continue
		}
		if p.Required {
			c.report(p.Path+".default", fault.Newf(codeQuery, "%s is required, so its default is never used", p.Name).WithHint("leave one of the two out"))
		}
		if t, ok := typeOf(c.m, p.QueryType); ok {
			if _, f := query.DecodeJSON(t, []byte(p.Default)); f != nil {
				c.report(p.Path+".default", fault.Newf(codeQuery, "the default of %s does not fit: %s", p.Name, f.Message).WithHint("write "+article(p.Type)+" "+p.Type))
			}
		}
	}
}

func (c *checker) queryResult(q *manifest.Query) {
	if q.Returns != manifest.ReturnsNothing && len(q.Columns) == 0 {
		c.report(q.Path+".returns", fault.Newf(codeQuery, "query %s returns rows without columns", q.Name).WithHint(`name its columns, or write returns: "nothing"`))
	}
	if len(q.Columns) > mostResults {
		c.report(q.Path+".returns", fault.Newf(codeQuery, "query %s has more than %d columns", q.Name, mostResults).WithHint("return json"))
	}
	names := uniqueNames{c: c, kind: "column", of: " of " + q.Name}
	for i := range q.Columns {
		column := &q.Columns[i]
		c.name("column", column.Name, column.Path)
		names.add(column.Name, column.Path)
		c.queryType(column.QueryType, column.Path)
	}
}

// queryType checks what a type refers to.
func (c *checker) queryType(t manifest.QueryType, path string) bool {
	if t.Type == "ref" && c.find(t.Table) == nil {
		c.report(path+".table", c.noTable(t.Table))
		return false
	}
	return true
}

// typeOf is the type of a parameter, false where what it refers to is wrong
// itself.
func typeOf(m *manifest.Manifest, t manifest.QueryType) (query.Type, bool) {
	for steps := 0; t.Type == "ref" && steps <= len(m.Tables); steps++ {
		target := m.Table(t.Table)
		if target == nil {
			return query.Type{}, false
		}
		t = manifest.QueryType{Type: target.Key.Type, Table: target.Key.Table}
	}
	kind, ok := query.KindOf(t.Type)
	elem, _ := query.KindOf(t.Of)
	return query.Type{Kind: kind, Scale: uint8(t.Scale), Elem: elem}, ok
}

func (c *checker) queryReads(q *manifest.Query) {
	seen := map[string]bool{}
	for i, name := range q.Reads {
		switch path := item(q.Path+".reads", i); {
		case c.find(name) == nil:
			c.report(path, c.noTable(name))
		case seen[name]:
			c.report(path, fault.Newf(codeQuery, "reads names %s twice", name).WithHint("name it once"))
		}
		seen[name] = true
	}
}

func (c *checker) queryText(q *manifest.Query) {
	member, text := c.textOf(q)
	switch {
	case strings.TrimSpace(text) == "":
		path := q.Path
		if c.written(q.Path + "." + member) {
			path += "." + member
		}
		c.report(path, fault.Newf(codeQuery, "query %s has no text for the engine %s", q.Name, c.m.Database.Engine).WithHint(`write `+member+`: "SELECT ..."`))
	case len(text) > longestText:
		c.report(q.Path+"."+member, fault.Newf(codeQuery, "the text of a query has at most %d bytes", longestText).WithHint("split it into several queries"))
	case strings.ContainsRune(text, 0):
		c.report(q.Path+"."+member, fault.New(codeQuery, "the text has a NUL in it").WithHint("leave it out"))
	}
}

// textOf is the text for the engine in use, and the member that it stands in.
func (c *checker) textOf(q *manifest.Query) (member, text string) {
	if c.m.Database.Engine == manifest.SurrealDB {
		return "surql", q.SurQL
	}
	return "sql", q.SQL
}

func (c *checker) queryCache(q *manifest.Query) {
	if q.Cache == "" {
		return
	}
	path := q.Path + ".cache"
	names := make([]string, len(c.m.Cache.Policies))
	for i, p := range c.m.Cache.Policies {
		names[i] = p.Name
	}
	switch {
	case !slices.Contains(names, q.Cache):
		c.report(path, fault.Newf(codePolicy, "there is no cache policy %q", q.Cache).WithHint(fault.NearestHint(q.Cache, names, "declare it in cache.policies")))
	case q.Write:
		c.report(path, fault.Newf(codeQuery, "query %s writes, and what it answers cannot be cached", q.Name).WithHint("leave cache out"))
	case q.Returns == manifest.ReturnsNothing:
		c.report(path, fault.Newf(codeQuery, "query %s returns nothing that could be cached", q.Name).WithHint("leave cache out"))
	}
}

// queryTexts holds each text against what is declared of it. The schema is
// that of a manifest without other faults.
func (c *checker) queryTexts(schema *query.Schema) {
	if c.m.Database.Engine == manifest.SurrealDB {
		for _, p := range surql.Verify(schema) {
			c.queryProblem(p.Query, p.Field, p.Name, p.Offset, p.Fault)
		}
		return
	}
	problems, err := sqlite.VerifyQueries(schema)
	if err != nil {
		c.report("queries", fault.Internal(err))
		return
	}
	for _, p := range problems {
		c.queryProblem(p.Query, p.Field, p.Name, p.Offset, p.Fault)
	}
}

// queryProblem reports what is wrong with a query's text, or with a member of
// what is declared beside it.
func (c *checker) queryProblem(n *query.Named, field, name string, offset int, f *fault.Fault) {
	q := c.m.Query(n.Name)
	path := q.Path + "." + field
	switch field {
	case "sql", "surql":
		c.faults = append(c.faults, f.At(path, access.Locate(c.m, path, n.Text, offset)))
		return
	case "write":
	case "reads":
		path = item(path, slices.Index(q.Reads, name))
	default:
		path = member(path, name)
	}
	c.report(path, f)
}

// callQuery checks a route that calls a query: every argument is one of the
// query's, comes from somewhere, and those that are required are there.
func (c *checker) callQuery(r *manifest.Route) {
	path := r.Path + ".query"
	if r.Method != "" && r.Method != http.MethodGet && r.Method != http.MethodHead {
		c.report(r.Path, fault.Newf(codeRoute, "a query answers GET and HEAD, not %s", r.Method).WithHint("leave the method out, or call it at /api/rpc/"+r.Query.Name))
	}
	q := c.m.Query(r.Query.Name)
	if q == nil {
		c.report(path+".name", c.noQuery(r.Query.Name))
		return
	}
	if q.Write {
		c.report(path+".name", fault.Newf(codeRoute, "query %s writes, and a route only reads", q.Name).WithHint("call it by POST at /api/rpc/"+q.Name))
	}
	given := map[string]bool{}
	for i := range r.Query.With {
		c.routeArgument(r, q, &r.Query.With[i])
		given[r.Query.With[i].Name] = true
	}
	for i := range q.Params {
		if p := &q.Params[i]; p.Required && !given[p.Name] {
			c.report(path, fault.Newf(codeQuery, "query %s asks for the parameter %s, and with does not give it", q.Name, p.Name).
				WithHint("write with: "+p.Name+`: param: "..."`))
		}
	}
}

func (c *checker) noQuery(name string) *fault.Fault {
	names := make([]string, len(c.m.Queries))
	for i := range c.m.Queries {
		names[i] = c.m.Queries[i].Name
	}
	return fault.Newf(codeQuery, "there is no query %q", name).WithHint(fault.NearestHint(name, names, "declare it in queries"))
}

func (c *checker) routeArgument(r *manifest.Route, q *manifest.Query, a *manifest.Argument) {
	var p *manifest.QueryParam
	names := make([]string, len(q.Params))
	for i := range q.Params {
		if names[i] = q.Params[i].Name; names[i] == a.Name {
			p = &q.Params[i]
		}
	}
	switch {
	case p == nil:
		c.report(a.Path, fault.Newf(codeQuery, "query %s has no parameter %q", q.Name, a.Name).WithHint(fault.NearestHint(a.Name, names, "leave it out")))
	case a.Param != "" && !hasParam(r.URLPath, a.Param):
		c.report(a.Path+".param", fault.Newf(codeQuery, "the path of route %q has no {%s}", r.Pattern, a.Param).WithHint("name a {parameter} of the path, without the braces"))
	case a.JSON != "":
		if t, ok := typeOf(c.m, p.QueryType); ok {
			v, f := query.DecodeJSON(t, []byte(a.JSON))
			if f == nil && v.IsNull() && p.Required {
				f = fault.New(codeQuery, "it is required, and never null")
			}
			if f != nil {
				c.report(a.Path+".value", fault.Newf(codeQuery, "the value of %s does not fit: %s", a.Name, f.Message).WithHint("write "+article(p.Type)+" "+p.Type))
			}
		}
	}
}

func hasParam(path, name string) bool {
	return slices.Contains(strings.Split(path, "/"), "{"+name+"}")
}
