package sqlite

import (
	"errors"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/ext/fts5"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// functionPrefix begins the names of all functions of ours.
const functionPrefix = "hive_"

// The functions that every connection has. The first argument of each is a
// node of ours, handed over as a pointer, so that no text can name one.
const (
	functionEval     = "hive_eval"     // a value that SQL would say differently
	functionCast     = "hive_cast"     // a value read as another type
	functionDistance = "hive_distance" // how far a vector is from another
	functionVisit    = "hive_visit"    // whether a walk comes to a row for the first time
	functionRow      = "hive_row"      // the row at hand as a JSON object
	functionRows     = "hive_rows"     // all rows as a JSON array, in their order

	// functionConvert is known to the writer alone, once it has made a table anew;
	// its first argument is no node but a number.
	functionConvert = "hive_convert"

	collationJSON = "hive_json"
)

func registerFunctions(db *sqlite3.Conn) error {
	const pure = sqlite3.DETERMINISTIC | sqlite3.DIRECTONLY
	return errors.Join(
		db.CreateFunction(functionEval, -1, pure, evalFunction),
		fts5.Register(db),
		db.CreateFunction(functionDistance, 2, pure, distanceFunction),
		db.CreateFunction(functionCast, 2, pure, castFunction),
		db.CreateFunction(functionVisit, 3, sqlite3.DIRECTONLY, visitFunction),
		db.CreateFunction(functionRow, -1, sqlite3.DIRECTONLY, rowFunction),
		db.CreateWindowFunction(functionRows, -1, sqlite3.DIRECTONLY, func() sqlite3.AggregateFunction { return new(rowsFunction) }),
		db.CreateCollation(collationJSON, func(a, b []byte) int {
			return query.CompareValues(query.JSON(string(a)), query.JSON(string(b)))
		}),
	)
}
