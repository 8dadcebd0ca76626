package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/gate"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// Migrate implements store.Store. Additive plans run beside everything else.
// A plan that renames or drops waits until nothing runs, holds back what
// comes, and begins a new epoch of the feed, for the rows in the old one have
// names that are gone.
func (s *Store) Migrate(ctx context.Context, p plan.Plan) error {
	if refused := p.Refused(); len(refused) > 0 {
		return fault.New("migration-refused", refused[0].Reason).WithHint(refused[0].Hint)
	}
	if p.Additive() {
		if err := s.gate.Enter(ctx); err != nil {
			return err
		}
		defer s.gate.Leave()
		return s.submitMigration(ctx, p)
	}
	wait, cancel := context.WithTimeout(ctx, gate.Wait)
	defer cancel()
	if err := s.gate.Shut(wait); err != nil {
		if errors.Is(err, store.ErrClosed) {
			return err
		}
		return faultMigrating().WithCause(fmt.Errorf("wait for running statements: %w", err))
	}
	defer s.gate.Open()
	return s.submitMigration(ctx, p)
}

func (s *Store) submitMigration(ctx context.Context, p plan.Plan) error {
	return s.writer.submit(ctx, &job{special: func(c *conn) error { return s.migrate(c, p) }})
}

// migrate runs on the writer's goroutine.
func (s *Store) migrate(c *conn, p plan.Plan) error {
	s.found.Store(nil)
	m := newMigration(c, &p)
	epoch := s.epoch.Load()
	err := m.carryOut(func() (err error) {
		if !p.Additive() {
			epoch, err = newEpoch(c, epoch)
		}
		return err
	})
	if m.ruined {
		s.writer.breakDown(err)
		return err
	}
	if err != nil {
		return statementError(context.Background(), err)
	}
	clear(s.writer.keys)
	s.writer.words = wordIndexes(&p.To)
	if p.Additive() {
		return nil
	}
	s.writer.trim.undo()
	s.writer.trim.held = false // what it was held for is gone with the epoch
	s.changed.Add(1)
	s.vectors.clear()
	if len(m.rebuilt) > 0 {
		s.retyped.Store(&p.To)
	}
	s.epoch.Store(epoch)
	if err := s.feed.load(c, epoch); err != nil {
		s.writer.breakDown(err)
		return err
	}
	return nil
}

type migration struct {
	conn *conn
	plan *plan.Plan
	// drops are the columns that go, by table: a table that loses one is made
	// anew without.
	drops map[string][]string
	// rebuilt are the tables that were made anew for columns that change.
	rebuilt map[string]bool
	// touched are the rows that were written, by the wanted table.
	touched map[string]int64
	// unfit are the refusals of rows that do not convert.
	unfit fault.List
	// ruined tells that the connection must not be written with any more: its
	// transaction did not end, or references are not looked at.
	ruined bool
}

func newMigration(c *conn, p *plan.Plan) *migration {
	return &migration{conn: c, plan: p, drops: map[string][]string{}, rebuilt: map[string]bool{}, touched: map[string]int64{}}
}

// carryOut runs the plan, and last, in one transaction. Tables are rebuilt
// without their references being looked at; they are checked as a whole before
// the commit.
func (m *migration) carryOut(last func() error) error {
	guarded := m.plan.Additive()
	if !guarded {
		if err := m.conn.db.Exec("PRAGMA foreign_keys=OFF"); err != nil {
			return err
		}
	}
	err := m.conn.inTransaction(func() error {
		if err := m.run(); err != nil {
			return err
		}
		return last()
	})
	if !m.conn.db.GetAutocommit() { // in the open transaction the pragma would do nothing, and say nothing
		m.ruined = true
		return err
	}
	if !guarded {
		if onErr := guardReferences(m.conn); onErr != nil {
			m.ruined = true
			return errors.Join(err, onErr)
		}
	}
	return err
}

// guardReferences has references looked at again. The pragma tells of no
// failure, so it is read.
func guardReferences(c *conn) error {
	if err := c.db.Exec("PRAGMA foreign_keys=ON"); err != nil {
		return err
	}
	on, err := queryInt(c.db, "PRAGMA foreign_keys")
	if err == nil && on != 1 {
		err = errors.New("references are not looked at after a migration")
	}
	return err
}

