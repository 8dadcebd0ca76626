package surreal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/gate"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// leaseMigration is led by the one node that migrates.
const leaseMigration = "migration"

// Migrate implements store.Store. Additive plans run beside everything else. A
// plan that renames, drops or converts waits until nothing of this node runs,
// holds back what comes, and begins a new epoch of the feed, for the rows in the
// old one have names that are gone. Of several nodes one migrates; another one
// waits for it, and finds its plan moved.
func (s *Store) Migrate(ctx context.Context, p plan.Plan) error {
	if refused := p.Refused(); len(refused) > 0 {
		return fault.New("migration-refused", refused[0].Reason).WithHint(refused[0].Hint)
	}
	led, err := s.lead(ctx, leaseMigration)
	if err != nil {
		return fmt.Errorf("wait for the nodes that migrate: %w", err)
	}
	defer led.release()
	if p.Additive() {
		if err := s.gate.Enter(led.ctx); err != nil {
			return err
		}
		defer s.gate.Leave()
		return s.migrate(ctx, led, &p)
	}
	wait, stop := context.WithTimeout(led.ctx, gate.Wait)
	defer stop()
	if err := s.gate.Shut(wait); err != nil {
		if errors.Is(err, store.ErrClosed) {
			return err
		}
		return faultMigrating().WithCause(fmt.Errorf("wait for running statements: %w", err))
	}
	defer s.gate.Open()
	return s.migrate(ctx, led, &p)
}

// migrate carries out a plan under a lease. What decides is waited for even where
// the lease is lost, as a commit of many rows holds up all writes to the server,
// those of leases too: it fails where another node has done something meanwhile.
func (s *Store) migrate(asked context.Context, led *leading, p *plan.Plan) error {
	ctx := led.ctx
	s.migrating.Add(1)
	defer s.migrating.Add(-1)
	shut, err := (&migration{plan: p}).shutFor()
	if err != nil {
		return err
	}
	var g *tableGate
	if len(shut) > 0 {
		if err := s.refuseMoved(ctx, p); err != nil {
			return err
		}
		if g, err = s.shutTables(ctx, shut, !p.Additive()); errors.Is(err, errDrain) {
			return faultMigrating().WithCause(err)
		} else if err != nil {
			return err
		}
		defer s.lift(g)
	}
	for attempt := 1; attempt <= attempts; attempt++ {
		m := &migration{in: s.client, begin: s.begin, decide: func() context.Context { return asked }, plan: p, gate: g}
		if err = m.carryOut(ctx); err == nil {
			s.follow(p)
			if ctx.Err() != nil {
				return s.finishLed(asked)
			}
			return s.finish(ctx)
		}
		if !isConflict(err) && !errors.Is(err, errMoving) {
			return err
		}
		if err := pause(ctx, attempt); err != nil {
			return err
		}
	}
	return err
}

// refuseMoved refuses a plan for other tables than there are, before any is shut
// for it.
func (s *Store) refuseMoved(ctx context.Context, p *plan.Plan) error {
	have, err := readRecorded(ctx, s.client)
	if err == nil && !sameSchema(have.schema, p.From) {
		return store.ErrMoved
	}
	return err
}

// follow forgets what was known of the tables as they were.
func (s *Store) follow(p *plan.Plan) {
	s.migrated.Add(1)
	s.writes.current.Store(layoutOf(&p.To))
	s.searched.Store(&p.To)
	if !p.Additive() {
		s.writes.keys.follow(p.Steps)
		s.feed.wrote()
		s.changed.Add(1)
		s.retyped.Store(&p.To)
	}
}

// follow takes blocks along with tables that are renamed, and drops those of
// tables that go or get other keys.
func (m *keyMaker) follow(steps []plan.Step) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	renamed := map[string]*keyBlock{}
	for i := range steps {
		switch step := &steps[i]; {
		case step.Kind == plan.DropTable, step.Kind == plan.ConvertColumn && step.Name == "id":
			delete(m.tables, step.Table)
		case step.Kind == plan.RenameTable && m.tables[step.Was] != nil:
			renamed[step.Table] = m.tables[step.Was]
			delete(m.tables, step.Was)
		}
	}
	maps.Copy(m.tables, renamed)
}

// errMoving ends a try whose rows others wrote to meanwhile.
var errMoving = errors.New("rows were written while they were migrated")

// migration is one try of a plan. Rows that are converted are looked at first; all
// else is one transaction. It is one text where no row is moved or made here, else
// a conversation, in which rows come and go in pages.
type migration struct {
	in    texts
	begin func(context.Context) (conversation, error)
	// decide gives the context of what commits; nil is that of the rest.
	decide func() context.Context
	plan   *plan.Plan
	// gate is shut for it; nil where no row stands in its way.
	gate *tableGate
	// changes are the tables of the wanted schema.
	changes []*change
	// unfit are the refusals of rows that do not convert.
	unfit fault.List

	// looked are the refs whose rows are looked at before the end.
	looked []refOf
	// later are definitions for after the transaction: a full-text index over rows
	// that the transaction writes is in its own way.
	later []string

	statements []statement
	vars       []byte
	count      int
}

// statement is one of the text, with the table that its errors are of; or several
// requests that stand at its place.
type statement struct {
	text   string
	change *change
	pages  func(ctx context.Context, in texts) error
}

