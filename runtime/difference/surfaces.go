package difference

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// cache compares for how long answers are kept.
func (c *comparer) cache() {
	for i := range c.next.Manifest.Tables {
		next := &c.next.Manifest.Tables[i]
		old := c.formerTable(next)
		if old == nil {
			continue
		}
		was, is := sayPolicy(c.old.Manifest, old.Cache), sayPolicy(c.next.Manifest, next.Cache)
		if was != is {
			c.add(next.Path+".cache", Change{Area: Cache, Sign: Turns, Grade: Safe, What: "answers of " + next.Name + " are kept otherwise", Was: was, Is: is})
		}
	}
	if was, is := c.old.Manifest.Cache.MemorySize, c.next.Manifest.Cache.MemorySize; was != is {
		c.add("cache.memory.size", Change{Area: Cache, Sign: Turns, Grade: Safe, What: "the cache has another size and begins empty", Was: bytesText(was), Is: bytesText(is)})
	}
}

func sayPolicy(m *manifest.Manifest, name string) string {
	i := slices.IndexFunc(m.Cache.Policies, func(p manifest.Policy) bool { return p.Name == name })
	if i < 0 {
		return "not kept"
	}
	p := m.Cache.Policies[i]
	if p.Stale == 0 {
		return short(p.TTL)
	}
	return short(p.TTL) + ", stale for " + short(p.Stale)
}

// channels compares what can be subscribed to.
func (c *comparer) channels() {
	find := func(m *manifest.Manifest, name string) *manifest.Channel {
		if i := slices.IndexFunc(m.Channels, func(ch manifest.Channel) bool { return ch.Name == name }); i >= 0 {
			return &m.Channels[i]
		}
		return nil
	}
	for i := range c.next.Manifest.Channels {
		next := &c.next.Manifest.Channels[i]
		if old := find(c.old.Manifest, next.Name); old != nil {
			c.channel(old, next)
			continue
		}
		c.add(next.Path, Change{
			Area: Channels, Sign: Comes, Grade: Safe,
			What: fmt.Sprintf("channel %s shows %s to whoever may read them", next.Name, next.Table),
		})
	}
	for i := range c.old.Manifest.Channels {
		if old := &c.old.Manifest.Channels[i]; find(c.next.Manifest, old.Name) == nil {
			c.add("channels", Change{Area: Channels, Sign: Goes, Grade: Breaks, What: fmt.Sprintf("channel %s goes: the sockets on it are closed", old.Name)})
		}
	}
}

func (c *comparer) channel(old, next *manifest.Channel) {
	before, after := c.old.Rules.Channels[old.Name], c.next.Rules.Channels[next.Name]
	if table := c.next.Manifest.Table(next.Table); table != nil {
		if former := c.formerTable(table); former == nil || former.Name != old.Table {
			c.add(next.Path+".table", Change{
				Area: Channels, Sign: Turns, Grade: Breaks, Was: old.Table, Is: next.Table,
				What: fmt.Sprintf("channel %s shows another table", next.Name),
			})
			return
		}
	}
	if before == nil || after == nil {
		return
	}
	if moved := relate(before.Access, after.Access); moved != same {
		change := Change{Area: Channels, Sign: Turns, Was: sayColumn(old.Access), Is: sayColumn(next.Access)}
		grade(&change, moved, "channel "+next.Name)
		if change.Grade == Breaks {
			change.What += ": the sockets of who may not listen any more are closed"
		}
		c.add(next.Path+".access.read", change)
	}
	switch relate(before.Filter, after.Filter) {
	case same:
	case wider:
		c.add(next.Path+".filter", Change{Area: Channels, Sign: Turns, Grade: Safe, What: fmt.Sprintf("channel %s shows more rows", next.Name), Was: old.Filter, Is: next.Filter})
	default:
		c.add(next.Path+".filter", Change{Area: Channels, Sign: Turns, Grade: Breaks, What: fmt.Sprintf("channel %s shows less, or other rows", next.Name), Was: old.Filter, Is: next.Filter})
	}
	if !contains(next.Events, old.Events) || !contains(old.Events, next.Events) {
		change := Change{
			Area: Channels, Sign: Turns, Grade: Safe, What: fmt.Sprintf("channel %s tells of more events", next.Name),
			Was: strings.Join(old.Events, ", "), Is: strings.Join(next.Events, ", "),
		}
		if !contains(next.Events, old.Events) {
			change.Grade, change.What = Breaks, fmt.Sprintf("channel %s tells of less, or other events", next.Name)
		}
		c.add(next.Path+".events", change)
	}
}

