package check

import (
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

var channelEvents = []string{"create", "update", "delete"}

func (c *checker) channels() {
	names := uniqueNames{c: c, kind: "channel"}
	for i := range c.m.Channels {
		channel := &c.m.Channels[i]
		names.add(channel.Name, channel.Path)
		c.channel(channel)
	}
}

func (c *checker) channel(channel *manifest.Channel) {
	switch {
	case strings.ContainsAny(channel.Name, "{}"):
		c.report(channel.Path, fault.Newf(codeNotYet, "channels with parameters are not in this version: %q", channel.Name).WithHint("declare a channel for each, or filter the table's own"))
	case !channelPattern.MatchString(channel.Name):
		c.report(channel.Path, fault.Newf(codeName, "%q is no name for a channel", channel.Name).WithHint(nameHint+"; channels may also have :"))
	}
	if channel.Broadcast {
		c.broadcast(channel)
		return
	}
	if channel.Send.Declared || channel.History != 0 {
		c.report(channel.Path, fault.Newf(codeChannel, "channel %s shows a table: nobody sends to it, and it has no history", channel.Name).
			WithHint("take access.send and history out; who may write rows says the table's access"))
	}
	switch table := c.find(channel.Table); {
	case table == nil:
		c.report(channel.Path+".table", c.noTable(channel.Table))
	case table.Quiet:
		c.report(channel.Path+".table", fault.Newf(codeChannel, "table %s says changes: false, so a channel on it would never hear of any", table.Name).
			WithHint("take changes: false out of the table, or the channel away"))
	}
	c.emptyCondition(channel.Path+".filter", channel.Filter)
	c.channelEvents(channel)
}

// mostHistory bounds what a broadcast keeps in memory.
const mostHistory = 1000

// broadcast checks a channel that shows no table.
func (c *checker) broadcast(channel *manifest.Channel) {
	if channel.Table != "" || channel.Filter != "" || len(channel.Events) > 0 {
		c.report(channel.Path, fault.Newf(codeChannel, "channel %s is a broadcast, and has no table, filter or events", channel.Name).
			WithHint("take them out, or broadcast: true"))
	}
	if channel.History < 0 || channel.History > mostHistory {
		c.report(channel.Path+".history", fault.Newf(codeRange, "history is %d; it can be 0 to %d", channel.History, mostHistory).WithHint("keep more in a table"))
	}
}

func (c *checker) channelEvents(channel *manifest.Channel) {
	path := channel.Path + ".events"
	if len(channel.Events) == 0 {
		c.report(path, fault.Newf(codeChannel, "channel %s has no events", channel.Name).WithHint("leave events out for all of them"))
	}
	seen := map[string]bool{}
	for i, event := range channel.Events {
		switch {
		case !slices.Contains(channelEvents, event):
			c.report(item(path, i), fault.Newf(codeChannel, "there is no event %q", event).WithHint(fault.NearestHint(event, channelEvents, "events are create, update, delete")))
		case seen[event]:
			c.report(item(path, i), fault.Newf(codeChannel, "events names %s twice", event).WithHint("name it once"))
		}
		seen[event] = true
	}
}
