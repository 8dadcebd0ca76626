package difference

import (
	"fmt"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

func (c *comparer) newBroadcast(next *manifest.Channel) {
	change := Change{
		Area: Channels, Sign: Comes, Grade: Safe, What: fmt.Sprintf("adds channel %s, a broadcast", next.Name),
		Is: fmt.Sprintf("listen: %s; send: %s", sayCall(next.Access), sayCall(next.Send)),
	}
	rules := c.next.Rules.Channels[next.Name]
	if rules != nil && max(access.ReachOf(rules.Access), access.ReachOf(rules.Send)) > access.ReachService {
		change.Grade = Widens
	}
	c.add(next.Path, change)
}

// broadcast compares a channel that is, or was, a broadcast.
func (c *comparer) broadcast(old, next *manifest.Channel, before, after *access.ChannelRules) {
	if old.Broadcast != next.Broadcast {
		change := Change{Area: Channels, Sign: Turns, Grade: Breaks, What: fmt.Sprintf("channel %s is a broadcast, and shows no table any more", next.Name)}
		if old.Broadcast {
			change.What = fmt.Sprintf("channel %s shows a table, and nobody sends to it any more", next.Name)
		}
		c.add(next.Path, change)
		return
	}
	if before == nil || after == nil {
		return
	}
	path := next.Path + ".access"
	c.condition(path+".read", Channels, "who may listen on channel "+next.Name, before.Access, after.Access, old.Access, next.Access, sayCall)
	c.condition(path+".send", Channels, "who may send to channel "+next.Name, before.Send, after.Send, old.Send, next.Send, sayCall)
	c.bound(next.Path+".history", Channels, "how many messages channel "+next.Name+" keeps", int64(old.History), int64(next.History), plain)
}
