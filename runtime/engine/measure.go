package engine

import (
	"errors"
	"os"

	"github.com/edge-hive/edge-hive/runtime/cache"
	"github.com/edge-hive/edge-hive/runtime/live"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/observe"
)

// measure adds what is read when the metrics are asked for.
func (e *Engine) measure() error {
	if e.metrics == nil {
		return nil
	}
	return errors.Join(
		e.metrics.Cache(func() cache.Stats { return e.current.Load().cache.Stats() }, e.secondTier),
		e.metrics.Live(e.liveState),
		e.metrics.State(e.state),
		e.metrics.TLS(e.tlsState),
		e.metrics.Traces(e.shared.traces.counters.Read),
	)
}

// state is how the process stands, for the metrics.
func (e *Engine) state() observe.State {
	g := e.current.Load()
	s := observe.State{
		Ready:           e.ready(e.life) == nil,
		DatabaseHealthy: e.probe.health(e.life, e.shared.store.Health) == nil,
		Generation:      g.number, Draining: len(e.drainingStatus()), Started: e.started,
	}
	s.DatabaseBytes, s.LogBytes = sizes(g.manifest)
	if l := e.shared.bounded.Load(); l != nil {
		s.Listeners = append(s.Listeners, observe.ListenerState{Name: "http", Open: l.Open(), Refused: l.Refused()})
	}
	for _, l := range e.tlsListeners() {
		s.Listeners = append(s.Listeners, observe.ListenerState{Name: l.Name, Open: l.Open, Refused: l.Refused})
	}
	if f := e.functionStatus(g); f != nil {
		s.Functions = &observe.FunctionsState{Running: f.Running, Waiting: f.Waiting, Idle: f.Idle, Memory: f.Memory, Limit: f.Limit}
	}
	return s
}

// sizes are those of the database's file and of its log; negative where it has
// none.
func sizes(m *manifest.Manifest) (file, log int64) {
	if m.Database.Engine != manifest.SQLite {
		return -1, -1
	}
	size := func(path string) int64 {
		info, err := os.Stat(path)
		if err != nil {
			return 0 // the log is gone while nobody writes
		}
		return info.Size()
	}
	return size(m.Database.Path), size(m.Database.Path + "-wal")
}

// liveState is how channels stand, for the metrics.
func (e *Engine) liveState() observe.Live {
	l := observe.Live{Connections: e.shared.realtime.Connections(), Ended: map[string]uint64{}}
	l.Subscriptions, l.Groups = e.shared.hub.Subscribers()
	t := e.shared.hub.Tally()
	l.Frames = t.Frames
	for reason := live.Slow; reason <= live.Failed; reason++ {
		l.Ended[reason.String()] = t.Ended[reason]
	}
	if e.current.Load().manifest.Database.Engine != manifest.SQLite {
		l.Behind = -1 // cursors there have gaps, and would have to be asked for
		return l
	}
	if now, err := e.shared.store.Position(e.life); err == nil {
		if at := e.shared.hub.Position(); at.Epoch == now.Epoch && at.Seq < now.Seq {
			l.Behind = int64(now.Seq - at.Seq)
		}
	}
	return l
}

// secondTier is what Redis was asked for answers; nil without it.
func (e *Engine) secondTier() *observe.SecondTier {
	_, tier := e.redisStatus()
	if tier == nil {
		return nil
	}
	return &observe.SecondTier{Hits: tier.Hits, Misses: tier.Misses, Failed: tier.Errors}
}
