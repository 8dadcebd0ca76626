package surreal

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/gate"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// Every store that has views is a row of _nodes: until when it counts, by the
// database's clock, and behind which gate all its writes are over. It looks at
// _meta whenever that is written, and every few seconds: a gate that another node
// has shut holds its writes back, and tables that another has changed make its
// views look whether they still fit.

// watchEvery is how often a node looks that has nothing to wait for, shutEvery
// how often while tables are shut.
const (
	watchEvery = leaseTime / 4
	shutEvery  = 100 * time.Millisecond
)

// writing is passed by all that writes rows. own is shut for this store's
// migrations, others for those of another node. When what was being written before
// is over, and not all tables are shut, it stands ajar for batches that write to
// others: they are counted by beside. One that comes to a shut table after all is
// refused there, and waits as the rest does.
type writing struct {
	own, others, beside gate.Gate
	ajar                atomic.Pointer[tableGate]
}

// pass lets a batch through, or, where it is patient, waits with it until all is
// open; leave must follow.
func (w *writing) pass(ctx context.Context, b *query.Batch, patient bool) (leave func(), err error) {
	if !patient && w.ajar.Load().spares(b) {
		if err := w.beside.Enter(ctx); err != nil {
			return nil, err
		}
		if w.ajar.Load().spares(b) {
			return w.beside.Leave, nil
		}
		w.beside.Leave()
	}
	if err := w.enter(ctx); err != nil {
		return nil, err
	}
	return w.leave, nil
}

// settle waits for batches that passed while another gate stood ajar.
func (w *writing) settle(ctx context.Context) error {
	if err := w.beside.Shut(ctx); err != nil {
		return err
	}
	w.beside.Open()
	return nil
}

func (w *writing) enter(ctx context.Context) error {
	if err := w.own.Enter(ctx); err != nil {
		return err
	}
	if err := w.others.Enter(ctx); err != nil {
		w.own.Leave()
		return err
	}
	return nil
}

func (w *writing) leave() {
	w.others.Leave()
	w.own.Leave()
}

// attendance is this store's place among the nodes of a database.
type attendance struct {
	store  *Store
	cancel context.CancelFunc
	ended  chan struct{}
	wakes  chan struct{}

	// generation is that of the tables as the views were told, drained the gate
	// behind which nothing of ours is written any more. The goroutine has both.
	generation int64
	drained    string
}

// attend makes this store one of the nodes, at its first view.
func (s *Store) attend(ctx context.Context) error {
	s.attending.Lock()
	defer s.attending.Unlock()
	if s.attendance != nil {
		return nil
	}
	a := &attendance{store: s, ended: make(chan struct{}), wakes: make(chan struct{}, 1)}
	found, err := a.announce(ctx)
	if err != nil {
		return err
	}
	a.generation = found.generation
	ctx, a.cancel = context.WithCancel(context.Background())
	s.attendance = a
	go a.run(ctx)
	s.words.start()
	return nil
}

// leaveNodes ends the attendance; nothing of this store is being written.
func (s *Store) leaveNodes(ctx context.Context) {
	s.attending.Lock()
	a := s.attendance
	s.attending.Unlock()
	if a == nil {
		return
	}
	a.cancel()
	<-a.ended
	vars := wire.AppendString(wire.AppendString(wire.AppendMap(nil, 1), "holder"), s.holder)
	if _, err := s.client.Query(ctx, "DELETE type::record('"+tableNodes+"', $holder) RETURN NONE", vars); err != nil {
		s.options.Logger.Warn("this node is still counted among those of the database for a while", "error", err)
	}
}

// seen is what a look at _meta finds.
type seen struct {
	gate       *tableGate
	generation int64
	pending    bool
}

// announce says that the node is there, and what it has drained; then it looks
// which gate is shut. In this order: who shuts one looks for nodes after that.
func (a *attendance) announce(ctx context.Context) (seen, error) {
	s := a.store
	vars := wire.AppendMap(nil, 3)
	vars = wire.AppendString(wire.AppendString(vars, "holder"), s.holder)
	vars = wire.AppendString(wire.AppendString(vars, "drained"), a.drained)
	vars = wire.AppendInt(wire.AppendString(vars, "time"), max(leaseTime, s.options.StatementTimeout).Milliseconds())
	results, err := s.client.Query(ctx, "UPSERT type::record('"+tableNodes+"', $holder) SET drained = $drained, until = time::now() + duration::from_millis($time) RETURN NONE;\n"+
		"SELECT VALUE [gate, shut, whole] FROM ONLY "+recordGate+";\n"+
		"SELECT VALUE [generation ?? 0, array::len(pending ?? []) > 0] FROM ONLY "+tableMeta+":schema", vars)
	var found seen
	if err != nil {
		return found, fmt.Errorf("be one of the database's nodes: %w", err)
	}
	if len(results) != 3 {
		return found, fmt.Errorf("be one of the database's nodes: %w: %d results of 3 statements", wire.ErrMalformed, len(results))
	}
	if found.gate, err = decodeGate(wire.NewReader(results[1])); err != nil {
		return found, fmt.Errorf("read which tables are shut: %w", err)
	}
	if r := wire.NewReader(results[2]); r.Kind() == wire.Array {
		r.Array()
		found.generation, found.pending = r.Int(), r.Bool()
		err = r.Err()
	}
	return found, err
}

