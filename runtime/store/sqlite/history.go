package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// historyKept is how many migrations the history holds at most.
const historyKept = 1000

// record writes what the migration did into the history, in its transaction.
func (m *migration) record() error {
	steps, err := json.Marshal(plan.RecordSteps(m.plan.Steps))
	if err != nil {
		return err
	}
	before, err := json.Marshal(m.plan.From)
	if err != nil {
		return err
	}
	after, err := json.Marshal(m.plan.To)
	if err != nil {
		return err
	}
	stmt, err := m.conn.stmts.get([]byte("INSERT INTO _history (at, hash, who, steps, before, after) VALUES (?, ?, ?, ?, ?, ?)"))
	if err != nil {
		return err
	}
	if err := stmt.BindInt64(1, time.Now().UnixMicro()); err != nil {
		return err
	}
	for i, text := range []string{m.plan.Hash, m.plan.Who, string(steps), string(before), string(after)} {
		if err := stmt.BindText(i+2, text); err != nil {
			return err
		}
	}
	if err := stmt.Exec(); err != nil {
		return err
	}
	return m.conn.db.Exec(fmt.Sprintf("DELETE FROM _history WHERE id <= (SELECT max(id) FROM _history) - %d", historyKept))
}

// History implements store.Store.
func (s *Store) History(ctx context.Context) ([]plan.Record, error) {
	if err := s.gate.Enter(ctx); err != nil {
		return nil, err
	}
	defer s.gate.Leave()
	var records []plan.Record
	err := s.withReader(ctx, func(c *conn) (err error) {
		records, err = readHistory(c)
		return err
	})
	return records, err
}

// readHistory reads every migration, the first one first.
func readHistory(c *conn) ([]plan.Record, error) {
	stmt, _, err := c.db.Prepare("SELECT id, at, hash, who, steps, before, after FROM _history ORDER BY id")
	if err != nil {
		return nil, err
	}
	records := []plan.Record{}
	for stmt.Step() && err == nil {
		r := plan.Record{ID: stmt.ColumnInt64(0), At: time.UnixMicro(stmt.ColumnInt64(1)).UTC(), Hash: stmt.ColumnText(2), Who: stmt.ColumnText(3)}
		err = errors.Join(
			json.Unmarshal(stmt.ColumnBlob(4, nil), &r.Steps),
			json.Unmarshal(stmt.ColumnBlob(5, nil), &r.Before),
			json.Unmarshal(stmt.ColumnBlob(6, nil), &r.After))
		records = append(records, r)
	}
	if err := errors.Join(err, stmt.Close()); err != nil {
		return nil, fmt.Errorf("read the history: %w", err)
	}
	return records, nil
}

// HasValues reports whether any row has a value in a column, other than the one
// that the rows had when the column came.
func (s *Store) HasValues(ctx context.Context, table, column string) (bool, error) {
	if err := s.gate.Enter(ctx); err != nil {
		return false, err
	}
	defer s.gate.Leave()
	var has int64
	err := s.withReader(ctx, func(c *conn) error {
		d := drift{conn: c}
		found, err := d.rows("SELECT coalesce(dflt_value, 'NULL') FROM pragma_table_info(?) WHERE name='"+strings.ReplaceAll(column, "'", "''")+"'", table)
		if err != nil || len(found) == 0 {
			return errors.Join(err, fmt.Errorf("no column %q in table %q", column, table))
		}
		has, err = queryInt(c.db, "SELECT EXISTS (SELECT 1 FROM "+quote(table)+" WHERE "+quote(column)+" IS NOT ("+found[0][0]+"))")
		return err
	})
	return has != 0, err
}
