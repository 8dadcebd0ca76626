package sqlite

import (
	"fmt"
	"strconv"

	"github.com/ncruces/go-sqlite3"
)

const (
	// statementsKept bounds the prepared statements of one connection.
	statementsKept = 256
	// cachePages is the page cache of one connection, in KiB (as SQLite
	// writes it: negative).
	cachePages = "-2000"
	// busyMillis is how long a connection waits for a lock that only a foreign
	// process can hold.
	busyMillis = 5000
	// walPages is the size of the WAL, in pages, at which the writer
	// checkpoints.
	walPages = 4000
	// applicationID marks our files ("EHdb").
	applicationID = 0x45486462

	maxValueBytes = 64 << 20
	maxSQLBytes   = 4 << 20
	maxExprDepth  = 1000
	maxVariables  = 32766
)

// conn is one connection with its prepared statements. One goroutine at a
// time uses it.
type conn struct {
	db    *sqlite3.Conn
	files files
	stmts statements
	time  *limiter
	// streams says that rows leave as they come, and are not gathered.
	streams bool
}

// openConn opens path as the writer, or as a reader that cannot write.
func (f files) openConn(path string, writer bool, maxSize int64) (_ *conn, err error) {
	db, err := f.open(path, openFlags(path))
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = db.Close()
		}
	}()
	if err := harden(db); err != nil {
		return nil, err
	}
	pragmas := []string{
		"busy_timeout=" + strconv.Itoa(busyMillis),
		"journal_mode=WAL",
		"synchronous=FULL",
		"foreign_keys=ON",
		"temp_store=MEMORY",
		"cache_size=" + cachePages,
		"cell_size_check=ON",
	}
	if writer {
		pragmas = append(pragmas, "wal_autocheckpoint="+strconv.Itoa(walPages))
	} else {
		pragmas = append(pragmas, "wal_autocheckpoint=0", "query_only=ON")
	}
	for _, p := range pragmas {
		if err := db.Exec("PRAGMA " + p); err != nil {
			return nil, fmt.Errorf("pragma %s: %w", p, err)
		}
	}
	if writer && maxSize > 0 {
		if err := boundSize(db, maxSize); err != nil {
			return nil, err
		}
	}
	if err := registerFunctions(db); err != nil {
		return nil, fmt.Errorf("register functions: %w", err)
	}
	c := &conn{db: db, files: f, time: newLimiter()}
	c.stmts.init(db, statementsKept)
	db.SetInterrupt(c.time)
	return c, nil
}

func harden(db *sqlite3.Conn) error {
	for _, set := range []struct {
		op sqlite3.DBConfig
		on bool
	}{
		{sqlite3.DBCONFIG_DEFENSIVE, true},
		{sqlite3.DBCONFIG_TRUSTED_SCHEMA, false},
		{sqlite3.DBCONFIG_ENABLE_FKEY, true},
		{sqlite3.DBCONFIG_ENABLE_TRIGGER, false},
		{sqlite3.DBCONFIG_ENABLE_VIEW, false},
		{sqlite3.DBCONFIG_DQS_DML, false},
		{sqlite3.DBCONFIG_DQS_DDL, false},
		// Without it a kept statement is planned anew whenever a value that
		// its plan looked at is bound, LIMIT's among them: 3x the time of a
		// point read.
		{sqlite3.DBCONFIG_ENABLE_QPSG, true},
	} {
		if _, err := db.Config(set.op, set.on); err != nil {
			return fmt.Errorf("configure connection: %w", err)
		}
	}
	db.Limit(sqlite3.LIMIT_LENGTH, maxValueBytes)
	db.Limit(sqlite3.LIMIT_SQL_LENGTH, maxSQLBytes)
	db.Limit(sqlite3.LIMIT_EXPR_DEPTH, maxExprDepth)
	db.Limit(sqlite3.LIMIT_VARIABLE_NUMBER, maxVariables)
	db.Limit(sqlite3.LIMIT_ATTACHED, 0)
	db.Limit(sqlite3.LIMIT_LIKE_PATTERN_LENGTH, 1000)
	db.Limit(sqlite3.LIMIT_WORKER_THREADS, 0)
	return nil
}

func boundSize(db *sqlite3.Conn, maxSize int64) error {
	pageSize, err := queryInt(db, "PRAGMA page_size")
	if err != nil {
		return err
	}
	return db.Exec("PRAGMA max_page_count=" + strconv.FormatInt(max(1, maxSize/pageSize), 10))
}

// queryInt runs a fixed statement that answers one number.
func queryInt(db *sqlite3.Conn, sql string) (int64, error) {
	stmt, _, err := db.Prepare(sql)
	if err != nil {
		return 0, err
	}
	defer stmt.Close()
	if !stmt.Step() {
		return 0, stmt.Err()
	}
	return stmt.ColumnInt64(0), nil
}

// exec runs a fixed statement without results from the cache.
func (c *conn) exec(sql string) error {
	stmt, err := c.stmts.get([]byte(sql))
	if err != nil {
		return err
	}
	return stmt.Exec()
}

// execAll runs fixed statements up to the first that fails: an error of the disk
// may have ended their transaction, and what came after it would stay.
func (c *conn) execAll(texts ...string) error {
	for _, sql := range texts {
		if err := c.db.Exec(sql); err != nil {
			return err
		}
	}
	return nil
}

// backTo undoes what was done since a savepoint, and ends it. Where the first
// fails, the second would keep what was to go.
func (c *conn) backTo(savepoint string) error {
	if err := c.exec("ROLLBACK TO " + savepoint); err != nil {
		return err
	}
	return c.exec("RELEASE " + savepoint)
}

func (c *conn) close() error {
	c.stmts.clear()
	c.time.stop()
	return c.db.Close()
}
