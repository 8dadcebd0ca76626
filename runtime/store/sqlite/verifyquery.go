package sqlite

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// codeQuery is of texts that cannot be taken for what they are declared as.
const codeQuery = "bad-query"

// QueryProblem is what is wrong with a named query.
type QueryProblem struct {
	Query *query.Named
	Field string // "sql", "params", "returns", "reads" or "write"
	Name  string // the member of params, returns or reads
	// Offset is the byte of the text that is meant, where Field is "sql".
	Offset int
	Fault  *fault.Fault
}

// VerifyQueries prepares a schema's named queries on its tables, empty and in
// memory, and tells what is wrong with each: texts that do not parse, write
// where they are to read, reach what they do not declare, or have other
// parameters and columns than declared. An error is one of ours.
func VerifyQueries(schema *query.Schema) ([]QueryProblem, error) {
	if len(schema.Queries) == 0 {
		return nil, nil
	}
	db, err := emptyDatabase(schema)
	if err != nil {
		return nil, fmt.Errorf("prepare named queries: %w", err)
	}
	var problems []QueryProblem
	modules, err := moduleNames(db)
	for i := 0; i < len(schema.Queries) && err == nil; i++ {
		v := queryVerifier{db: db, schema: schema, named: schema.Queries[i], modules: modules}
		err = v.verify()
		problems = append(problems, v.problems...)
	}
	return problems, errors.Join(err, db.Close())
}

// emptyDatabase has the schema's tables as the engine makes them.
func emptyDatabase(schema *query.Schema) (_ *sqlite3.Conn, err error) {
	db, err := sqlite3.Open(":memory:")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	if err := harden(db); err != nil {
		return nil, err
	}
	// What references carry to other tables is no doing of a text.
	if err := db.Exec("PRAGMA foreign_keys=OFF"); err != nil {
		return nil, err
	}
	declared := plan.FromQuery(schema)
	for i := range declared.Tables {
		text, err := createTable(declared.Tables[i].Name, &declared.Tables[i])
		if err != nil {
			return nil, err
		}
		if err := db.Exec(text); err != nil {
			return nil, err
		}
	}
	return db, nil
}

// moduleNames are SQLite's table-valued functions, which read what no table
// holds: the schema, pragmas, the machine.
func moduleNames(db *sqlite3.Conn) ([]string, error) {
	stmt, _, err := db.Prepare("SELECT name FROM pragma_module_list")
	if err != nil {
		return nil, err
	}
	var names []string
	for stmt.Step() {
		names = append(names, strings.ToLower(stmt.ColumnText(0)))
	}
	return names, errors.Join(stmt.Err(), stmt.Close())
}

// queryVerifier looks at one query.
type queryVerifier struct {
	db       *sqlite3.Conn
	schema   *query.Schema
	named    *query.Named
	modules  []string
	refused  *fault.Fault    // by the authorizer
	word     string          // of the text, that was refused
	read     map[string]bool // or written
	wrote    bool
	problems []QueryProblem
}

func (v *queryVerifier) text(offset int, f *fault.Fault) {
	v.problems = append(v.problems, QueryProblem{Query: v.named, Field: "sql", Offset: offset, Fault: f})
}

func (v *queryVerifier) member(field, name string, f *fault.Fault) {
	v.problems = append(v.problems, QueryProblem{Query: v.named, Field: field, Name: name, Fault: f})
}

func (v *queryVerifier) verify() error {
	text := v.named.Text
	v.read = map[string]bool{}
	if err := v.db.SetAuthorizer(v.authorize); err != nil {
		return err
	}
	stmt, tail, err := v.db.Prepare(text)
	if offErr := v.db.SetAuthorizer(nil); offErr != nil {
		return errors.Join(offErr, closeStmt(stmt))
	}
	switch {
	case v.refused != nil:
		v.text(wordAt(text, v.word), v.refused)
		return closeStmt(stmt)
	case err != nil:
		v.unparsed(err)
		return nil
	case stmt == nil:
		v.text(0, fault.New(codeQuery, "the text is empty").WithHint(v.wanted()))
		return nil
	}
	more, _, err := v.db.Prepare(tail)
	if err != nil || more != nil {
		v.text(len(text)-len(strings.TrimLeft(tail, " \t\r\n;")), fault.New(codeQuery, "the text has more than one statement").WithHint(v.wanted()))
		return errors.Join(closeStmt(more), closeStmt(stmt))
	}
	if !v.isWhatItSays(stmt) {
		return closeStmt(stmt)
	}
	v.parameters(stmt)
	if !v.named.Nothing() {
		v.columns(stmt)
	}
	for _, t := range v.named.Reads {
		if !v.read[t.Name] {
			v.member("reads", t.Name, fault.Newf(codeQuery, "the text does not %s the table %q", v.does(), t.Name).WithHint("leave it out of reads"))
		}
	}
	return closeStmt(stmt)
}

