package difference

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// limits compares what bounds every request. The time of a statement is not
// here: it needs a restart.
func (c *comparer) limits() {
	old, next := c.old.Manifest.Limits, c.next.Manifest.Limits
	c.bound("limits.body", Limits, "the body of a request", old.Body, next.Body, bytesText)
	c.bound("limits.timeout", Limits, "the time of a request", int64(old.Timeout), int64(next.Timeout), durationText)
	c.bound("limits.connections", Limits, "connections", int64(old.Connections), int64(next.Connections), plain)
	c.bound("limits.connectionsPerAddress", Limits, "connections of one address", int64(old.ConnectionsPerAddress), int64(next.ConnectionsPerAddress), plain)
}

// bound compares a number of which more is let through than of less.
func (c *comparer) bound(path string, area Area, what string, was, is int64, say func(int64) string) {
	if was == is {
		return
	}
	change := Change{Area: area, Sign: Turns, Grade: Safe, What: "raises " + what, Was: say(was), Is: say(is)}
	if is < was {
		change.Grade, change.What = Breaks, "lowers "+what
	}
	c.add(path, change)
}

func plain(n int64) string { return strconv.FormatInt(n, 10) }

// bytesText is a size in the largest unit that divides it.
func bytesText(n int64) string {
	for _, unit := range []struct {
		size int64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n > 0 && n%unit.size == 0 {
			return strconv.FormatInt(n/unit.size, 10) + unit.name
		}
	}
	return strconv.FormatInt(n, 10) + "B"
}

// rates compares the named request rates.
func (c *comparer) rates() {
	find := func(m *manifest.Manifest, name string) *manifest.Rate {
		if i := slices.IndexFunc(m.Rates, func(r manifest.Rate) bool { return r.Name == name }); i >= 0 {
			return &m.Rates[i]
		}
		return nil
	}
	for i := range c.next.Manifest.Rates {
		next := &c.next.Manifest.Rates[i]
		old := find(c.old.Manifest, next.Name)
		change := Change{Area: Limits, Sign: Turns, Grade: Safe, What: "raises rate " + next.Name, Is: sayRate(next)}
		switch {
		case old == nil && next.Name != "default":
			change.Sign, change.What = Comes, "adds rate "+next.Name
		case old == nil:
			change.Sign, change.Grade, change.What = Comes, Breaks, "bounds the requests that no other rate bounds"
		case sayRate(old) == sayRate(next):
			continue
		default:
			change.Was = sayRate(old)
			if !raised(old, next) {
				change.Grade, change.What = Breaks, "lowers or changes rate "+next.Name
			}
		}
		c.add("rates."+next.Name, change)
	}
	for i := range c.old.Manifest.Rates {
		if old := &c.old.Manifest.Rates[i]; find(c.next.Manifest, old.Name) == nil {
			c.add("rates", Change{Area: Limits, Sign: Goes, Grade: Safe, What: "removes rate " + old.Name, Was: sayRate(old)})
		}
	}
}

// raised reports whether nobody gets less.
func raised(old, next *manifest.Rate) bool {
	if old.Per != next.Per || old.Window != next.Window || next.Requests < old.Requests {
		return false
	}
	of := func(r *manifest.Rate, role string) int {
		if n, ok := r.Roles[role]; ok {
			return n
		}
		return r.Requests
	}
	for _, roles := range []map[string]int{old.Roles, next.Roles} {
		for role := range roles {
			if of(next, role) < of(old, role) {
				return false
			}
		}
	}
	return true
}

func sayRate(r *manifest.Rate) string {
	said := fmt.Sprintf("%d in %s per %s", r.Requests, short(r.Window), r.Per)
	for _, role := range slices.Sorted(maps.Keys(r.Roles)) {
		said += fmt.Sprintf(", %s %d", role, r.Roles[role])
	}
	return said
}
