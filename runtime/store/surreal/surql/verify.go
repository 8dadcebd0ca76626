package surql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// codeQuery is of texts that cannot be taken for what they are declared as.
const codeQuery = "bad-query"

// Problem is what is wrong with a named query.
type Problem struct {
	Query *query.Named
	Field string // "surql", "params", "returns", "reads" or "write"
	Name  string // the member of params, returns or reads
	// Offset is the byte of the text that is meant, where Field is "surql".
	Offset int
	Fault  *fault.Fault
}

// Verify tells what is wrong with a schema's named queries, as far as their
// words say it: texts of several statements, that write where they are to read,
// define, call what is outside of the database, name tables or parameters that
// are not declared, or do not use those that are. A column of a ref that a path
// goes on from counts as the table that it points at. What an expression makes
// of strings is not seen; so texts may not make tables or records of strings.
func Verify(schema *query.Schema) []Problem {
	var problems []Problem
	for _, n := range schema.Queries {
		v := verifier{schema: schema, named: n, read: map[string]bool{}, used: map[string]bool{}, locals: map[string]bool{}}
		v.verify()
		problems = append(problems, v.problems...)
	}
	return problems
}

// verifier looks at one query.
type verifier struct {
	schema   *query.Schema
	named    *query.Named
	tokens   []token
	read     map[string]bool // tables
	used     map[string]bool // parameters
	locals   map[string]bool // what LET, FOR and closures name
	problems []Problem
}

func (v *verifier) text(at int, f *fault.Fault) {
	v.problems = append(v.problems, Problem{Query: v.named, Field: "surql", Offset: at, Fault: f})
}

func (v *verifier) member(field, name string, f *fault.Fault) {
	v.problems = append(v.problems, Problem{Query: v.named, Field: field, Name: name, Fault: f})
}

func (v *verifier) verify() {
	tokens, bad := lex(v.named.Text)
	if bad != nil {
		v.text(bad.at, fault.Newf(codeQuery, "the text is no SurrealQL: %s", bad.cause).WithHint("see https://surrealdb.com/docs/surrealql"))
		return
	}
	for len(tokens) > 0 && tokens[len(tokens)-1].is(";") {
		tokens = tokens[:len(tokens)-1]
	}
	v.tokens = tokens
	if len(tokens) == 0 {
		v.text(0, fault.New(codeQuery, "the text is empty").WithHint(v.wanted()))
		return
	}
	if !v.oneStatement() || !v.isWhatItSays() {
		return
	}
	v.findLocals()
	for i := range tokens {
		v.look(i)
	}
	if len(v.problems) > 0 {
		return
	}
	for _, p := range v.named.Params {
		if !v.used[p.Name] {
			v.member("params", p.Name, fault.Newf(codeQuery, "the text does not use the parameter $%s", p.Name).WithHint("use it, or leave it out of params"))
		}
	}
	v.columns()
	does := "read"
	if v.named.Write {
		does = "read or write"
	}
	for _, t := range v.named.Reads {
		if !v.read[t.Name] {
			v.member("reads", t.Name, fault.Newf(codeQuery, "the text does not %s the table %q", does, t.Name).WithHint("leave it out of reads"))
		}
	}
}

func (v *verifier) wanted() string {
	if v.named.Write {
		return "write one CREATE, INSERT, UPDATE, UPSERT, DELETE or RELATE"
	}
	return "write one SELECT or RETURN"
}

// oneStatement refuses what stands behind a semicolon, but within a block.
func (v *verifier) oneStatement() bool {
	depth := 0
	for _, t := range v.tokens {
		switch {
		case t.is("{") || t.is("(") || t.is("["):
			depth++
		case t.is("}") || t.is(")") || t.is("]"):
			if depth--; depth < 0 {
				v.text(t.at, fault.Newf(codeQuery, "the text closes with %s what it did not open", t.text).WithHint(v.wanted()))
				return false
			}
		case t.is(";") && depth == 0:
			v.text(t.at, fault.New(codeQuery, "the text has more than one statement").WithHint(v.wanted()))
			return false
		}
	}
	return true
}

