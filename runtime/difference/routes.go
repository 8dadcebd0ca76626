package difference

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

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
		if next.Static != nil || next.Proxy != nil {
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
		kind := func(r *manifest.Route) [6]bool {
			return [6]bool{r.Static != nil, r.Respond != nil, r.Redirect != nil, r.Query != nil, r.Function != nil, r.Proxy != nil}
		}
		switch {
		case old.Query != nil && next.Query != nil && old.Query.Name != next.Query.Name:
			change.Grade = Breaks
		case old.Function != nil && next.Function != nil: // another one
			change.Grade = Breaks
		case next.Static != nil && (old.Static == nil || old.Static.Dir != next.Static.Dir):
			change.Grade = Widens
		case kind(old) != kind(next), old.Respond != nil && old.Respond.Status != next.Respond.Status:
			change.Grade = Breaks
		}
		c.add(next.Path, change)
	} else if old.Respond != nil && !sameAnswer(old.Respond, next.Respond) {
		c.add(next.Path+".respond", Change{Area: Routes, Sign: Turns, Grade: Safe, What: "route " + next.Pattern + " answers another body or other headers"})
	}
	c.proxies(old, next)
	c.use(next.Path+".use", "route "+next.Pattern, old.Use, next.Use)
	if was, is := sayPolicy(c.old.Manifest, old.Cache), sayPolicy(c.next.Manifest, next.Cache); was != is {
		c.add(next.Path+".cache", Change{Area: Routes, Sign: Turns, Grade: Safe, What: "answers of route " + next.Pattern + " are kept otherwise", Was: was, Is: is})
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
	case r.Static != nil:
		return sayStatic(r.Static)
	case r.Redirect != nil:
		return fmt.Sprintf("%d to %s", r.Redirect.Status, r.Redirect.To)
	case r.Respond != nil:
		return fmt.Sprintf("%d, fixed", r.Respond.Status)
	case r.Query != nil:
		return sayQuery(r.Query)
	case r.Function != nil:
		return "function " + r.Function.Name
	case r.Proxy != nil:
		return "sends on to other servers"
	}
	return ""
}

func sayStatic(s *manifest.Static) string {
	said := "files of " + s.Dir
	if s.CleanURLs {
		said += ", without .html"
	}
	switch {
	case s.SPA:
		said += ", index.html for unknown paths"
	case s.NotFound != "":
		said += ", " + s.NotFound + " for unknown paths"
	}
	return said
}

func durationText(n int64) string { return short(time.Duration(n)) }

// short is a duration as a manifest has it: 1m, not 1m0s.
func short(d time.Duration) string {
	if day := 24 * time.Hour; d >= day && d%day == 0 {
		return strconv.Itoa(int(d/day)) + "d"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = text[:len(text)-2]
	}
	if strings.HasSuffix(text, "h0m") {
		text = text[:len(text)-2]
	}
	return text
}
