package data

import (
	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// CodeNoBroadcast is of a message for a channel that shows a table.
const CodeNoBroadcast = "no-broadcast"

// listen gives a broadcast to who may hear it: all of it, the same to everyone.
func (g *Gate) listen(caller *auth.Caller, rules *access.ChannelRules) (*Subscription, error) {
	if !g.lets(caller, rules.Access) {
		return nil, denied("channel", rules.Channel.Name)
	}
	return &Subscription{Channel: rules.Channel, Group: rules.Channel.Name + " broadcast"}, nil
}

// Broadcasts are the declared channels that are about no table.
func (g *Gate) Broadcasts() []*manifest.Channel {
	var list []*manifest.Channel
	for _, rules := range g.channels {
		if rules.Channel.Broadcast {
			list = append(list, rules.Channel)
		}
	}
	return list
}

// MaySend judges who may send to a broadcast. Faults: CodeUnknownTable for a
// channel that is not declared, CodeNoBroadcast for one that shows a table,
// CodeDenied.
func (g *Gate) MaySend(caller *auth.Caller, channel string) error {
	rules := g.channels[channel]
	switch {
	case rules == nil:
		return unknownChannel(channel)
	case !rules.Channel.Broadcast:
		return fault.Newf(CodeNoBroadcast, "channel %s shows a table, nothing can be sent to it", channel).
			WithHint("write a row, or declare a channel with broadcast: true")
	case !g.lets(caller, rules.Send):
		return denied("sending to channel", channel)
	}
	return nil
}

// lets judges a rule that speaks of the caller alone.
func (g *Gate) lets(caller *auth.Caller, rule query.Expr) bool {
	return caller.IsService() || query.Holds(query.Bind(rule, g.binding(caller)), nil, nil) == query.True
}

func unknownChannel(name string) *fault.Fault {
	return fault.Newf(CodeUnknownTable, "Could not find the channel '%s'", fault.Clip(name, shownName))
}