var writing = []string{"CREATE", "INSERT", "UPDATE", "UPSERT", "DELETE", "RELATE"}

// never stands in a text: what defines, administers, waits or ends a transaction.
var never = []string{
	"DEFINE", "REMOVE", "ALTER", "REBUILD", "LIVE", "KILL", "USE", "BEGIN", "COMMIT", "CANCEL", "OPTION", "SLEEP", "INFO", "SHOW", "ACCESS", "FUNCTION", "EXPLAIN",
}

// outside are the families of functions that reach out of the database, or into
// what is not the text's.
var outside = []string{"http", "fn", "ml", "mod", "silo", "api", "file", "sleep", "session", "eval", "sequence", "schema"}

func isOneOf(t token, names []string) bool {
	return t.kind == word && slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, t.text) })
}

func (v *verifier) isWhatItSays() bool {
	first := v.tokens[0]
	switch writes := isOneOf(first, writing); {
	case v.named.Write && !writes && (first.is("SELECT") || first.is("RETURN")):
		v.member("write", "", fault.New(codeQuery, "the text writes nothing").WithHint("leave write out, or "+v.wanted()))
	case v.named.Write && !writes:
		v.text(first.at, fault.Newf(codeQuery, "the text begins with %q", first.text).WithHint(v.wanted()))
	case !v.named.Write && !first.is("SELECT") && !first.is("RETURN"):
		v.text(first.at, fault.New(codeQuery, "the text is no SELECT").WithHint("a named query reads: it begins with SELECT or RETURN"))
	default:
		return true
	}
	return false
}

func (v *verifier) at(i int) token {
	if i < 0 || i >= len(v.tokens) {
		return token{kind: sign}
	}
	return v.tokens[i]
}

// findLocals notes the parameters that the text makes itself.
func (v *verifier) findLocals() {
	for i, t := range v.tokens {
		if t.kind != param {
			continue
		}
		before, after := v.at(i-1), v.at(i+1)
		if before.is("LET") || before.is("FOR") || before.is("(") && v.at(i-2).is("FOR") ||
			before.is("|") || before.is(",") && (after.is("|") || after.is(":")) || before.is("|") && after.is(":") {
			v.locals[t.text] = true
		}
	}
}

// look judges one token where it stands.
func (v *verifier) look(i int) {
	t, before, after := v.tokens[i], v.at(i-1), v.at(i+1)
	switch t.kind {
	case param:
		v.parameter(t)
	case text:
		v.special(t)
	case word, quoted:
		isMember, isKey := before.is(".") || before.is("?."), v.isKey(i)
		switch {
		case isMember && t.is("to_record") && after.is("("):
			v.text(t.at, fault.New(codeQuery, "the text makes records of strings").WithHint("name their table: type::record('TABLE', key)"))
			return
		case isMember || isKey:
		case (after.is("::") || before.is("::")) && t.kind == quoted:
			v.text(t.at, fault.New(codeQuery, "the text quotes a part of a function's name").WithHint("write it without quotes"))
			return
		case after.is("::") && !before.is("::"):
			v.function(t, i)
			return
		case before.is("::"):
		case strings.HasPrefix(t.text, "_"):
			v.text(t.at, fault.Newf(codeQuery, "the text has the name %q, which is not of the manifest", t.text).WithHint("names that begin with _ are the engine's own"))
			return
		case isOneOf(t, never), !v.named.Write && isOneOf(t, writing):
			v.text(t.at, fault.Newf(codeQuery, "the text has the word %s, which a named query %s", strings.ToUpper(t.text), v.may()).
				WithHint("a name that is such a word stands in `...`"))
			return
		}
		switch {
		case v.namesTable(i):
			v.table(t)
		case !isMember && !isKey && !before.is("AS") && v.isUndeclared(t.text):
			v.table(t)
		case !isMember && t.is("record") && (before.is("|") || before.is(",")) && (after.is("|") || after.is(">")):
			v.text(t.at, fault.New(codeQuery, "the text makes records of strings").WithHint("name their table: <record<TABLE>>, or type::record('TABLE', key)"))
		}
		if c := after; c.is(".") || c.is("?.") || c.is("->") || v.fetches(i) {
			v.through(t.text)
		}
	case sign:
		if t.text == "<" && after.is("record") && !v.at(i+2).is("<") {
			v.text(after.at, fault.New(codeQuery, "the text makes records of strings").WithHint("name their table: <record<TABLE>>, or type::record('TABLE', key)"))
		}
	}
}

