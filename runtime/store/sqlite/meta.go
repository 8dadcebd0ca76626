package sqlite

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// formatVersion is that of our own tables and of what stands in them.
const formatVersion = 3

// Our own tables begin with _, a name that no manifest can utter.
//
// _feed has a row a commit; total is the sum of all bodies up to it, so that
// the feed's size is a subtraction. Its least row is where the feed begins:
// what came up to it is gone.
//
// _once has the results of batches that may be repeated; _history has what
// migrations did; _notes is the ledger of what runs beside requests.
var systemTables = []string{
	`CREATE TABLE _meta (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) STRICT, WITHOUT ROWID`,
	`CREATE TABLE _feed (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, total INTEGER NOT NULL, body BLOB NOT NULL) STRICT`,
	`CREATE TABLE _versions (name TEXT PRIMARY KEY NOT NULL, seq INTEGER NOT NULL, rev INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
	tableOnce, indexOnce, tableHistory, tableNotes,
}

const (
	tableOnce    = `CREATE TABLE _once (key TEXT PRIMARY KEY NOT NULL, at INTEGER NOT NULL, request BLOB NOT NULL, result BLOB NOT NULL) STRICT, WITHOUT ROWID`
	indexOnce    = `CREATE INDEX _once_at ON _once (at)`
	tableHistory = `CREATE TABLE _history (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, hash TEXT NOT NULL, who TEXT NOT NULL, steps TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL) STRICT`
	tableNotes   = `CREATE TABLE _notes (id INTEGER PRIMARY KEY, room TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL, UNIQUE (room, key)) STRICT`
)

// upgrades are what makes a file of one format one of the next: upgrades[0]
// leads from format 1 to 2.
var upgrades = [][]string{
	{tableOnce, indexOnce, tableHistory},
	{tableNotes},
}

// upgrade makes a file of an older format one of ours, in one transaction.
func upgrade(c *conn, from int64) error {
	return c.inTransaction(func() error {
		for _, step := range upgrades[from-1:] {
			for _, sql := range step {
				if err := c.db.Exec(sql); err != nil {
					return err
				}
			}
		}
		return c.db.Exec("PRAGMA user_version=" + strconv.Itoa(formatVersion))
	})
}

// The keys of _meta. A backup has no epoch: the first start on it makes a new
// one, so that nobody resumes across a restore. What a backup has instead is
// when and at which cursor it was made, and its seal.
const (
	metaSchema = "schema"
	metaEpoch  = "epoch"
	metaProbe  = "probe"
	metaMade   = "made"
	metaCursor = "cursor"
	metaSeal   = "seal"
	metaHold   = "hold"
)

// identify refuses a file that is not ours, is newer than we are, or is
// damaged; an empty one is made ours. crashed says that the last process on it
// did not close it.
func identify(c *conn, path string, crashed bool) error {
	marks, err := readMarks(c)
	if err != nil {
		return unreadable(path, err)
	}
	if marks == (fileMarks{}) {
		return initialise(c)
	}
	if err := marks.refuse(path); err != nil {
		return err
	}
	if err := quickCheck(c, path, crashed); err != nil {
		return err
	}
	if marks.format >= formatVersion {
		return nil
	}
	if err := upgrade(c, marks.format); err != nil {
		return fmt.Errorf("upgrade database %q from format %d: %w", path, marks.format, err)
	}
	return nil
}

// The bounds of a file that is checked whole at a start: at each, a few
// milliseconds; after a crash, some hundred. Beyond them, damage is found when
// its page is read.
const (
	quickCheckPages = 256
	crashCheckPages = 16 << 10
)

func quickCheck(c *conn, path string, crashed bool) error {
	pages, err := queryInt(c.db, "PRAGMA page_count")
	if err != nil {
		return unreadable(path, err)
	}
	if pages > crashCheckPages || pages > quickCheckPages && !crashed {
		return nil
	}
	stmt, _, err := c.db.Prepare("PRAGMA quick_check(1)")
	if err != nil {
		return unreadable(path, err)
	}
	defer stmt.Close()
	if !stmt.Step() {
		return unreadable(path, stmt.Err())
	}
	if said := stmt.ColumnText(0); said != "ok" {
		return unreadable(path, errors.New(said))
	}
	return nil
}

func unreadable(path string, cause error) error {
	if errors.Is(cause, sqlite3.CORRUPT) || errors.Is(cause, sqlite3.NOTADB) || !isDriverError(cause) {
		return fmt.Errorf("database %q is damaged: move it aside and put a copy in its place that was made while it was whole: %w", path, cause)
	}
	return fmt.Errorf("read database %q: %w", path, cause)
}

func isDriverError(err error) bool {
	var code sqlite3.ErrorCode
	return errors.As(err, &code)
}

func initialise(c *conn) error {
	return c.inTransaction(func() error {
		for _, sql := range systemTables {
			if err := c.db.Exec(sql); err != nil {
				return err
			}
		}
		if err := c.db.Exec("PRAGMA application_id=" + strconv.Itoa(applicationID)); err != nil {
			return err
		}
		if err := c.db.Exec("PRAGMA user_version=" + strconv.Itoa(formatVersion)); err != nil {
			return err
		}
		if err := c.db.Exec("INSERT INTO _feed (seq, at, total, body) VALUES (0, 0, 0, x'')"); err != nil {
			return err
		}
		return writeMeta(c, metaEpoch, strconv.FormatUint(firstEpoch(0), 10))
	})
}

// inTransaction runs f in one, undone where f fails.
func (c *conn) inTransaction(f func() error) error {
	if err := c.db.Exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := f()
	if err == nil {
		err = c.db.Exec("COMMIT")
	}
	if err != nil && !c.db.GetAutocommit() {
		err = errors.Join(err, c.db.Exec("ROLLBACK"))
	}
	return err
}

// loadEpoch gives the epoch of the feed; a file without one is a restored
// backup and gets one that is later than all before.
func loadEpoch(c *conn) (uint64, error) {
	text, err := readMeta(c, metaEpoch)
	if err != nil {
		return 0, err
	}
	if text != "" {
		return strconv.ParseUint(text, 10, 64)
	}
	var epoch uint64
	err = c.inTransaction(func() (err error) {
		if err := c.db.Exec(forgetBackup); err != nil {
			return err
		}
		epoch, err = newEpoch(c, 0)
		return err
	})
	return epoch, err
}

// firstEpoch is an epoch after a former one. Epochs are times, so that they
// grow across restores too.
func firstEpoch(former uint64) uint64 { return max(former+1, uint64(time.Now().UnixMicro())) }

// newEpoch begins a feed in which no former cursor is good: a marker row is
// all that is left of the old one.
func newEpoch(c *conn, former uint64) (uint64, error) {
	epoch := firstEpoch(former)
	if err := writeMeta(c, metaEpoch, strconv.FormatUint(epoch, 10)); err != nil {
		return 0, err
	}
	if err := c.db.Exec("INSERT INTO _feed (seq, at, total, body) SELECT max(seq)+1, max(at), max(total), x'' FROM _feed"); err != nil {
		return 0, err
	}
	return epoch, c.db.Exec("DELETE FROM _feed WHERE seq < (SELECT max(seq) FROM _feed)")
}

func readMeta(c *conn, key string) (string, error) {
	stmt, err := c.stmts.get([]byte("SELECT value FROM _meta WHERE key=?"))
	if err != nil {
		return "", err
	}
	defer stmt.Reset()
	if err := stmt.BindText(1, key); err != nil {
		return "", err
	}
	if !stmt.Step() {
		return "", stmt.Err()
	}
	return stmt.ColumnText(0), nil
}

func writeMeta(c *conn, key, value string) error {
	stmt, err := c.stmts.get([]byte("INSERT INTO _meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value=excluded.value"))
	if err != nil {
		return err
	}
	if err := errors.Join(stmt.BindText(1, key), stmt.BindText(2, value)); err != nil {
		return err
	}
	return stmt.Exec()
}

func readSchema(c *conn) (plan.Schema, error) {
	var schema plan.Schema
	text, err := readMeta(c, metaSchema)
	if err != nil || text == "" {
		return schema, err
	}
	if err := json.Unmarshal([]byte(text), &schema); err != nil {
		return schema, fmt.Errorf("read the recorded schema: %w", err)
	}
	return schema, nil
}

func writeSchema(c *conn, schema plan.Schema) error {
	text, err := json.Marshal(schema)
	if err != nil {
		return err
	}
	return writeMeta(c, metaSchema, string(text))
}
