package difference

import "github.com/edge-hive/edge-hive/runtime/manifest"

// proxyGrades are the fields of a proxy whose change is more than the operator's
// own.
var proxyGrades = map[string]Grade{"Strip": Breaks, "Rewrite": Breaks, "Host": Breaks}

// proxies compares where a route sends requests on to.
func (c *comparer) proxies(old, next *manifest.Route) {
	if old.Proxy == nil || next.Proxy == nil {
		return // another handler, which the route tells
	}
	was, is := *old.Proxy, *next.Proxy
	if is.Credentials && !was.Credentials {
		c.add(next.Proxy.Path+".credentials", Change{Area: Routes, Sign: Turns, Grade: Widens, What: "sends the credentials of who calls route " + next.Pattern + " on"})
		was.Credentials = true
	}
	c.fields(next.Proxy.Path, Routes, "the proxy of route "+next.Pattern, &was, &is, proxyGrades)
}