func (m *migration) carryOut(ctx context.Context) error {
	have, there, err := readBoth(ctx, m.in)
	if err != nil {
		return err
	}
	if !sameSchema(have.schema, m.plan.From) {
		return store.ErrMoved
	}
	if err := refuseGrave(findDrift(&have, there)); err != nil {
		return err
	}
	if err := m.findForeign(there); err != nil {
		return err
	}
	if err := m.findChanges(); err != nil {
		return err
	}
	if err := m.inspectRows(ctx); err != nil {
		return err
	}
	if err := m.write(have.generation); err != nil {
		return err
	}
	return m.send(ctx)
}

// findForeign refuses to make a table where somebody else's is: it is never
// overwritten.
func (m *migration) findForeign(there *defined) error {
	for i := range m.plan.To.Tables {
		name := m.plan.To.Tables[i].Name
		if m.plan.From.Table(name) == nil && there.tables[name] != "" {
			return fault.Newf("foreign-table", "table %s is in the database, but no migration of ours made it", name).
				WithHint("give the table another name, or look at what is in it and remove it").At("tables." + name)
		}
	}
	return nil
}

// write gathers the statements. Their order is owed to what SurrealDB does: an
// index that is made in a transaction knows the rows from before it alone, so
// indexes are made before rows are written; where a node goes, what is left
// of its edges' indexes is wrong, so edges go first; and UPSERT of a row that is
// there looks through all that the transaction has written, so what is recorded
// comes before the rows.
func (m *migration) write(generation int64) error {
	m.set(paramOurs, func(dst []byte) []byte { return wire.AppendBool(dst, true) })
	m.set(paramWorded, m.appendWorded)
	m.set("generation", func(dst []byte) []byte { return wire.AppendInt(dst, generation) })
	for _, step := range []func() error{
		m.quieten, m.keepMoved, m.defineParts, m.removeOld, m.defineTables, m.insertMoved, m.rewriteRows, m.lookForLost, m.finishTables, m.lock,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	rows := m.statements
	m.statements = nil
	m.add(nil, "IF ((SELECT VALUE generation FROM ONLY _meta:schema) ?? 0) != $generation { THROW '"+thrownMoved+"' }")
	m.unlock()
	m.moveKeys()
	if !m.plan.Additive() {
		m.add(nil, "%s", strings.TrimSuffix(epochText, ";\n"))
	}
	if err := m.record(generation + 1); err != nil { // it has what the others leave for later
		return err
	}
	m.statements = append(m.statements, rows...)
	return nil
}

const (
	thrownMoved = "moved"
	thrownLost  = "lost"
)

func (m *migration) add(c *change, format string, args ...any) {
	text := format
	if len(args) > 0 {
		text = fmt.Sprintf(format, args...)
	}
	m.statements = append(m.statements, statement{text: text, change: c})
}

// addPages adds requests of their own, in the same transaction.
func (m *migration) addPages(c *change, pages func(ctx context.Context, in texts) error) {
	m.statements = append(m.statements, statement{change: c, pages: pages})
}

func (m *migration) set(name string, value func(dst []byte) []byte) {
	m.count++
	m.vars = value(wire.AppendString(m.vars, name))
}

// record writes the new schema and the history.
func (m *migration) record(generation int64) error {
	schema, err := json.Marshal(m.plan.To)
	if err != nil {
		return err
	}
	m.set("schema", func(dst []byte) []byte { return wire.AppendString(dst, string(schema)) })
	m.set("next", func(dst []byte) []byte { return wire.AppendInt(dst, generation) })
	m.set("pending", func(dst []byte) []byte {
		dst = wire.AppendArray(dst, len(m.later))
		for _, text := range m.later {
			dst = wire.AppendString(dst, text)
		}
		return dst
	})
	m.add(nil, "UPSERT _meta:schema SET schema = $schema, pending = $pending, generation = $next")
	return m.recordHistory()
}

// define adds a definition of a table, or keeps it for later.
func (m *migration) define(c *change, d definition) {
	if c.was != nil && isFullText(d) {
		m.later = append(m.later, d.define())
		c.postponed = true
		return
	}
	m.add(c, "%s", d.define())
}

func isFullText(d definition) bool {
	return d.kind == "INDEX" && strings.Contains(d.text, " FULLTEXT ")
}

// finishLed finishes what another node, or an earlier process, has left; unless
// it does so itself meanwhile.
func (s *Store) finishLed(ctx context.Context) error {
	led, err := s.lead(ctx, leaseMigration)
	if err != nil {
		return fmt.Errorf("wait for the node that migrates: %w", err)
	}
	defer led.release()
	return s.finish(led.ctx)
}

// finish makes what a migration has left for after its transaction.
func (s *Store) finish(ctx context.Context) error {
	have, err := readRecorded(ctx, s.client)
	if err != nil || len(have.pending) == 0 {
		return err
	}
	for _, text := range have.pending {
		for attempt := 1; ; attempt++ {
			_, err := s.client.Query(ctx, text, nil)
			if err == nil || isThrown(err, thrownMoved) { // the gate was lifted before
				break
			}
			if !isConflict(err) || attempt == attempts {
				return fmt.Errorf("finish a migration: %w", err)
			}
			if err := pause(ctx, attempt); err != nil {
				return err
			}
		}
	}
	if _, err := s.client.Query(ctx, "UPDATE _meta:schema SET pending = [] RETURN NONE", nil); err != nil {
		return fmt.Errorf("finish a migration: %w", err)
	}
	return nil
}

func sameSchema(a, b plan.Schema) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	empty := len(a.Tables) == 0 && len(b.Tables) == 0
	return errX == nil && errY == nil && (empty || string(x) == string(y))
}
