package difference

import (
	"fmt"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

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
		if next.Broadcast {
			c.newBroadcast(next)
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
	if old.Broadcast || next.Broadcast {
		c.broadcast(old, next, before, after)
		return
	}
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
	if moved := relate(before.Access, after.Access); !c.silenced(next, before, after) && moved != same {
		what := "who may listen on channel " + next.Name
		change := Change{Area: Channels, Sign: Turns, Was: sayColumn(old.Access), Is: sayColumn(next.Access)}
		grade(&change, moved, what)
		if moved != wider {
			change.What += "; the sockets of who may not are closed"
		}
		c.addMoved(next.Path+".access.read", change, move{what, change.Grade, []string{old.Access.Text, next.Access.Text}, []query.Expr{before.Access, after.Access}})
	}
	c.filter(old, next, before.Filter, after.Filter)
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

// silenced tells what a channel's sockets notice of the read rule of its table,
// and reports whether they are closed, whoever listens.
func (c *comparer) silenced(next *manifest.Channel, before, after *access.ChannelRules) bool {
	was, is := c.old.Rules.Tables[before.Table.Name], c.next.Rules.Tables[after.Table.Name]
	switch {
	case was == nil || is == nil || !was.Granted.Read:
		return false
	case !is.Granted.Read:
		c.add(next.Path, Change{
			Area: Channels, Sign: Turns, Grade: Breaks,
			What: fmt.Sprintf("the sockets on channel %s are closed: nobody but the service role may read %s", next.Name, next.Table),
		})
		return true
	case relate(was.Read, is.Read) != same:
		c.add(next.Path, Change{
			Area: Channels, Sign: Turns, Grade: Safe,
			What: fmt.Sprintf("who is on channel %s gets a new snapshot of the rows that he may read then", next.Name),
		})
	}
	return false
}

func (c *comparer) filter(old, next *manifest.Channel, was, is query.Expr) {
	change := Change{Area: Channels, Sign: Turns, Grade: Breaks, What: "channel " + next.Name + " shows less, or other rows", Was: old.Filter, Is: next.Filter}
	switch relate(was, is) {
	case same:
		return
	case wider:
		change.Grade, change.What = Safe, "channel "+next.Name+" shows more rows"
	}
	c.addMoved(next.Path+".filter", change, move{"the filter of channel " + next.Name, change.Grade, []string{old.Filter, next.Filter}, []query.Expr{was, is}})
}
