package sqlite

import (
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// The table-valued functions that a named query may use: they read their
// argument alone.
var readableModules = []string{"json_each", "json_tree"}

// refusedFunctions reach out of the rows.
var refusedFunctions = []string{"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"}

// The words by which a refusal finds its hint, and its place in the text where
// they stand there.
const (
	wordKey      = "id"
	wordVector   = "vector"
	wordRevision = "_rev"
)

// authorize is SQLite's question, for each thing that a text does, whether it
// may: a named query reads the columns of the tables that it declares, and one
// that writes changes them, but for keys and what is ours.
func (v *queryVerifier) authorize(action sqlite3.AuthorizerActionCode, name, detail, database, _ string) sqlite3.AuthorizerReturnCode {
	switch action {
	case sqlite3.AUTH_SELECT, sqlite3.AUTH_RECURSIVE:
		return sqlite3.AUTH_OK
	case sqlite3.AUTH_READ:
		return v.authorizeRead(name, detail, database)
	case sqlite3.AUTH_FUNCTION:
		// Ours take arguments that no text can make, or serve a migration.
		if lower := strings.ToLower(detail); slices.Contains(refusedFunctions, lower) || strings.HasPrefix(lower, functionPrefix) {
			return v.refuse(detail, "a query cannot call the function %s", detail)
		}
		return sqlite3.AUTH_OK
	case sqlite3.AUTH_INSERT:
		return v.authorizeWrite("insert", "inserts into", name, "", database)
	case sqlite3.AUTH_UPDATE:
		return v.authorizeWrite("update", "updates", name, detail, database)
	case sqlite3.AUTH_DELETE:
		return v.authorizeWrite("delete", "deletes from", name, "", database)
	case sqlite3.AUTH_PRAGMA:
		return v.refuse("pragma", "a query cannot use PRAGMA")
	case sqlite3.AUTH_ATTACH, sqlite3.AUTH_DETACH:
		return v.refuse("attach", "a query cannot reach another database")
	}
	return v.refuse("", "a query can only read, or write rows")
}

// authorizeWrite judges a write to a table, and of an update its column.
func (v *queryVerifier) authorizeWrite(word, does, table, column, database string) sqlite3.AuthorizerReturnCode {
	t := v.schema.Table(table)
	switch {
	case !v.named.Write:
		return v.refuse(word, "a query cannot write: it %s %q", does, table)
	case t == nil || database != "main":
		return v.refuse(table, "a query cannot write to %q: it is no table of the manifest", table)
	case !slices.Contains(v.named.Reads, t):
		return v.refuse(table, "the text writes to the table %q, and reads does not name it", table)
	case strings.HasPrefix(column, "_"):
		return v.refuse(wordRevision, "the text writes the hidden column %s of %q", column, table)
	case column == "":
	case t.Column(column) == nil:
		return v.refuse(column, "the table %q has no column %q of the manifest", table, column)
	case t.Column(column) == t.Key():
		return v.refuse(wordKey, "the text changes the key of %q", table)
	case t.Column(column).Type.Kind == query.KindVector:
		return v.refuse(wordVector, "the text writes the vector %s of %q", column, table)
	}
	v.read[t.Name], v.wrote = true, true
	return sqlite3.AUTH_OK
}

// authorizeRead judges a column of a table, and a table of which no column is
// read (count(*)).
func (v *queryVerifier) authorizeRead(table, column, database string) sqlite3.AuthorizerReturnCode {
	t := v.schema.Table(table)
	lower := strings.ToLower(table)
	switch {
	case t == nil && slices.Contains(readableModules, lower):
		return sqlite3.AUTH_OK
	case t == nil && column == "" && !v.ofDatabase(lower):
		return sqlite3.AUTH_OK // the name of a WITH or of a SELECT in parentheses
	case t == nil || database != "" && database != "main":
		return v.refuse(table, "a query cannot read %q: it is no table of the manifest", table)
	case !slices.Contains(v.named.Reads, t):
		return v.refuse(table, "the text reads the table %q, and reads does not name it", table)
	case strings.HasPrefix(column, "_"):
		return v.refuse("*", "the text reads the hidden column %s of %q; * means it too", column, table)
	case column != "" && t.Column(column) == nil:
		return v.refuse(column, "the table %q has no column %q of the manifest", table, column)
	}
	v.read[t.Name] = true
	return sqlite3.AUTH_OK
}

// ofDatabase tells whether a name that no manifest's table has is one of the
// database's own.
func (v *queryVerifier) ofDatabase(name string) bool {
	return strings.HasPrefix(name, "sqlite_") || strings.HasPrefix(name, "pragma_") || strings.HasPrefix(name, "_") ||
		slices.Contains(v.modules, name)
}

// refuse keeps the first thing that a text may not do.
func (v *queryVerifier) refuse(word, format string, args ...any) sqlite3.AuthorizerReturnCode {
	if v.refused == nil {
		v.word = word
		v.refused = fault.Newf(codeQuery, format, args...).WithHint(refusalHint(word))
	}
	return sqlite3.AUTH_DENY
}

func refusalHint(word string) string {
	switch word {
	case "*":
		return "name the columns"
	case "insert", "update", "delete":
		return "a query that writes says so: write: true"
	case wordRevision:
		return "leave it out: it counts the changes of a row by itself"
	case wordKey:
		return "insert a new row and delete the old one, or change the key through /api/data"
	case wordVector:
		return "write vectors through /api/data"
	case "pragma", "attach":
		return "write one SELECT on tables of the manifest"
	}
	return "a query reads columns of the tables that reads names: add the table there, or leave it out of the text"
}