func (v *verifier) may() string {
	if v.named.Write {
		return "has no use for"
	}
	return "that reads has no use for"
}

func (v *verifier) parameter(t token) {
	switch t.text {
	case query.ParamUID, query.ParamRole:
		return
	case "this", "parent", "value", "before", "after", "event", "input", "index":
		return
	}
	if v.locals[t.text] {
		return
	}
	if v.named.Param(t.text) < 0 {
		names := []string{query.ParamUID, query.ParamRole}
		for _, p := range v.named.Params {
			names = append(names, p.Name)
		}
		v.text(t.at, fault.Newf(codeQuery, "the query has no parameter %q", t.text).
			WithHint(fault.NearestHint(t.text, names, "declare it: params: "+t.text+`: type: "text"`)))
	}
	v.used[t.text] = true
}

// isKey reports a name of an object's member.
func (v *verifier) isKey(i int) bool {
	if !v.at(i + 1).is(":") {
		return false
	}
	if v.at(i - 1).is("{") {
		return true
	}
	return v.at(i-1).is(",") && v.inObject(i)
}

// inObject reports a place right between the braces of an object, not of a block.
func (v *verifier) inObject(i int) bool {
	depth := 0
	for i--; i >= 0; i-- {
		switch t := v.tokens[i]; {
		case t.is(")") || t.is("]") || t.is("}"):
			depth++
		case depth > 0 && (t.is("(") || t.is("[") || t.is("{")):
			depth--
		case t.is("{"):
			return v.at(i-1).is(".") || v.at(i+2).is(":")
		case t.is("(") || t.is("["):
			return false
		}
	}
	return false
}

// isUndeclared reports the name of a table that is not in reads, and that of no
// column either: wherever it stands, the table may be meant.
func (v *verifier) isUndeclared(name string) bool {
	t := v.schema.Table(name)
	if t == nil || slices.Contains(v.named.Reads, t) || v.named.Result.Column(name) != nil {
		return false
	}
	return !slices.ContainsFunc(v.named.Reads, func(read *query.Table) bool { return read.Column(name) != nil })
}

// special judges strings that are not plain: of files, and a record's id that
// stands as r'...'.
func (v *verifier) special(t token) {
	if t.text[0]|0x20 == 'f' {
		v.text(t.at, fault.New(codeQuery, "the text names a file, which is not of the database alone").WithHint("leave it out"))
		return
	}
	if t.text[0]|0x20 != 'r' || len(t.text) < 3 {
		return
	}
	name, _, _ := strings.Cut(t.text[2:len(t.text)-1], ":")
	v.table(token{kind: quoted, text: strings.Trim(name, "`⟨⟩"), at: t.at})
}

