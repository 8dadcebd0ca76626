package surreal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// What a transaction of SurrealDB writes is held against what others wrote, a
// definition against other definitions, but never rows against definitions: a
// row that another node inserts while a migration runs would keep its old form,
// or stand in no index. So the tables of a migration are shut first, in a
// transaction of its own: from then on an event refuses every write to them,
// whoever tries. What began before is waited for: each node that is there (see
// nodes.go) waits until its own writes are over, and says so; those of others,
// by hand, are given handGrace. Then the migration's transaction does its work
// and takes the events away.
//
// _meta:gate says which tables are shut and by whom. The transaction of the
// migration writes it, and so does who lifts the gate of a node that is gone:
// one of the two fails, so no migration comes about behind a gate that was
// lifted.
const (
	eventGate = "_gate"
	// thrownGate is what the event throws.
	thrownGate = "_moving"
	recordGate = tableMeta + ":gate"

	// handGrace is how long writes may take that no node makes.
	handGrace = 100 * time.Millisecond
	// drainPoll is how often one who waits for other nodes asks again.
	drainPoll = 10 * time.Millisecond
)

// errShut ends a try that writes to a table which is shut.
var errShut = errors.New("the table is shut for a migration")

// tableGate is a gate that a migration has shut.
type tableGate struct {
	id     string
	tables []string
	// whole says that more changes than what is added.
	whole bool
}

func (g *tableGate) present() bool { return g != nil && g.id != "" }

// spares reports a batch that names none of the tables that are shut. What deletes
// is none: it may follow references to their rows, which must be known then.
func (g *tableGate) spares(b *query.Batch) bool {
	if !g.present() || g.whole {
		return false
	}
	return !slices.ContainsFunc(b.Writes, func(w query.Write) bool {
		return w.Op == query.Run || w.Op == query.Delete || w.Table == nil || slices.Contains(g.tables, w.Table.Name)
	})
}

// shutText is the statements that shut the tables, or keep others shut.
func (g *tableGate) shutText() []string {
	return append([]string{g.recordText("UPSERT")}, g.refuseTexts()...)
}

func (g *tableGate) recordText(verb string) string {
	return verb + " " + recordGate + " SET gate = " + quoteText(g.id) + ", shut = [" + quoteTexts(g.tables) + "], whole = " + fmt.Sprint(g.whole) + " RETURN NONE"
}

// refuseTexts are the statements that make the events.
func (g *tableGate) refuseTexts() []string {
	texts := make([]string, 0, len(g.tables))
	for _, name := range g.tables {
		texts = append(texts, "DEFINE EVENT OVERWRITE "+quote(eventGate)+" ON "+quote(name)+" THEN { THROW '"+thrownGate+"' }")
	}
	return texts
}

// mineText is a statement that throws where the gate is not this one any more.
func (g *tableGate) mineText() string {
	return "IF ((SELECT VALUE gate FROM ONLY " + recordGate + ") ?? '') != " + quoteText(g.id) + " { THROW '" + thrownMoved + "' }"
}

// openTexts are the statements that take the events away.
func (g *tableGate) openTexts() []string {
	var texts []string
	for _, name := range g.tables {
		texts = append(texts, "REMOVE EVENT IF EXISTS "+quote(eventGate)+" ON "+quote(name))
	}
	return texts
}

const forgetGateText = "DELETE " + recordGate + " RETURN NONE"

// liftText is a whole transaction that lifts the gate.
func (g *tableGate) liftText() string {
	texts := append([]string{"BEGIN", g.mineText()}, g.openTexts()...)
	return strings.Join(append(texts, forgetGateText, "COMMIT"), ";\n")
}

func quoteTexts(list []string) string {
	quoted := make([]string, len(list))
	for i, text := range list {
		quoted[i] = quoteText(text)
	}
	return strings.Join(quoted, ", ")
}

// readGate reads which gate is shut; nil is none.
func (s *Store) readGate(ctx context.Context) (*tableGate, error) {
	results, err := s.client.Query(ctx, "SELECT VALUE [gate, shut, whole] FROM ONLY "+recordGate, nil)
	if err != nil {
		return nil, fmt.Errorf("read which tables are shut: %w", err)
	}
	g, err := decodeGate(wire.NewReader(results[0]))
	if err != nil {
		return nil, fmt.Errorf("read which tables are shut: %w", err)
	}
	return g, nil
}

func decodeGate(r *wire.Reader) (*tableGate, error) {
	if r.Kind() != wire.Array {
		r.Skip()
		return nil, r.Err()
	}
	r.Array()
	g := &tableGate{id: string(r.String())}
	for range r.Array() {
		g.tables = append(g.tables, string(r.String()))
	}
	g.whole = r.Bool()
	return g, r.Err()
}

// shutTables shuts tables for a migration, under the lease for migrations, and
// waits until what was being written to them is over. One that a node has left
// which is gone is lifted first.
func (s *Store) shutTables(ctx context.Context, tables []string, whole bool) (*tableGate, error) {
	if err := s.liftLeft(ctx); err != nil {
		return nil, err
	}
	g := &tableGate{id: rand.Text(), tables: tables, whole: whole}
	if err := s.writing.own.Shut(ctx); err != nil {
		return nil, errors.Join(errDrain, err)
	}
	if err := s.writing.settle(ctx); err != nil {
		s.writing.own.Open()
		return nil, errors.Join(errDrain, err)
	}
	if err := s.query(ctx, "BEGIN;\n"+strings.Join(g.shutText(), ";\n")+";\nCOMMIT"); err != nil {
		s.lift(g)
		return nil, fmt.Errorf("shut the tables: %w", err)
	}
	if err := s.drain(ctx, g.id); err != nil {
		s.lift(g)
		return nil, err
	}
	s.writing.ajar.Store(g)
	return g, nil
}

