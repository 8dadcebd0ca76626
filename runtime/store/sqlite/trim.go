package sqlite

import (
	"math"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// trimRows is how many commits at most leave the feed with one that comes, so
// that a long feed is shortened over many commits and delays none of them.
const trimRows = 512

// trim keeps the feed within its age and size. The least row is the feed's
// floor, kept for its numbers.
type trim struct {
	keep time.Duration
	max  int64

	floor     uint64 // as of the running transaction
	nextAt    int64  // of the first commit after the floor
	nextTotal int64
	known     bool

	floorTotal int64
	// held says that commits after hold are kept however old and many they are.
	held bool
	hold uint64
}

// undo forgets what a transaction that was rolled back did.
func (t *trim) undo() { t.known = false }

// run deletes what is too old or too much, by the time of this commit.
func (t *trim) run(c *conn, total, now int64) error {
	if !t.known {
		if err := t.load(c); err != nil {
			return err
		}
	}
	oldest, least := now-t.keep.Microseconds(), total-t.max
	if t.nextAt >= oldest && t.nextTotal >= least || t.held && t.floor >= t.hold {
		return nil
	}
	stmt, err := c.stmts.get([]byte("SELECT max(seq) FROM (SELECT seq, at, total FROM _feed WHERE seq < (SELECT max(seq) FROM _feed) ORDER BY seq LIMIT ?) WHERE at < ? OR total < ?"))
	if err != nil {
		return err
	}
	for i, n := range []int64{trimRows, oldest, least} {
		if err := stmt.BindInt64(i+1, n); err != nil {
			return err
		}
	}
	upTo := int64(-1)
	if stmt.Step() && stmt.ColumnType(0) == sqlite3.INTEGER {
		upTo = stmt.ColumnInt64(0)
	}
	if err := stmt.Reset(); err != nil {
		return err
	}
	if t.held {
		upTo = min(upTo, int64(t.hold))
	}
	if upTo <= int64(t.floor) {
		return nil
	}
	// The row at upTo stays as the floor.
	if stmt, err = c.stmts.get([]byte("DELETE FROM _feed WHERE seq < ?")); err != nil {
		return err
	}
	if err := stmt.BindInt64(1, upTo); err != nil {
		return err
	}
	if err := stmt.Exec(); err != nil {
		return err
	}
	return t.load(c)
}

func (t *trim) load(c *conn) error {
	stmt, err := c.stmts.get([]byte("SELECT seq, at, total FROM _feed ORDER BY seq LIMIT 2"))
	if err != nil {
		return err
	}
	defer stmt.Reset()
	t.nextAt, t.nextTotal = math.MaxInt64, math.MaxInt64
	if stmt.Step() {
		t.floor, t.floorTotal = uint64(stmt.ColumnInt64(0)), stmt.ColumnInt64(2)
		t.known = true
	}
	if stmt.Step() {
		t.nextAt, t.nextTotal = stmt.ColumnInt64(1), stmt.ColumnInt64(2)
	}
	return stmt.Err()
}