func (m *migration) run() error {
	have, err := readSchema(m.conn)
	if err != nil {
		return err
	}
	if _, err := verifySchema(m.conn, have); err != nil {
		return err
	}
	if !sameSchema(have, m.plan.From) {
		return store.ErrMoved
	}
	for i := range m.plan.Steps {
		if step := &m.plan.Steps[i]; step.Kind == plan.DropColumn {
			m.drops[step.Table] = append(m.drops[step.Table], step.Name)
		}
	}
	// Each only after the one before it: an error of the disk may have ended the
	// transaction, and what came after it would stay.
	for _, do := range []func() error{
		m.dropStaleWords, m.dropRefIndexes, m.steps, m.createRefIndexes, m.createWantedWords, m.checkReferences,
	} {
		if err := do(); err != nil {
			return err
		}
	}
	if err := writeSchema(m.conn, m.plan.To); err != nil {
		return err
	}
	return m.record()
}

// steps does one after the other; indexes come last, over rows that are whole.
func (m *migration) steps() error {
	for i := range m.plan.Steps {
		step := &m.plan.Steps[i]
		if step.Kind == plan.CreateIndex && len(m.unfit) > 0 {
			break
		}
		if err := m.step(step); err != nil {
			return fmt.Errorf("%s: %w", step.Reason, err)
		}
	}
	return m.unfit.Err()
}

func sameSchema(a, b plan.Schema) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	empty := len(a.Tables) == 0 && len(b.Tables) == 0
	return errX == nil && errY == nil && (empty || string(x) == string(y))
}

func (m *migration) step(step *plan.Step) error {
	db := m.conn.db
	switch step.Kind {
	case plan.CreateTable:
		t := m.plan.To.Table(step.Table)
		if t == nil {
			return fmt.Errorf("no table %q in the plan's schema", step.Table)
		}
		if strings.HasPrefix(strings.ToLower(step.Table), "sqlite_") {
			return fault.Newf("reserved-name", "table %s: SQLite keeps names that begin with sqlite_ to itself", step.Table).WithHint("give the table another name")
		}
		text, err := createTable(t.Name, t)
		if err != nil {
			return err
		}
		return db.Exec(text)
	case plan.DropTable:
		if err := m.forget(step.Table); err != nil {
			return err
		}
		return db.Exec("DROP TABLE " + quote(step.Table))
	case plan.RenameTable:
		return m.renameTable(step)
	case plan.AddColumn:
		return m.addColumn(step)
	case plan.RenameColumn:
		return db.Exec("ALTER TABLE " + quote(step.Table) + " RENAME COLUMN " + quote(step.Was) + " TO " + quote(step.Name))
	case plan.DropColumn:
		return m.dropColumns(step.Table)
	case plan.CreateIndex:
		return m.createIndex(step)
	case plan.DropIndex:
		if step.Index != nil && step.Index.Kind != "" {
			return nil
		}
		return db.Exec("DROP INDEX " + indexName(step.Table, step.Name))
	case plan.ConvertColumn, plan.RequireColumn, plan.AllowNull, plan.ChangeRef:
		return m.rebuild(step.Table)
	}
	return fmt.Errorf("no such step: %q", step.Kind)
}

// forget keeps the deleted table's numbers for one that may come under its
// name: revisions are never used twice.
func (m *migration) forget(table string) error {
	rev, err := queryInt(m.conn.db, "SELECT coalesce(max(_rev), 0) + 1 FROM "+quote(table))
	if err != nil {
		return err
	}
	return m.keepRevision(table, rev)
}

func (m *migration) keepRevision(table string, rev int64) error {
	stmt, err := m.conn.stmts.get([]byte("INSERT INTO _versions (name, seq, rev) SELECT ?1, max(seq), ?2 FROM _feed WHERE true ON CONFLICT (name) DO UPDATE SET rev=max(rev, excluded.rev)"))
	if err != nil {
		return err
	}
	if err := errors.Join(stmt.BindText(1, table), stmt.BindInt64(2, rev)); err != nil {
		return err
	}
	return stmt.Exec()
}

// renameTable also makes the indexes anew, whose names begin with the table's.
func (m *migration) renameTable(step *plan.Step) error {
	db := m.conn.db
	from := m.plan.From.Table(step.Was)
	if from == nil {
		return fmt.Errorf("no table %q", step.Was)
	}
	for i := range from.Indexes {
		if err := db.Exec("DROP INDEX IF EXISTS " + indexName(step.Was, from.Indexes[i].Name)); err != nil {
			return err
		}
	}
	if err := db.Exec("ALTER TABLE " + quote(step.Was) + " RENAME TO " + quote("_renamed")); err != nil {
		return err
	}
	if err := db.Exec("ALTER TABLE " + quote("_renamed") + " RENAME TO " + quote(step.Table)); err != nil {
		return err
	}
	if err := m.renameIndexes(step, from); err != nil {
		return err
	}
	stmt, err := m.conn.stmts.get([]byte("INSERT OR REPLACE INTO _versions (name, seq, rev) SELECT ?2, seq, max(rev, coalesce((SELECT rev FROM _versions WHERE name=?2), 1)) FROM _versions WHERE name=?1"))
	if err != nil {
		return err
	}
	if err := errors.Join(stmt.BindText(1, step.Was), stmt.BindText(2, step.Table)); err != nil {
		return err
	}
	return stmt.Exec()
}