// isWhatItSays tells whether a text reads, or writes, as it is declared to.
func (v *queryVerifier) isWhatItSays(stmt *sqlite3.Stmt) bool {
	switch explains := isExplain(v.named.Text); {
	case v.named.Write && explains:
		v.text(0, fault.New(codeQuery, "the text explains, and writes nothing").WithHint(v.wanted()))
	case v.named.Write && !v.wrote:
		v.member("write", "", fault.New(codeQuery, "the text writes nothing").WithHint("leave write out"))
	case !v.named.Write && (explains || !stmt.ReadOnly() || stmt.ColumnCount() == 0):
		v.text(0, fault.New(codeQuery, "the text is no SELECT").WithHint("a named query reads: it begins with SELECT, WITH or VALUES"))
	default:
		return true
	}
	return false
}

// does is what the text may do.
func (v *queryVerifier) does() string {
	if v.named.Write {
		return "read or write"
	}
	return "read"
}

func (v *queryVerifier) wanted() string {
	if v.named.Write {
		return "write one INSERT, UPDATE or DELETE"
	}
	return "write one SELECT"
}

func closeStmt(stmt *sqlite3.Stmt) error {
	if stmt == nil {
		return nil
	}
	return stmt.Close()
}

func isExplain(text string) bool {
	fields := strings.Fields(text)
	return len(fields) > 0 && strings.EqualFold(fields[0], "EXPLAIN")
}

// unparsed says what SQLite says of a text that it does not take.
func (v *queryVerifier) unparsed(err error) {
	message, offset := err.Error(), 0
	for _, prefix := range []string{"sqlite3: ", "SQL logic error: "} {
		message = strings.TrimPrefix(message, prefix)
	}
	if first, _, cut := strings.Cut(message, "\n"); cut {
		message = first // the driver adds the text
	}
	var known *sqlite3.Error
	if errors.As(err, &known) && known.SQL() != "" {
		offset = len(v.named.Text) - len(known.SQL())
	}
	f := fault.Newf(codeQuery, "the text is no SQL for this manifest: %s", strings.TrimSuffix(message, ":"))
	if name, ok := strings.CutPrefix(message, "no such table: "); ok {
		names := make([]string, len(v.schema.Tables))
		for i, t := range v.schema.Tables {
			names[i] = t.Name
		}
		f = f.WithHint(fault.NearestHint(name, names, "the tables are those of the manifest"))
		offset = wordAt(v.named.Text, name)
	} else if name, ok := strings.CutPrefix(message, "no such column: "); ok {
		f = f.WithHint("a column is named as in the manifest; text stands in '...'")
		offset = wordAt(v.named.Text, name)
	} else {
		f = f.WithHint("see https://sqlite.org/lang_select.html")
	}
	v.text(offset, f)
}

// wordAt finds a name in a text as a word of its own; 0 when it is not there.
func wordAt(text, name string) int {
	lower, name := strings.ToLower(text), strings.ToLower(name)
	for at := 0; name != ""; {
		i := strings.Index(lower[at:], name)
		if i < 0 {
			break
		}
		at += i
		end := at + len(name)
		if (at == 0 || !isWord(lower[at-1])) && (end == len(lower) || !isWord(lower[end])) {
			return at
		}
		at = end
	}
	return 0
}

func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z'
}

// parameters holds the text's parameters against those that are declared.
func (v *queryVerifier) parameters(stmt *sqlite3.Stmt) {
	used := map[string]bool{}
	for i := 1; i <= stmt.BindCount(); i++ {
		full := stmt.BindName(i)
		name, colon := strings.CutPrefix(full, ":")
		switch {
		case full == "" || strings.HasPrefix(full, "?"):
			v.text(max(strings.IndexByte(v.named.Text, '?'), 0), fault.New(codeQuery, "a parameter has no name").WithHint("declare it in params, and write :NAME for ?"))
		case !colon:
			v.text(wordAt(v.named.Text, full[1:]), fault.Newf(codeQuery, "a parameter is written :%s, not %s", full[1:], full).WithHint("write :"+full[1:]))
		case name == query.ParamUID || name == query.ParamRole:
		case v.named.Param(name) < 0:
			names := []string{query.ParamUID, query.ParamRole}
			for _, p := range v.named.Params {
				names = append(names, p.Name)
			}
			v.text(wordAt(v.named.Text, name), fault.Newf(codeQuery, "the query has no parameter %q", name).
				WithHint(fault.NearestHint(name, names, "declare it: params: "+name+`: type: "text"`)))
		}
		used[name] = true
	}
	for _, p := range v.named.Params {
		if !used[p.Name] {
			v.member("params", p.Name, fault.Newf(codeQuery, "the text does not use the parameter :%s", p.Name).WithHint("use it, or leave it out of params"))
		}
	}
}
