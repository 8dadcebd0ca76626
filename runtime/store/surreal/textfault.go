package surreal

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
)

// What the server says of what a text writes. Names stand before the values.
const (
	recordTaken = "Database record `"
	takenBy     = ", with record `"
	uncoerced   = "Couldn't coerce value for field `"
	foundNone   = " but found `NONE`"
)

// textFault says which constraint a text broke, and no value.
func textFault(n *query.Named, err error) error {
	var failed *rpc.StatementError
	if !errors.As(err, &failed) {
		return err
	}
	if isRetryable(failed) {
		return errAgain
	}
	if constraint := brokenByText(n, failed); constraint != "" {
		return faultUnique(constraint).WithCause(err)
	}
	if t, column := clearedByText(n, failed); t != nil {
		return faultNotNull(t.Name, column).WithCause(err)
	}
	return fmt.Errorf("query %q: %w", n.Name, err)
}

// brokenByText is the unique constraint that a text broke, "" where it broke none
// of the tables that it names.
func brokenByText(n *query.Named, failed *rpc.StatementError) string {
	if id, is := strings.CutPrefix(failed.Message, recordTaken); is && failed.Kind == kindExists {
		if t := tableOfText(n, id); t != nil {
			return t.Constraint(nil)
		}
		return ""
	}
	rest, is := strings.CutPrefix(failed.Message, indexTaken)
	if !is || failed.Kind == kindThrown {
		return ""
	}
	name, rest, _ := strings.Cut(rest, "`")
	var having []*query.Table
	for _, t := range n.Reads {
		if x := t.Index(name); x != nil && x.Unique {
			having = append(having, t)
		}
	}
	if len(having) == 0 {
		return ""
	}
	// Several may have one of that name: the record, behind the values, says which.
	if at := strings.LastIndex(rest, takenBy); at >= 0 && len(having) > 1 {
		if t := tableOfText(n, rest[at+len(takenBy):]); t != nil && slices.Contains(having, t) {
			return constraintOf(t, name)
		}
	}
	return constraintOf(having[0], name)
}

// clearedByText is the column that is never null and that a text left so; nil
// where the error is another one.
func clearedByText(n *query.Named, failed *rpc.StatementError) (*query.Table, string) {
	rest, is := strings.CutPrefix(failed.Message, uncoerced)
	if !is || failed.Kind == kindThrown || !strings.HasSuffix(rest, foundNone) {
		return nil, ""
	}
	field, rest, _ := strings.Cut(rest, "`")
	id, is := strings.CutPrefix(rest, " of `")
	if !is {
		return nil, ""
	}
	t := tableOfText(n, id)
	if t == nil {
		return nil, ""
	}
	for _, c := range t.Columns {
		if fieldOf(t, c) == field && c.Required {
			return t, c.Name
		}
	}
	return nil, ""
}

// tableOfText is the table of a record's id, of those that a text names.
func tableOfText(n *query.Named, id string) *query.Table {
	name, _, _ := strings.Cut(id, ":")
	at := slices.IndexFunc(n.Reads, func(t *query.Table) bool { return t.Name == name })
	if at < 0 {
		return nil
	}
	return n.Reads[at]
}