func (m *migration) renameIndexes(step *plan.Step, from *plan.Table) error {
	for i := range from.Indexes {
		x := from.Indexes[i]
		if m.has(plan.DropIndex, step.Was, x.Name) || m.rebuilds(step.Table) {
			continue
		}
		if x.Where != "" {
			if x.Cond = m.wantedCondition(step.Was, x.Name); x.Cond == nil {
				return fmt.Errorf("index %q: its condition is not known", x.Name)
			}
		}
		text, err := createIndex(step.Table, &x)
		if err != nil {
			return err
		}
		if err := m.conn.db.Exec(text); err != nil {
			return err
		}
	}
	return nil
}

func (m *migration) addColumn(step *plan.Step) error {
	c := step.Column
	if c == nil {
		return errors.New("no column in the step")
	}
	if step.NeedsEmpty() {
		rows, err := queryInt(m.conn.db, "SELECT EXISTS (SELECT 1 FROM "+quote(step.Table)+")")
		if err != nil {
			return err
		}
		if rows != 0 {
			return fault.Newf(codeNotEmpty, "column %s.%s is never null, but table %s has rows and nothing to fill it with", step.Table, step.Name, step.Table).
				WithHint("give it a literal default, or leave required out until every row has a value").
				At("tables." + step.Table + ".columns." + step.Name)
		}
	}
	text, err := columnText(c, false)
	if err != nil {
		return err
	}
	return m.conn.db.Exec("ALTER TABLE " + quote(step.Table) + " ADD COLUMN " + text)
}

func (m *migration) createIndex(step *plan.Step) error {
	text, err := createIndex(step.Table, step.Index)
	if err != nil {
		return err
	}
	err = m.conn.db.Exec(text)
	if errors.Is(err, sqlite3.CONSTRAINT) {
		return fault.Newf(codeUnique, "index %s.%s is unique, but rows of the table have equal values in %s", step.Table, step.Name, strings.Join(step.Index.Columns, ", ")).
			WithHint("change those rows first, or leave unique out").WithCause(err).At("tables." + step.Table + ".indexes." + step.Name)
	}
	return err
}

// checkReferences makes sure that no row points at nothing.
func (m *migration) checkReferences() error {
	if m.plan.Additive() {
		return nil
	}
	stmt, _, err := m.conn.db.Prepare("PRAGMA foreign_key_check")
	if err != nil {
		return err
	}
	type reference struct {
		table string
		id    int64
	}
	lost := map[reference]*bad{}
	var order []reference
	for stmt.Step() {
		r := reference{stmt.ColumnText(0), stmt.ColumnInt64(3)}
		if lost[r] == nil {
			lost[r], order = &bad{}, append(order, r)
		}
		if lost[r].count++; lost[r].count <= namedRows {
			lost[r].keys = append(lost[r].keys, stmt.ColumnText(1)) // the rowid, until the statement is over
		}
	}
	if err := stmt.Close(); err != nil {
		return err
	}
	var faults fault.List
	for _, r := range order {
		f, err := m.danglingFault(r.table, r.id, lost[r])
		if err != nil {
			return err
		}
		faults = append(faults, f)
	}
	return faults.Err()
}

// danglingFault names the rows of a reference that point at nothing.
func (m *migration) danglingFault(table string, reference int64, rows *bad) (*fault.Fault, error) {
	d := drift{conn: m.conn}
	found, err := d.rows(fmt.Sprintf(`SELECT "from", "table" FROM pragma_foreign_key_list(?) WHERE id=%d`, reference), table)
	if err != nil || len(found) == 0 {
		return nil, errors.Join(err, fmt.Errorf("a reference of table %q is broken", table))
	}
	keys, err := d.rows("SELECT id FROM "+quote(table)+" WHERE rowid IN ("+strings.Join(rows.keys, ", ")+")", "")
	if err != nil {
		return nil, err
	}
	for i := range keys {
		rows.keys[i] = keys[i][0]
	}
	column, target := found[0][0], found[0][1]
	return fault.Newf(codeDangling, "column %s.%s is a ref to %s, but %s with a value that is no key there: %s", table, column, target, has(rows.count), rows).
		WithHint("change those rows first: make the value null, or create the row that it names").
		At("tables." + table + ".columns." + column), nil
}
