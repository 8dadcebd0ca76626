package observe

import "github.com/prometheus/client_golang/prometheus"

// Live is what the live surface does, read when the metrics are asked for.
type Live struct {
	Connections, Subscriptions, Groups int
	// Frames is how many messages were sent since the start.
	Frames uint64
	// Ended are the subscriptions that are over, by why.
	Ended map[string]uint64
	// Behind is how many commits the hub has not handed on yet; negative where that
	// cannot be told.
	Behind int64
}

var (
	liveConnections   = prometheus.NewDesc("edgehive_live_connections", "Open WebSockets and event streams.", nil, nil)
	liveSubscriptions = prometheus.NewDesc("edgehive_live_subscriptions", "Subscriptions to channels.", nil, nil)
	liveGroups        = prometheus.NewDesc("edgehive_live_groups", "Groups of subscriptions that see the same: each change is judged and written once a group.", nil, nil)
	liveMessages      = prometheus.NewDesc("edgehive_live_messages_total", "Messages given to subscriptions.", nil, nil)
	liveEnded         = prometheus.NewDesc("edgehive_live_ended_total", "Subscriptions that are over, by reason: left, slow, denied, gone or failed.", []string{"reason"}, nil)
	liveBehind        = prometheus.NewDesc("edgehive_live_behind_commits", "Commits that are not handed on to subscriptions yet, of the embedded database.", nil, nil)
)

// Live adds the metrics of channels.
func (m *Metrics) Live(read func() Live) error {
	return m.registry.Register(&reading{
		descriptions: []*prometheus.Desc{liveConnections, liveSubscriptions, liveGroups, liveMessages, liveEnded, liveBehind},
		collect: func(r *readings) {
			l := read()
			r.gauge(liveConnections, float64(l.Connections))
			r.gauge(liveSubscriptions, float64(l.Subscriptions))
			r.gauge(liveGroups, float64(l.Groups))
			r.count(liveMessages, l.Frames)
			for reason, n := range l.Ended {
				r.count(liveEnded, n, reason)
			}
			if l.Behind >= 0 {
				r.gauge(liveBehind, float64(l.Behind))
			}
		},
	})
}
