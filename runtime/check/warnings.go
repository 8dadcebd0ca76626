package check

import (
	"slices"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// The codes of warnings: what is allowed, and probably not meant.
const (
	warnOpenWrite  = "open-write"
	warnNoAccess   = "no-access"
	warnExposed    = "exposed-metrics"
	warnUnfiltered = "unfilterable-column"
	warnUnused     = "unused"
	warnUnindexed  = "unindexed-rule"
	warnOpenCode   = "open-service"
	warnLoop       = "trigger-loop"
	warnInner      = "inner-address"
)

// urlWords are parameters of the API's URLs, which no filter can name.
var urlWords = []string{"select", "order", "limit", "offset", "and", "or", "not", "columns", "on_conflict"}

// Warnings says what a manifest without faults allows and its author should
// have seen: they stop nothing. checked is what Check gave for m.
func Warnings(m *manifest.Manifest, checked *Checked) fault.List {
	c := &checker{m: m}
	for i := range m.Tables {
		c.warnTable(&m.Tables[i])
	}
	if m.Observe.MetricsListen != "" && !isLoopback(m.Observe.MetricsListen) {
		c.report("observe.metrics.listen", fault.Newf(warnExposed, "metrics listen on %s, where others can read them", m.Observe.MetricsListen).
			WithHint("listen on 127.0.0.1, or let a firewall guard the port"))
	}
	for i := range m.Functions {
		c.warnFunction(&m.Functions[i])
	}
	c.warnTLS()
	c.warnUnused()
	c.warnMiddleware()
	for i := range m.Tables {
		if rules := checked.Rules.Tables[m.Tables[i].Name]; rules != nil {
			c.warnUnindexed(rules)
		}
	}
	c.faults.Sort()
	return c.faults
}

func (c *checker) warnTable(t *manifest.Table) {
	guarded := slices.ContainsFunc(t.Access.Guards, func(g manifest.Guard) bool { return g.Declared && !g.Always })
	open := func(op string, condition manifest.Condition) {
		if condition.Declared && condition.Always && !guarded {
			c.report(condition.Path, fault.Newf(warnOpenWrite, "everyone may %s rows of %s, signed in or not", op, t.Name).
				WithHint(`if that is not meant: "auth.role == 'authenticated'", or compare a column with auth.uid`))
		}
	}
	open("create", t.Access.Create)
	if t.Access.UpdateBefore.Always && t.Access.UpdateAfter.Always {
		open("update", t.Access.UpdateBefore)
	}
	open("delete", t.Access.Delete)
	if t.Name != "users" && !declaresAccess(&t.Access) {
		c.report(t.Path, fault.Newf(warnNoAccess, "table %s has no access: only the service role reaches its rows", t.Name).
			WithHint("if others shall: access: read: true"))
	}
	for i := range t.Columns {
		if column := &t.Columns[i]; slices.Contains(urlWords, column.Name) {
			c.report(column.Path, fault.Newf(warnUnfiltered, "column %s cannot be filtered by: ?%s= means something else in a URL", column.Name, column.Name).
				WithHint("take another name if clients shall filter by it"))
		}
	}
}

func declaresAccess(a *manifest.Access) bool {
	return a.Read.Declared || a.Create.Declared || a.UpdateBefore.Declared || a.UpdateAfter.Declared || a.Delete.Declared
}

// warnUnused names policies and rates that nothing uses: mostly a typing
// mistake in another place.
func (c *checker) warnUnused() {
	for _, p := range c.m.Cache.Policies {
		used := slices.ContainsFunc(c.m.Tables, func(t manifest.Table) bool { return t.Cache == p.Name }) ||
			slices.ContainsFunc(c.m.Queries, func(q manifest.Query) bool { return q.Cache == p.Name }) ||
			slices.ContainsFunc(c.m.Routes, func(r manifest.Route) bool { return r.Cache == p.Name }) ||
			slices.ContainsFunc(c.m.Middleware, func(w manifest.Middleware) bool { return w.Cache == p.Name })
		if !used {
			c.report(member("cache.policies", p.Name), fault.Newf(warnUnused, "nothing uses the cache policy %s", p.Name).WithHint("set cache on a table, query or route, or remove it"))
		}
	}
	for _, r := range c.m.Rates {
		used := r.Name == "default" ||
			slices.ContainsFunc(c.m.Routes, func(route manifest.Route) bool { return route.Rate == r.Name }) ||
			slices.ContainsFunc(c.m.Middleware, func(w manifest.Middleware) bool { return w.Rate == r.Name })
		if !used {
			c.report(member("rates", r.Name), fault.Newf(warnUnused, "no route uses the rate %s", r.Name).WithHint("name it in a route, or remove it"))
		}
	}
}

// warnFunction names what everyone may set off, functions that nobody can reach,
// and those that set themselves off.
func (c *checker) warnFunction(f *manifest.Function) {
	for i := range f.Grants.Tables {
		g := &f.Grants.Tables[i]
		writes := slices.DeleteFunc(slices.Clone(g.Operations), func(op string) bool { return op == "read" })
		if f.Service && f.Call.Always && len(writes) > 0 {
			c.report(f.Call.Path, fault.Newf(warnOpenCode, "everyone may call %s, signed in or not, and as the service role it may %s rows of %s", f.Name, fault.Listed(writes), g.Table).
				WithHint(`its code alone decides what is written; if callers shall be signed in: "auth.role == 'authenticated'"`))
		}
		for j := range f.Tables {
			t := &f.Tables[j]
			again := slices.ContainsFunc(writes, func(op string) bool { return slices.Contains(t.Events, op) })
			if t.Table == g.Table && t.When == "" && again {
				c.report(t.Path, fault.Newf(warnLoop, "%s may write rows of %s, which calls it again, until the chain is cut", f.Name, t.Table).
					WithHint("say which changes count: when: \"old.status != status\""))
			}
		}
	}
	for i, host := range f.Grants.Fetch {
		if _, address := addressOf(host); address.IsValid() && !isPublic(address) {
			c.report(item(f.Grants.Path+".fetch", i), fault.Newf(warnInner, "%s may fetch from %s, an address of this machine or its own network", f.Name, host).
				WithHint("what answers there must not trust whoever is near; take it out if it was not meant"))
		}
	}
	granted := slices.ContainsFunc(c.m.Functions, func(other manifest.Function) bool { return slices.Contains(other.Grants.Functions, f.Name) })
	if !f.Call.Declared && len(f.Tables) == 0 && f.Schedule == nil && !granted {
		c.report(f.Path, fault.Newf(warnNoAccess, "function %s has no access: only the service role may call it", f.Name).
			WithHint(`if others shall: access: call: "auth.role == 'authenticated'"`))
	}
}
