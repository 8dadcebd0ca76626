package surreal

import (
	"context"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
)

// maxSnapshots bounds what is open at once: the server keeps all versions of rows
// that one may still read.
const maxSnapshots = 4

// snapshotPage is how many rows of a snapshot one answer has.
const snapshotPage = 500

func faultSnapshots() *fault.Fault {
	return fault.New(codeOverload, "too many exports are running").WithHint("try again when one of them has ended")
}

// snapshot is a transaction of the server that only reads.
type snapshot struct {
	view *view
	in   *rpc.Transaction
	at   query.Cursor
}

var _ store.Snapshot = (*snapshot)(nil)

// Snapshot implements store.View. It outlives its context: what it was opened
// for may take longer.
func (v *view) Snapshot(ctx context.Context) (store.Snapshot, error) {
	if err := v.enter(ctx); err != nil {
		return nil, err
	}
	defer v.leave()
	if v.store.snapshots.Add(1) > maxSnapshots {
		v.store.snapshots.Add(-1)
		return nil, faultSnapshots()
	}
	s, err := v.openSnapshot(ctx)
	if err != nil {
		v.store.snapshots.Add(-1)
		return nil, requestError(ctx, err)
	}
	return s, nil
}

func (v *view) openSnapshot(ctx context.Context) (*snapshot, error) {
	at, err := v.store.Position(ctx)
	if err != nil {
		return nil, err
	}
	in, err := v.store.client.Begin(context.WithoutCancel(ctx))
	if err != nil {
		return nil, err
	}
	// The moment is that of the first read, where not that of its begin.
	if _, err := in.Query(ctx, "RETURN (SELECT VALUE id FROM "+tableMeta+" LIMIT 1)", nil); err != nil {
		in.Cancel()
		return nil, err
	}
	return &snapshot{view: v, in: in, at: at}, nil
}

// Select implements store.Snapshot. Rows by key come in pages, so that none but
// those of one are in memory.
func (s *snapshot) Select(ctx context.Context, sel query.Select, w query.RowWriter) (store.Info, error) {
	info := store.Info{Count: -1}
	if sel.Position {
		info.Position = s.at
	}
	if err := s.read(ctx, &sel, w, &info); err != nil {
		return store.Info{Count: -1}, requestError(ctx, err)
	}
	return info, nil
}

func (s *snapshot) read(ctx context.Context, sel *query.Select, w query.RowWriter, info *store.Info) error {
	r := reading{schema: s.view.schema, ask: s.in, streams: true, foresees: selectAsksForesight(sel)}
	if len(sel.Order) > 0 || sel.Limit >= 0 || sel.Offset > 0 || sel.Reach != nil || r.foresees || aggregates(sel.Columns) {
		return r.run(ctx, sel, w, info)
	}
	page := *sel
	page.Limit = snapshotPage
	r.byKey = true
	// The key comes with the rows, behind what is shown of them.
	key := sel.Table.Ref(sel.Table.Key())
	page.Columns = append(append([]query.Output(nil), sel.Columns...), query.Output{Expr: key})
	last := &lastKey{RowWriter: w, columns: len(sel.Columns)}
	for rows := 0; ; {
		part := store.Info{Count: -1}
		if err := r.run(ctx, &page, last, &part); err != nil {
			return err
		}
		rows += part.Rows
		info.Rows = rows
		if page.Count {
			info.Count = part.Count
		}
		if part.Rows > 0 {
			info.Revision = part.Revision
		}
		if part.Rows < snapshotPage {
			return nil
		}
		page.Count = false
		key := last.key
		r.after = &key
	}
}

// Close implements store.Snapshot.
func (s *snapshot) Close() error {
	s.in.Cancel()
	s.view.store.snapshots.Add(-1)
	return nil
}

// lastKey hands on rows without their last value, which is their key, and keeps
// that of the last one.
type lastKey struct {
	query.RowWriter
	columns int
	at      int
	key     query.Value
}

// BeginRow begins a row.
func (l *lastKey) BeginRow() {
	l.at = 0
	l.RowWriter.BeginRow()
}

func (l *lastKey) isKey(v query.Value) bool {
	l.at++
	if l.at <= l.columns {
		return false
	}
	l.key = v
	return true
}

// Null writes null.
func (l *lastKey) Null() {
	if !l.isKey(query.Null()) {
		l.RowWriter.Null()
	}
}

// Bool writes a bool.
func (l *lastKey) Bool(b bool) {
	l.at++
	l.RowWriter.Bool(b)
}

// Int writes an int.
func (l *lastKey) Int(n int64) {
	if !l.isKey(query.Int(n)) {
		l.RowWriter.Int(n)
	}
}

// Float writes a float.
func (l *lastKey) Float(f float64) {
	l.at++
	l.RowWriter.Float(f)
}

// Decimal writes a decimal.
func (l *lastKey) Decimal(n int64, scale uint8) {
	l.at++
	l.RowWriter.Decimal(n, scale)
}

// Text writes a text or uuid.
func (l *lastKey) Text(s []byte) {
	if l.at < l.columns {
		l.at++
		l.RowWriter.Text(s)
		return
	}
	l.isKey(query.Text(string(s)))
}

// Timestamp writes a timestamp.
func (l *lastKey) Timestamp(micros int64) {
	l.at++
	l.RowWriter.Timestamp(micros)
}

// Date writes a date.
func (l *lastKey) Date(days int64) {
	l.at++
	l.RowWriter.Date(days)
}

// JSON writes JSON.
func (l *lastKey) JSON(raw []byte) {
	l.at++
	l.RowWriter.JSON(raw)
}
