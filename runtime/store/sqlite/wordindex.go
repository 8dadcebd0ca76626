package sqlite

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// A full-text index is an FTS5 table that keeps no texts, "TABLE.INDEX.text", or
// "TABLE.INDEX.LANGUAGE", so that a view that asks in the words of another
// language finds no table, and not too little: of each row the words that query.AppendWords makes of its columns, so that it
// finds exactly what query.Holds would. A row is in it under its key, where
// that is a number, else under the number that "TABLE.INDEX.keys" gives its
// key: SQLite's own row numbers are not for keeping. Rows without a word are
// in neither. No manifest can utter names with a dot.
//
// The writer keeps it, in the transaction of the rows.

// wordTable and wordKeys are the names of an index's tables, quoted.
func wordTable(table, index, language string) string { return quote(wordName(table, index, language)) }
func wordKeys(table, index string) string            { return quote(table + "." + index + ".keys") }

func wordName(table, index, language string) string {
	return table + "." + index + "." + cmp.Or(language, "text")
}

// wordIndex is one full-text index as it is kept.
type wordIndex struct {
	table   string
	columns []string
	// unknown is set where the language is one of a newer program.
	language query.Language
	unknown  error
	// numbered says that the keys of the rows are the numbers of the index.
	numbered bool
	keyType  query.Type

	read               string // SELECT of the columns by key
	all                string // SELECT of key and columns
	find, give, forget string // of the key in wordKeys
	put, remove        string
}

func newWordIndex(t *plan.Table, x *plan.Index) *wordIndex {
	key := t.Columns[0].TypeOf()
	w := &wordIndex{table: t.Name, columns: x.Columns, numbered: key.Kind == query.KindInt, keyType: key}
	if in, f := query.LanguageNamed(x.Language); f != nil {
		w.unknown = fmt.Errorf("full-text index %s.%s: %w", t.Name, x.Name, f)
	} else {
		w.language = in
	}
	columns := make([]string, len(x.Columns))
	for i, c := range x.Columns {
		columns[i] = quote(c)
	}
	list, name, keys := strings.Join(columns, ","), wordTable(t.Name, x.Name, x.Language), wordKeys(t.Name, x.Name)
	w.read = "SELECT " + list + " FROM " + quote(t.Name) + ` WHERE "id"=?`
	w.all = `SELECT "id",` + list + " FROM " + quote(t.Name)
	w.find = "SELECT docid FROM " + keys + " WHERE key=?"
	w.give = "INSERT INTO " + keys + " (key) VALUES (?)"
	w.forget = "DELETE FROM " + keys + " WHERE docid=?"
	w.put = "INSERT OR REPLACE INTO " + name + " (rowid," + strings.Join(wordColumnsOf(len(columns)), ",") + ") VALUES (?" + strings.Repeat(",?", len(columns)) + ")"
	w.remove = "DELETE FROM " + name + " WHERE rowid=?"
	return w
}

// wordColumnsOf are the columns of the FTS5 table, by their places in the index.
func wordColumnsOf(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = "c" + strconv.Itoa(i)
	}
	return names
}

