package check

import (
	"fmt"
	"slices"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

const (
	day = 24 * time.Hour
	kib = int64(1) << 10
	gib = int64(1) << 30
	// largestPassed is the largest body that is only handed on.
	largestPassed = gib << 10
)

// limits checks that bounds can be lived with: none is nothing, none is
// without end.
func (c *checker) limits() {
	l := &c.m.Limits
	c.size("limits.body", l.Body, 1, gib)
	c.duration("limits.timeout", l.Timeout, 10*time.Millisecond, time.Hour)
	c.duration("limits.statement", l.Statement, time.Millisecond, time.Hour)
	c.count("limits.connections", l.Connections, 1_000_000)
	c.count("limits.connectionsPerAddress", l.ConnectionsPerAddress, 1_000_000)
	c.duration("database.changes.keep", c.m.Database.ChangesKeep, time.Minute, 3650*day)
	if c.m.Database.Engine == manifest.SQLite {
		c.size("database.changes.max", c.m.Database.ChangesMax, 64*kib, 1024*gib)
	}
}

func (c *checker) cache() {
	c.size("cache.memory.size", c.m.Cache.MemorySize, 64*kib, 1024*gib)
	for _, p := range c.m.Cache.Policies {
		path := member("cache.policies", p.Name)
		c.duration(path+".ttl", p.TTL, time.Millisecond, 365*day)
		c.duration(path+".stale", p.Stale, 0, 365*day)
	}
}

func (c *checker) rates() {
	known := []string{string(auth.Anon), string(auth.Authenticated), string(auth.Service)}
	for _, r := range c.m.Rates {
		path := member("rates", r.Name)
		c.count(path+".requests", r.Requests, 1_000_000_000)
		c.duration(path+".window", r.Window, time.Second, day)
		if r.Per != "caller" && r.Per != "ip" {
			c.report(path+".per", fault.Newf(codeRange, "%q is nothing to count by", r.Per).WithHint(`write "caller" or "ip"`))
		}
		for role, requests := range r.Roles {
			if !slices.Contains(known, role) {
				c.report(path+".roles", fault.Newf(codeRange, "there is no role %q", role).
					WithHint(fault.NearestHint(role, known, "roles are anon, authenticated and service_role")))
				continue
			}
			c.count(member(path+".roles", role)+".requests", requests, 1_000_000_000)
		}
	}
}

func (c *checker) duration(path string, d, low, high time.Duration) {
	if d < low || d > high {
		c.report(path, fault.Newf(codeRange, "%s is %s; it can be %s to %s", field(path), duration(d), duration(low), duration(high)).
			WithHint("choose a time between them"))
	}
}

func (c *checker) size(path string, n, low, high int64) {
	if n < low || n > high {
		c.report(path, fault.Newf(codeRange, "%s is %s; it can be %s to %s", field(path), size(n), size(low), size(high)).
			WithHint("choose a size between them"))
	}
}

func (c *checker) count(path string, n, high int) {
	if n < 1 || n > high {
		c.report(path, fault.Newf(codeRange, "%s is %d; it can be 1 to %d", field(path), n, high).WithHint("choose a number between them"))
	}
}

// field is the last member of a path.
func field(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '.' {
			return path[i+1:]
		}
	}
	return path
}

// duration writes a time as manifests do.
func duration(d time.Duration) string {
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{day, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if d >= unit.size && d%unit.size == 0 {
			return fmt.Sprintf("%d%s", d/unit.size, unit.name)
		}
	}
	return fmt.Sprintf("%dms", d.Milliseconds())
}

// size writes bytes as manifests do.
func size(n int64) string {
	for _, unit := range []struct {
		size int64
		name string
	}{{gib << 10, "TiB"}, {gib, "GiB"}, {kib << 10, "MiB"}, {kib, "KiB"}} {
		if n >= unit.size && n%unit.size == 0 {
			return fmt.Sprintf("%d%s", n/unit.size, unit.name)
		}
	}
	return fmt.Sprintf("%dB", n)
}