// run is the node's goroutine, until the store is closed.
func (a *attendance) run(ctx context.Context) {
	defer close(a.ended)
	listening := make(chan struct{})
	go func() {
		defer close(listening)
		a.listen(ctx)
	}()
	defer func() { <-listening }()
	away := false
	for {
		wait := watchEvery
		shut, err := a.step(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !away && !isConflict(err):
			a.store.options.Logger.Warn("what other nodes do is not known", "error", err)
			away = true
		case err == nil:
			away = false
		}
		if shut || err != nil {
			wait = shutEvery
		}
		select {
		case <-ctx.Done():
			return
		case <-a.wakes:
		case <-time.After(wait):
		}
	}
}

// listen wakes the node when _meta is written.
func (a *attendance) listen(ctx context.Context) {
	for ctx.Err() == nil {
		wakes, err := a.store.client.Live(ctx, "LIVE SELECT gate FROM "+tableMeta)
		if err == nil {
			for range wakes {
				select {
				case a.wakes <- struct{}{}:
				default:
				}
			}
		}
		select {
		case <-time.After(maxRetry):
		case <-ctx.Done():
		}
	}
}

// step does what is due; it reports whether a gate is shut.
func (a *attendance) step(ctx context.Context) (shut bool, err error) {
	ctx, done := context.WithTimeout(ctx, readTime)
	defer done()
	found, err := a.announce(ctx)
	if err != nil {
		return a.drained != "", err
	}
	if !found.gate.present() {
		return false, a.open(ctx, found)
	}
	s := a.store
	if a.drained != found.gate.id && s.migrating.Load() == 0 {
		if a.drained != "" {
			s.writing.ajar.Store(nil)
			s.writing.others.Open()
			a.drained = ""
		}
		if err := s.writing.others.Shut(ctx); err != nil {
			return true, fmt.Errorf("wait for the writes of this node: %w", err)
		}
		if err := s.writing.settle(ctx); err != nil {
			s.writing.others.Open()
			return true, fmt.Errorf("wait for the writes of this node: %w", err)
		}
		a.drained = found.gate.id
		s.uncertain.Store(found.gate.whole)
		if found, err = a.announce(ctx); err != nil {
			return true, err
		}
		if !found.gate.present() {
			return false, a.open(ctx, found)
		}
		if found.gate.id == a.drained {
			s.writing.ajar.Store(found.gate)
		}
	}
	return true, s.liftAbandoned(ctx)
}

// open has writes go on, of views that fit the tables as they are now.
func (a *attendance) open(ctx context.Context, found seen) error {
	s := a.store
	if found.generation != a.generation && !found.pending {
		own := s.migrated.Load()
		have, err := readRecorded(ctx, s.client)
		if err != nil {
			return err
		}
		if s.migrating.Load() == 0 && s.migrated.Load() == own { // else what is read may be old
			s.learnSchema(&have.schema)
			a.generation = found.generation
		}
	}
	s.uncertain.Store(false)
	if a.drained != "" {
		a.drained = ""
		s.writing.ajar.Store(nil)
		s.writing.others.Open()
	}
	return nil
}

// learnSchema makes views look whether they still fit, and deletions follow the
// references that there are now.
func (s *Store) learnSchema(schema *plan.Schema) {
	s.writes.current.Store(layoutOf(schema))
	s.searched.Store(schema)
	s.retyped.Store(schema)
}

// liftAbandoned lifts a gate whose node is gone: nobody holds its lease.
func (s *Store) liftAbandoned(ctx context.Context) error {
	if s.migrating.Load() > 0 {
		return nil
	}
	got, err := s.takeLease(ctx, leaseMigration)
	if err != nil || !got {
		return err
	}
	err = s.liftLeft(ctx)
	s.giveLease(leaseMigration)
	return err
}