// createWords makes an index and fills it with the rows that are there.
func createWords(c *conn, t *plan.Table, x *plan.Index) error {
	w := newWordIndex(t, x)
	// Words are made by us: ascii takes each as it is, but that it folds A to a.
	text := "CREATE VIRTUAL TABLE " + wordTable(t.Name, x.Name, x.Language) + " USING fts5(" + strings.Join(wordColumnsOf(len(x.Columns)), ",") +
		", content='', contentless_delete=1, tokenize='ascii')"
	if err := c.db.Exec(text); err != nil {
		return err
	}
	if !w.numbered {
		if err := c.db.Exec("CREATE TABLE " + wordKeys(t.Name, x.Name) + " (docid INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE) STRICT"); err != nil {
			return err
		}
	}
	rows, _, err := c.db.Prepare(w.all)
	if err != nil {
		return err
	}
	texts := make([]query.Value, len(w.columns))
	for rows.Step() {
		for i := range texts {
			texts[i] = readValue(rows, i+1, query.Type{Kind: query.KindText})
		}
		if err := w.index(c, readValue(rows, 0, w.keyType), texts, true); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return rows.Close() // tells the error of its last step
}

func dropWords(c *conn, table string, x *plan.Index) error {
	return c.execAll("DROP TABLE IF EXISTS "+wordTable(table, x.Name, x.Language), "DROP TABLE IF EXISTS "+wordKeys(table, x.Name))
}

// index puts the words of a row in the place of those that are there; isNew
// says that there are none.
func (w *wordIndex) index(c *conn, key query.Value, texts []query.Value, isNew bool) error {
	if w.unknown != nil {
		return w.unknown
	}
	docs, some := make([][]byte, len(texts)), false
	for i := range texts {
		docs[i] = query.AppendWords(nil, w.language, texts[i].S)
		some = some || len(docs[i]) > 0
	}
	if !some {
		if isNew {
			return nil
		}
		return w.drop(c, key)
	}
	number, known, err := w.number(c, key, isNew)
	if err != nil {
		return err
	}
	if !known {
		if number, err = w.enter(c, key); err != nil {
			return err
		}
	}
	stmt, err := c.stmts.get([]byte(w.put))
	if err != nil {
		return err
	}
	defer stmt.ClearBindings()
	errs := stmt.BindInt64(1, number)
	for i := range docs {
		errs = errors.Join(errs, stmt.BindRawText(i+2, docs[i]))
	}
	if errs != nil {
		return errs
	}
	return stmt.Exec()
}

// number finds the number of a row in the index.
func (w *wordIndex) number(c *conn, key query.Value, isNew bool) (int64, bool, error) {
	if w.numbered {
		return key.N, true, nil
	}
	if isNew {
		return 0, false, nil
	}
	stmt, err := c.stmts.get([]byte(w.find))
	if err != nil {
		return 0, false, err
	}
	defer stmt.Reset()
	if err := bind(stmt, 1, key); err != nil {
		return 0, false, err
	}
	if !stmt.Step() {
		return 0, false, stmt.Err()
	}
	return stmt.ColumnInt64(0), true, nil
}

// enter gives a key a number.
func (w *wordIndex) enter(c *conn, key query.Value) (int64, error) {
	stmt, err := c.stmts.get([]byte(w.give))
	if err != nil {
		return 0, err
	}
	if err := bind(stmt, 1, key); err != nil {
		return 0, err
	}
	if err := stmt.Exec(); err != nil {
		return 0, err
	}
	return c.db.LastInsertRowID(), nil
}

// drop takes a row out of the index, if it is there.
func (w *wordIndex) drop(c *conn, key query.Value) error {
	number, known, err := w.number(c, key, false)
	if err != nil || !known {
		return err
	}
	statements := []string{w.remove, w.forget}
	if w.numbered {
		statements = statements[:1]
	}
	for _, sql := range statements {
		stmt, err := c.stmts.get([]byte(sql))
		if err != nil {
			return err
		}
		if err := stmt.BindInt64(1, number); err != nil {
			return err
		}
		if err := stmt.Exec(); err != nil {
			return err
		}
	}
	return nil
}

// wordIndexes are those of a schema, by table.
func wordIndexes(schema *plan.Schema) map[string][]*wordIndex {
	var all map[string][]*wordIndex
	for i := range schema.Tables {
		t := &schema.Tables[i]
		for j := range t.Indexes {
			if t.Indexes[j].Kind != plan.FullText {
				continue
			}
			if all == nil {
				all = map[string][]*wordIndex{}
			}
			all[t.Name] = append(all[t.Name], newWordIndex(t, &t.Indexes[j]))
		}
	}
	return all
}

// rewording is a changed row that the full-text indexes are still to hear of.
type rewording struct {
	entry         *table
	before, after query.Row
}

// reword brings the full-text indexes up to what the write at hand has done.
// They are those of the database, which the view at hand may not know yet.
func (t *transaction) reword() error {
	for i := range t.reworded {
		r := &t.reworded[i]
		for _, w := range t.writer.words[r.entry.Name] {
			if err := w.follow(t.conn, r); err != nil {
				t.lost = true
				return err
			}
		}
	}
	clear(t.reworded)
	t.reworded = t.reworded[:0]
	return nil
}

func (w *wordIndex) follow(c *conn, r *rewording) error {
	if r.after == nil {
		return w.drop(c, r.before[0])
	}
	isNew := r.before == nil
	if !isNew && query.CompareValues(r.before[0], r.after[0]) != 0 {
		if err := w.drop(c, r.before[0]); err != nil {
			return err
		}
		isNew = true
	}
	texts := make([]query.Value, len(w.columns))
	same := !isNew
	for i, name := range w.columns {
		column := r.entry.Column(name)
		if column == nil {
			return w.reread(c, r.after[0], texts, isNew)
		}
		texts[i] = r.after[column.Index]
		same = same && r.before[column.Index].S == texts[i].S
	}
	if same {
		return nil
	}
	return w.index(c, r.after[0], texts, isNew)
}

// reread indexes a row that was written by a view without all the columns.
func (w *wordIndex) reread(c *conn, key query.Value, texts []query.Value, isNew bool) error {
	stmt, err := c.stmts.get([]byte(w.read))
	if err != nil {
		return err
	}
	if err := bind(stmt, 1, key); err != nil {
		return err
	}
	there := stmt.Step()
	for i := 0; there && i < len(texts); i++ {
		texts[i] = readValue(stmt, i, query.Type{Kind: query.KindText})
	}
	if err := errors.Join(stmt.Err(), stmt.Reset()); err != nil || !there {
		return err
	}
	return w.index(c, key, texts, isNew)
}

// dropStaleWords drops the full-text indexes that a plan does not leave as they
// are, and createWantedWords makes those that are missing then: steps that move,
// rename or rebuild what they are made of need not know of them.
func (m *migration) dropStaleWords() error {
	return eachWords(&m.plan.From, func(t *plan.Table, x *plan.Index) error {
		if m.keepsWords(t, x) {
			return nil
		}
		return dropWords(m.conn, t.Name, x)
	})
}

func (m *migration) createWantedWords() error {
	return eachWords(&m.plan.To, func(t *plan.Table, x *plan.Index) error {
		if from := m.plan.From.Table(t.Name); from != nil {
			at := slices.IndexFunc(from.Indexes, func(old plan.Index) bool { return old.Name == x.Name && old.Kind == plan.FullText })
			if at >= 0 && m.keepsWords(from, &from.Indexes[at]) {
				return nil
			}
		}
		return createWords(m.conn, t, x)
	})
}

// keepsWords reports an index of the old schema that no step touches.
func (m *migration) keepsWords(t *plan.Table, x *plan.Index) bool {
	return !slices.ContainsFunc(m.plan.Steps, func(s plan.Step) bool {
		switch {
		case s.Table != t.Name && s.Was != t.Name:
			return false
		case s.Kind == plan.CreateIndex, s.Kind == plan.DropIndex:
			return s.Name == x.Name
		}
		return s.Kind != plan.AddColumn
	})
}

func eachWords(schema *plan.Schema, visit func(*plan.Table, *plan.Index) error) error {
	for i := range schema.Tables {
		t := &schema.Tables[i]
		for j := range t.Indexes {
			if t.Indexes[j].Kind != plan.FullText {
				continue
			}
			if err := visit(t, &t.Indexes[j]); err != nil {
				return err
			}
		}
	}
	return nil
}

// words finds an index whose tables are gone.
func (d *drift) words(t *plan.Table, x *plan.Index) error {
	if x.Kind != plan.FullText {
		return nil // vectors are read from their table
	}
	there, err := d.rows("SELECT name FROM sqlite_schema WHERE type='table' AND name=?", wordName(t.Name, x.Name, x.Language))
	if err == nil && len(there) == 0 {
		d.grave("leave it out of the manifest for one start, then put it back: that makes it anew",
			"full-text index %s.%s is recorded but not in the database: a search would fail", t.Name, x.Name)
	}
	return err
}
