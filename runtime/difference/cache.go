package difference

import (
	"slices"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// cache compares for how long answers are kept.
func (c *comparer) cache() {
	for old, next := range c.keptTables() {
		was, is := sayPolicy(c.old.Manifest, old.Cache), sayPolicy(c.next.Manifest, next.Cache)
		if was != is {
			c.add(next.Path+".cache", Change{Area: Cache, Sign: Turns, Grade: Safe, What: "answers of " + next.Name + " are kept otherwise", Was: was, Is: is})
		}
	}
	c.policies()
	if was, is := c.old.Manifest.Cache.MemorySize, c.next.Manifest.Cache.MemorySize; was != is {
		c.add("cache.memory.size", Change{Area: Cache, Sign: Turns, Grade: Safe, What: "the cache has another size and begins empty", Was: bytesText(was), Is: bytesText(is)})
	}
}

// policies compares those that come, go, or change while nothing uses them: of
// the others the tables and queries tell.
func (c *comparer) policies() {
	for i := range c.next.Manifest.Cache.Policies {
		name := c.next.Manifest.Cache.Policies[i].Name
		was, is := sayPolicy(c.old.Manifest, name), sayPolicy(c.next.Manifest, name)
		change := Change{Area: Cache, Sign: Turns, Grade: Safe, What: "changes policy " + name + ", which nothing uses", Was: was, Is: is}
		switch {
		case findPolicy(c.old.Manifest, name) < 0:
			change.Sign, change.What, change.Was = Comes, "adds policy "+name, ""
		case was == is || usesPolicy(c.next.Manifest, name):
			continue
		}
		c.add("cache.policies."+name, change)
	}
	for i := range c.old.Manifest.Cache.Policies {
		if name := c.old.Manifest.Cache.Policies[i].Name; findPolicy(c.next.Manifest, name) < 0 {
			c.add("cache.policies", Change{Area: Cache, Sign: Goes, Grade: Safe, What: "removes policy " + name, Was: sayPolicy(c.old.Manifest, name)})
		}
	}
}

func usesPolicy(m *manifest.Manifest, name string) bool {
	return slices.ContainsFunc(m.Tables, func(t manifest.Table) bool { return t.Cache == name }) ||
		slices.ContainsFunc(m.Queries, func(q manifest.Query) bool { return q.Cache == name }) ||
		slices.ContainsFunc(m.Routes, func(r manifest.Route) bool { return r.Cache == name }) ||
		slices.ContainsFunc(m.Middleware, func(w manifest.Middleware) bool { return w.Cache == name })
}

func findPolicy(m *manifest.Manifest, name string) int {
	return slices.IndexFunc(m.Cache.Policies, func(p manifest.Policy) bool { return p.Name == name })
}

func sayPolicy(m *manifest.Manifest, name string) string {
	i := findPolicy(m, name)
	if i < 0 {
		return "not kept"
	}
	p := m.Cache.Policies[i]
	if p.Stale == 0 {
		return short(p.TTL)
	}
	return short(p.TTL) + ", stale for " + short(p.Stale)
}
