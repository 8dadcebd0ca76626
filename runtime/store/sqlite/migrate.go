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
		if err := s.gate.enter(ctx); err != nil {
			return err
		}
		defer s.gate.leave()
		return s.submitMigration(ctx, p)
	}
	wait, cancel := context.WithTimeout(ctx, gateWait)
	defer cancel()
	if err := s.gate.shut(wait); err != nil {
		if errors.Is(err, store.ErrClosed) {
			return err
		}
		return faultMigrating().WithCause(fmt.Errorf("wait for running statements: %w", err))
	}
	defer s.gate.open()
	return s.submitMigration(ctx, p)
}

func (s *Store) submitMigration(ctx context.Context, p plan.Plan) error {
	return s.writer.submit(ctx, &job{special: func(c *conn) error { return s.migrate(c, p) }})
}

// migrate runs on the writer's goroutine.
func (s *Store) migrate(c *conn, p plan.Plan) error {
	s.found.Store(nil)
	m := migration{conn: c, plan: &p}
	// Tables are rebuilt without their references being looked at; they are
	// checked as a whole before the commit.
	if !p.Additive() {
		if err := c.db.Exec("PRAGMA foreign_keys=OFF"); err != nil {
			return err
		}
	}
	epoch := s.epoch.Load()
	err := c.inTransaction(func() (err error) {
		if err := m.run(); err != nil {
			return err
		}
		if !p.Additive() {
			epoch, err = newEpoch(c, epoch)
		}
		return err
	})
	if !p.Additive() {
		if onErr := c.db.Exec("PRAGMA foreign_keys=ON"); onErr != nil {
			s.writer.breakDown(onErr)
			return errors.Join(err, onErr)
		}
	}
	if err != nil {
		return statementError(context.Background(), err)
	}
	clear(s.writer.keys)
	if p.Additive() {
		return nil
	}
	s.writer.trim.undo()
	s.changed.Add(1)
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
}

func (m *migration) run() error {
	have, err := readSchema(m.conn)
	if err != nil {
		return err
	}
	if err := verifySchema(m.conn, have); err != nil {
		return err
	}
	if !sameSchema(have, m.plan.From) {
		return store.ErrMoved
	}
	m.drops = map[string][]string{}
	for i := range m.plan.Steps {
		if step := &m.plan.Steps[i]; step.Kind == plan.DropColumn {
			m.drops[step.Table] = append(m.drops[step.Table], step.Name)
		}
	}
	if err := m.dropRefIndexes(); err != nil {
		return err
	}
	for i := range m.plan.Steps {
		step := &m.plan.Steps[i]
		if err := m.step(step); err != nil {
			return fmt.Errorf("%s: %w", step.Reason, err)
		}
	}
	if err := m.createRefIndexes(); err != nil {
		return err
	}
	if err := m.checkReferences(); err != nil {
		return err
	}
	return writeSchema(m.conn, m.plan.To)
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
		return db.Exec("DROP INDEX " + indexName(step.Table, step.Name))
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
		if m.has(plan.DropIndex, step.Was, x.Name) {
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
	if c.Required && (c.Fill == "" || c.Ref != "") {
		rows, err := queryInt(m.conn.db, "SELECT EXISTS (SELECT 1 FROM "+quote(step.Table)+")")
		if err != nil {
			return err
		}
		if rows != 0 {
			return fault.Newf("not-empty", "column %s.%s is never null, but table %s has rows and nothing to fill it with", step.Table, step.Name, step.Table).
				WithHint("give it a literal default, or leave required out until every row has a value")
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
			WithHint("change those rows first, or leave unique out").WithCause(err)
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
	defer stmt.Close()
	if stmt.Step() {
		return fmt.Errorf("rows of table %q point at rows of %q that are gone", stmt.ColumnText(0), stmt.ColumnText(2))
	}
	return stmt.Err()
}