// function judges the family of a function's name.
func (v *verifier) function(t token, i int) {
	if isOneOf(t, outside) {
		v.text(t.at, fault.Newf(codeQuery, "the text calls %s::, which is no function of the database alone", strings.ToLower(t.text)).WithHint("leave it out"))
		return
	}
	name := v.at(i + 2)
	if t.is("encoding") && name.is("cbor") {
		v.text(t.at, fault.New(codeQuery, "the text makes values of bytes").WithHint("leave encoding::cbor out: a record may be among them"))
		return
	}
	if !t.is("type") {
		return
	}
	switch {
	case name.is("field") || name.is("fields"):
		v.text(t.at, fault.New(codeQuery, "the text makes columns of strings").WithHint("name the columns"))
	case name.is("table"):
		v.text(t.at, fault.New(codeQuery, "the text makes a table of a string").WithHint("name the table"))
	case name.is("record") || name.is("thing"):
		first := v.at(i + 4)
		if first.kind != text || !v.at(i+5).is(",") || strings.ContainsAny(first.text, `\:`) {
			v.text(t.at, fault.New(codeQuery, "the text makes records of strings").WithHint("name their table: type::record('TABLE', key)"))
			return
		}
		v.table(token{kind: quoted, text: strings.Trim(first.text, `'"`), at: first.at})
	}
}

// namesTable reports a name that stands where a table does.
func (v *verifier) namesTable(i int) bool {
	before, after := v.at(i-1), v.at(i+1)
	switch {
	case after.is("::") || before.is("::"):
		return false
	case after.is(":") && !v.isKey(i): // a record's id
		return true
	case before.is("->"), before.is("<-"), before.is("<->"):
		return !v.tokens[i].is("SELECT")
	}
	for i > 1 && v.at(i-1).is(",") && (v.at(i-2).kind == word || v.at(i-2).kind == quoted) {
		i -= 2 // of several
	}
	before = v.at(i - 1)
	if before.is("ONLY") {
		before = v.at(i - 2)
	}
	if before.is("(") && (v.at(i-2).is("->") || v.at(i-2).is("<-") || v.at(i-2).is("<->")) {
		return true
	}
	if v.tokens[i].is("ONLY") || v.tokens[i].is("RELATION") || v.tokens[i].is("IGNORE") || v.tokens[i].is("INTO") {
		return false
	}
	if before.is("UPDATE") {
		return !v.at(i-2).is("KEY") && !v.at(i-3).is("KEY") // ON DUPLICATE KEY UPDATE
	}
	for _, lead := range []string{"FROM", "INTO", "CREATE", "UPSERT", "DELETE", "RELATE"} {
		if before.is(lead) {
			return !v.tokens[i].is("FROM") // DELETE FROM
		}
	}
	return false
}

func (v *verifier) table(t token) {
	known := v.schema.Table(t.text)
	if known == nil {
		if v.locals[t.text] {
			return
		}
		names := make([]string, len(v.schema.Tables))
		for i, table := range v.schema.Tables {
			names[i] = table.Name
		}
		v.text(t.at, fault.Newf(codeQuery, "the manifest has no table %q", t.text).WithHint(fault.NearestHint(t.text, names, "the tables are those of the manifest")))
		return
	}
	v.touch(known, t.at)
}

func (v *verifier) touch(t *query.Table, at int) {
	v.read[t.Name] = true
	if !slices.Contains(v.named.Reads, t) {
		v.text(at, fault.Newf(codeQuery, "the text names the table %q, which is not in reads", t.Name).WithHint(fmt.Sprintf("add %q to reads", t.Name)))
	}
}

// fetches reports a name behind FETCH.
func (v *verifier) fetches(i int) bool {
	for i > 1 && v.at(i-1).is(",") {
		i -= 2
	}
	return v.at(i - 1).is("FETCH")
}

// through counts the tables that a path may lead to over a ref.
func (v *verifier) through(name string) {
	for _, t := range v.named.Reads {
		for _, c := range t.Columns {
			stored := c.Name
			if t.Edge != nil && c == t.Edge.From {
				stored = "in"
			} else if t.Edge != nil && c == t.Edge.To {
				stored = "out"
			}
			if stored != name || c.Ref == nil {
				continue
			}
			if target := v.schema.Table(c.Ref.Table); target != nil {
				at := slices.IndexFunc(v.tokens, func(t token) bool { return t.text == name })
				v.touch(target, v.at(at).at)
			}
		}
	}
}