var errDrain = errors.New("what writes to the tables has not come to its end")

// drain waits until every other node has said that its writes are over which
// began before the tables were shut, and until a node that says nothing cannot
// have any.
func (s *Store) drain(ctx context.Context, id string) error {
	vars := wire.AppendMap(nil, 2)
	vars = wire.AppendString(wire.AppendString(vars, "holder"), s.holder)
	vars = wire.AppendString(wire.AppendString(vars, "gate"), id)
	begun := time.Now()
	for {
		results, err := s.client.Query(ctx, "RETURN array::len((SELECT VALUE id FROM "+tableNodes+" WHERE record::id(id) != $holder AND drained != $gate AND until > time::now()))", vars)
		if err != nil {
			return fmt.Errorf("wait for the other nodes: %w", err)
		}
		r := wire.NewReader(results[0])
		waiting := r.Int()
		if err := r.Err(); err != nil {
			return fmt.Errorf("wait for the other nodes: %w", err)
		}
		rest := drainPoll
		if waiting == 0 {
			if rest = handGrace - time.Since(begun); rest <= 0 {
				return nil
			}
		}
		select {
		case <-time.After(rest):
		case <-ctx.Done():
			return errors.Join(errDrain, ctx.Err())
		}
	}
}

// lift lifts a gate, and lets this store's writes go on. Where it cannot be
// lifted now, the nodes see to it that it is, when the lease is over.
func (s *Store) lift(g *tableGate) {
	s.writing.ajar.Store(nil)
	defer s.writing.own.Open()
	ctx, done := context.WithTimeout(context.Background(), releaseTime)
	defer done()
	if err := s.query(ctx, g.liftText()); err != nil && !isThrown(err, thrownMoved) {
		s.options.Logger.Warn("tables that were shut for a migration were not opened yet", "error", err)
	}
}

// liftLeft lifts a gate that a node has left which is gone, or finishes what it
// left to do behind it. The lease for migrations is held.
func (s *Store) liftLeft(ctx context.Context) error {
	if err := s.finish(ctx); err != nil {
		return err
	}
	g, err := s.readGate(ctx)
	if err != nil || !g.present() {
		return err
	}
	if err := s.query(ctx, g.liftText()); err != nil && !isThrown(err, thrownMoved) {
		return fmt.Errorf("open tables that were left shut: %w", err)
	}
	return nil
}

// query carries out a text that others may be in the way of.
func (s *Store) query(ctx context.Context, text string) error {
	for attempt := 1; ; attempt++ {
		_, err := s.client.Query(ctx, text, nil)
		if err == nil || !isConflict(err) || attempt == attempts {
			return err
		}
		if err := pause(ctx, attempt); err != nil {
			return err
		}
	}
}

func isThrown(err error, word string) bool {
	var e *rpc.StatementError
	return errors.As(err, &e) && e.Kind == kindThrown && e.Message == word
}

// isShut reports a write that a shut table has refused.
func isShut(e *rpc.StatementError) bool {
	return strings.HasPrefix(e.Message, "Error while processing event "+eventGate+":") && strings.HasSuffix(e.Message, thrownGate)
}

// shutFor lists the tables that a migration has to itself: all, where it is not
// additive, else those whose rows it fills, those that get an index, and those
// that get references to their rows: a node that has not heard of these would
// delete a row and leave what points at it.
func (m *migration) shutFor() ([]string, error) {
	var names []string
	if !m.plan.Additive() {
		for i := range m.plan.From.Tables {
			names = append(names, m.plan.From.Tables[i].Name)
		}
		return names, nil
	}
	if err := m.findChanges(); err != nil {
		return nil, err
	}
	for _, c := range m.changes {
		if c.was != nil && (c.touches() || c.gainsIndex() || m.gainsReference(c.was.Name)) {
			names = append(names, c.was.Name)
		}
	}
	return names, nil
}

// gainsReference reports a table that a column points at which pointed nowhere
// before, or was not there.
func (m *migration) gainsReference(name string) bool {
	for i := range m.plan.To.Tables {
		t := &m.plan.To.Tables[i]
		was := m.plan.From.Table(t.Name)
		for j := range t.Columns {
			c := &t.Columns[j]
			if c.Ref == name && (was == nil || was.Column(c.Name) == nil || was.Column(c.Name).Ref != name) {
				return true
			}
		}
	}
	return false
}

// gainsIndex reports a table that gets an index which it had not.
func (c *change) gainsIndex() bool {
	there := map[definition]bool{}
	for _, x := range indexDefinitions(c.was) {
		there[x] = true
	}
	for _, x := range indexDefinitions(c.now) {
		if !there[x] {
			return true
		}
	}
	return false
}

// unlock takes the gate's events away, in the migration's own transaction, where
// the gate is still there.
func (m *migration) unlock() {
	if m.gate.present() {
		m.add(nil, "%s", m.gate.mineText())
		for _, text := range m.gate.openTexts() {
			m.add(nil, "%s", text)
		}
	}
}

// lock forgets the gate; but where something is left for after the transaction
// it keeps those tables shut until that is done.
func (m *migration) lock() error {
	if !m.gate.present() {
		return nil
	}
	if len(m.later) == 0 {
		m.add(nil, forgetGateText)
		return nil
	}
	kept := tableGate{id: m.gate.id + "+", whole: m.gate.whole}
	for _, c := range m.changes {
		if c.postponed {
			kept.tables = append(kept.tables, c.now.Name)
		}
	}
	m.add(nil, "%s", kept.recordText("UPDATE")) // it is there
	for _, text := range kept.refuseTexts() {
		m.add(nil, "%s", text)
	}
	m.later = append(m.later, kept.liftText())
	return nil
}