// closedChannels are those of a table that nobody may read any more.
func (c *comparer) closedChannels(table *manifest.Table) {
	for i := range c.next.Manifest.Channels {
		if channel := &c.next.Manifest.Channels[i]; channel.Table == table.Name {
			c.add(channel.Path, Change{
				Area: Channels, Sign: Turns, Grade: Breaks,
				What: fmt.Sprintf("the sockets on channel %s are closed: nobody but the service role may read %s", channel.Name, table.Name),
			})
		}
	}
}

// routes compares what is answered besides the data.
func (c *comparer) routes() {
	find := func(m *manifest.Manifest, pattern string) *manifest.Route {
		if i := slices.IndexFunc(m.Routes, func(r manifest.Route) bool { return r.Pattern == pattern }); i >= 0 {
			return &m.Routes[i]
		}
		return nil
	}
	for i := range c.next.Manifest.Routes {
		next := &c.next.Manifest.Routes[i]
		if old := find(c.old.Manifest, next.Pattern); old != nil {
			c.route(old, next)
			continue
		}
		change := Change{Area: Routes, Sign: Comes, Grade: Safe, What: "adds route " + next.Pattern, Is: sayRoute(next)}
		if next.Static != nil {
			change.Grade = Widens
		}
		c.add(next.Path, change)
	}
	for i := range c.old.Manifest.Routes {
		if old := &c.old.Manifest.Routes[i]; find(c.next.Manifest, old.Pattern) == nil {
			c.add("routes", Change{Area: Routes, Sign: Goes, Grade: Breaks, What: "removes route " + old.Pattern, Was: sayRoute(old)})
		}
	}
}

func (c *comparer) route(old, next *manifest.Route) {
	if was, is := sayRoute(old), sayRoute(next); was != is {
		change := Change{Area: Routes, Sign: Turns, Grade: Safe, What: "changes route " + next.Pattern, Was: was, Is: is}
		kind := func(r *manifest.Route) [3]bool { return [3]bool{r.Static != nil, r.Respond != nil, r.Redirect != nil} }
		switch {
		case next.Static != nil && (old.Static == nil || old.Static.Dir != next.Static.Dir):
			change.Grade = Widens
		case kind(old) != kind(next), old.Respond != nil && old.Respond.Status != next.Respond.Status:
			change.Grade = Breaks
		}
		c.add(next.Path, change)
	} else if old.Respond != nil && !sameAnswer(old.Respond, next.Respond) {
		c.add(next.Path+".respond", Change{Area: Routes, Sign: Turns, Grade: Safe, What: "route " + next.Pattern + " answers another body or other headers"})
	}
	if old.Rate != next.Rate {
		c.add(next.Path+".rate", Change{Area: Limits, Sign: Turns, Grade: Breaks, What: "route " + next.Pattern + " is under another rate", Was: rateName(old), Is: rateName(next)})
	}
	if old.Body != next.Body {
		c.bound(next.Path+".limits.body", Limits, "the body of route "+next.Pattern, c.bodyOf(c.old, old), c.bodyOf(c.next, next), bytesText)
	}
	if old.Timeout != next.Timeout && old.Timeout > 0 && next.Timeout > 0 {
		c.bound(next.Path+".limits.timeout", Limits, "the time of route "+next.Pattern, int64(old.Timeout), int64(next.Timeout), durationText)
	} else if old.Timeout != next.Timeout {
		c.add(next.Path+".limits.timeout", Change{Area: Limits, Sign: Turns, Grade: Breaks, What: "route " + next.Pattern + " has another time", Was: durationText(int64(old.Timeout)), Is: durationText(int64(next.Timeout))})
	}
}

func (c *comparer) bodyOf(side Side, r *manifest.Route) int64 {
	if r.Body == 0 {
		return side.Manifest.Limits.Body
	}
	return r.Body
}

func rateName(r *manifest.Route) string {
	if r.Rate == "" {
		return "default"
	}
	return r.Rate
}

func sameAnswer(a, b *manifest.Respond) bool {
	return a.Body == b.Body && fmt.Sprint(a.Headers) == fmt.Sprint(b.Headers) // maps print sorted
}

// sayRoute is what a route does, in a line.
func sayRoute(r *manifest.Route) string {
	switch {
	case r.Static != nil && r.Static.SPA:
		return "files of " + r.Static.Dir + ", index.html for unknown paths"
	case r.Static != nil:
		return "files of " + r.Static.Dir
	case r.Redirect != nil:
		return fmt.Sprintf("%d to %s", r.Redirect.Status, r.Redirect.To)
	case r.Respond != nil:
		return fmt.Sprintf("%d, fixed", r.Respond.Status)
	}
	return ""
}

func durationText(n int64) string { return short(time.Duration(n)) }

// short is a duration as a manifest has it: 1m, not 1m0s.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = text[:len(text)-2]
	}
	if strings.HasSuffix(text, "h0m") {
		text = text[:len(text)-2]
	}
	return text
}
