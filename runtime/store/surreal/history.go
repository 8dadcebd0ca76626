package surreal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// historyKept is how many migrations the history holds at most.
const historyKept = 1000

// recordHistory writes what the migration did into the history, in its
// transaction. $next is its number.
func (m *migration) recordHistory() error {
	steps, errSteps := json.Marshal(plan.RecordSteps(m.plan.Steps))
	before, errBefore := json.Marshal(m.plan.From)
	after, errAfter := json.Marshal(m.plan.To)
	if err := errors.Join(errSteps, errBefore, errAfter); err != nil {
		return err
	}
	m.set("record", func(dst []byte) []byte {
		dst = wire.AppendMap(dst, 5)
		for name, text := range map[string]string{
			"hash": m.plan.Hash, "who": m.plan.Who, "steps": string(steps), "before": string(before), "after": string(after),
		} {
			dst = wire.AppendString(wire.AppendString(dst, name), text)
		}
		return dst
	})
	m.add(nil, "CREATE type::record('%s', $next) CONTENT object::extend($record, { at: time::now() }) RETURN NONE", tableHistory)
	m.add(nil, "DELETE %s WHERE record::id(id) <= $next - %d RETURN NONE", tableHistory, historyKept)
	return nil
}

// History implements store.Store.
func (s *Store) History(ctx context.Context) ([]plan.Record, error) {
	results, err := s.client.Query(ctx, "SELECT VALUE [record::id(id), at, hash, who, steps, before, after] FROM "+tableHistory, nil)
	if err != nil {
		return nil, fmt.Errorf("read the history: %w", err)
	}
	records := []plan.Record{}
	r := wire.NewReader(results[0])
	for range r.Array() {
		if n := r.Array(); n != 7 {
			return nil, fmt.Errorf("read the history: a record of %d parts", n)
		}
		record := plan.Record{ID: r.Int()}
		seconds, nanos := r.Datetime()
		record.At = time.Unix(seconds, nanos).UTC().Truncate(time.Microsecond)
		record.Hash, record.Who = string(r.String()), string(r.String())
		for _, part := range []any{&record.Steps, &record.Before, &record.After} {
			if err := json.Unmarshal(r.String(), part); err != nil {
				return nil, fmt.Errorf("read the history: %w", err)
			}
		}
		records = append(records, record)
	}
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("read the history: %w", err)
	}
	return records, nil
}
