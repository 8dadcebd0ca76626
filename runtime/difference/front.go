package difference

import (
	"slices"
	"strconv"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// front compares how the backend speaks to the world. What needs a restart engine
// shows: a reload refuses it.
func (c *comparer) front() {
	old, next := &c.old.Manifest.Server, &c.next.Manifest.Server
	never := &manifest.Compress{Off: true}
	orNever := func(m *manifest.Compress) *manifest.Compress {
		if m == nil {
			return never
		}
		return m
	}
	c.compressing("server.compress", Server, "the server", orNever(old.Compress), orNever(next.Compress))
	if !slices.Equal(old.Hosts, next.Hosts) {
		c.add("server.hosts", Change{Area: Routes, Sign: Turns, Grade: Breaks, What: "answers the built-in paths on other hosts", Was: sayList(old.Hosts, "all"), Is: sayList(next.Hosts, "all")})
	}
	if old.TLS != nil && next.TLS != nil {
		c.tls(old.TLS, next.TLS)
	}
	if was, is := c.old.Manifest.Cache.Redis, c.next.Manifest.Cache.Redis; was != nil && is != nil && was.Timeout != is.Timeout {
		c.add("cache.redis.timeout", Change{Area: Cache, Sign: Turns, Grade: Safe, What: "requests wait for Redis another time", Was: short(was.Timeout), Is: short(is.Timeout)})
	}
	c.traces(c.old.Manifest.Observe.Traces, c.next.Manifest.Observe.Traces)
	if was, is := c.old.Manifest.Observe.LogRequests, c.next.Manifest.Observe.LogRequests; was != is {
		c.add("observe.log.requests", Change{Area: Server, Sign: Turns, Grade: Safe, What: "logs another share of the requests that went well", Was: share(was), Is: share(is)})
	}
}

// tls compares which certificates the server has and how it speaks.
func (c *comparer) tls(old, next *manifest.TLS) {
	was, is := *old, *next
	if gained(next.Domains, old.Domains) {
		c.add("server.tls.domains", Change{Area: Server, Sign: Turns, Grade: Breaks, What: "speaks TLS for other domains", Was: sayList(old.Domains, "none"), Is: sayList(next.Domains, "none")})
		is.Domains = was.Domains
	}
	c.fields(next.Path, Server, "TLS", &was, &is, map[string]Grade{"Min": Breaks, "Kind": Breaks})
}

func (c *comparer) traces(old, next *manifest.Traces) {
	switch {
	case old == nil && next == nil:
	case old == nil:
		c.add(next.Path, Change{Area: Server, Sign: Comes, Grade: Safe, What: "sends traces", Is: next.URL})
	case next == nil:
		c.add("observe", Change{Area: Server, Sign: Goes, Grade: Safe, What: "sends traces no more", Was: old.URL})
	default:
		c.fields(next.Path, Server, "traces", old, next, nil)
	}
}

// share is a part of one for a reader.
func share(part float64) string { return strconv.FormatFloat(part*100, 'f', -1, 64) + "%" }
