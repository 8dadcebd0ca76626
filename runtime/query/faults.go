package query

import (
	"fmt"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// The codes of this package's faults, PostgreSQL's and PostgREST's where they
// have one. Those of full text stand with its parser.
const (
	CodeParse           = "PGRST100" // the URL does not parse, or is beyond a bound
	CodeNotEmbedded     = "PGRST108" // a filter on something that select does not embed
	CodeRelatedOrder    = "PGRST118" // an order by a relation to many rows
	CodeSpread          = "PGRST119" // a spread of a relation to many rows
	CodeRelatedFilter   = "PGRST120" // a filter on an embed that asks more than whether it is null
	CodeNotImplemented  = "PGRST127" // a part of PostgREST's dialect that is not there
	CodeNoRelation      = "PGRST200" // select embeds what the schema does not have
	CodeManyRelations   = "PGRST201" // select embeds what the schema has several ways to; details are a JSON array
	CodeUnknownField    = "PGRST204" // an unknown column in a body or in columns=
	CodeUndefinedColumn = "42703"    // an unknown column in select, a filter or an order
	CodeNoOperator      = "42883"    // an operator that the types do not have
	CodeGrouping        = "42803"    // an order by what the groups of an aggregate do not share
	CodeUnknownType     = "42704"    // a cast to a type that is not there
	CodeNoCast          = "42846"    // a cast between types that have none
	CodeJSONCast        = "22023"    // a cast of json that holds a value of another type
	CodeTypeMismatch    = "42804"    // a condition where another type stands
	CodeSyntax          = "22P02"    // a literal that is none of its type
	CodeTimeSyntax      = "22007"    // a literal that is no timestamp or date
	CodeTimeRange       = "22008"    // a timestamp or date outside the years 1 to 9999
	CodeRange           = "22003"    // a number outside its type
	CodeNUL             = "22P05"    // text with a NUL in it
	CodeEncoding        = "22021"    // text that is not UTF-8
	CodePattern         = "2201B"    // a regular expression that does not compile
	CodeEscape          = "22025"    // a LIKE pattern that ends in its escape
	CodeDimensions      = "22000"    // a vector of another length than its column's
	CodeWalk            = "walk-too-large"
)

// UnknownColumn is the one fault of naming a column that is not there, or not
// there for this caller: the two are not to be told apart. readable narrows
// the hint to what the caller may know; nil is every column.
func UnknownColumn(t *Table, name string, readable *ColumnSet) *fault.Fault {
	f := fault.Newf(CodeUndefinedColumn, "column %s.%s does not exist", t.Name, clip(name))
	if near := nearestColumn(t, name, readable); near != "" {
		return f.WithHint(fmt.Sprintf("Perhaps you meant to reference the column %q.", t.Name+"."+near))
	}
	return f
}

// UnknownField is the fault of an unknown column in a body or in columns=.
func UnknownField(t *Table, name string, readable *ColumnSet) *fault.Fault {
	f := fault.Newf(CodeUnknownField, "Could not find the '%s' column of '%s' in the schema cache", clip(name), t.Name)
	if near := nearestColumn(t, name, readable); near != "" {
		return f.WithHint(fmt.Sprintf("Perhaps you meant the '%s' column.", near))
	}
	return f
}

// NoRelation is the one fault of a relation that is not there, or not there for
// this caller. using is the hint that was to tell between several, "" for none.
func NoRelation(from *Table, to, using string) *fault.Fault {
	if using != "" {
		using = " using the hint '" + clip(using) + "'"
	}
	to = clip(to)
	return fault.Newf(CodeNoRelation, "Could not find a relationship between '%s' and '%s' in the schema cache", from.Name, to).
		WithDetails(fmt.Sprintf("Searched for a foreign key relationship between '%s' and '%s'%s in the schema 'public', but no matches were found.", from.Name, to, using))
}

// NoSpread is the fault of a spread of a relation to many rows.
func NoSpread(from *Table, target string) *fault.Fault {
	return fault.Newf(CodeSpread, "A spread operation on '%s' is not possible", clip(target)).WithDetails(notToOne(from, target))
}

// longestGuess bounds the names that are compared with others for a hint.
const longestGuess = 63

func nearestColumn(t *Table, name string, readable *ColumnSet) string {
	if len(name) > longestGuess {
		return ""
	}
	names := make([]string, 0, len(t.Columns))
	for _, c := range t.Columns {
		if c.Name != name && (readable == nil || readable.Has(c)) {
			names = append(names, c.Name)
		}
	}
	return fault.Nearest(name, names)
}

// clip shortens what a caller sent to what a message can carry.
func clip(s string) string { return fault.Clip(s, 100) }

func badSyntax(t Type, text string) *fault.Fault {
	code := CodeSyntax
	if t.Kind == KindTimestamp || t.Kind == KindDate {
		code = CodeTimeSyntax
	}
	return fault.Newf(code, "invalid input syntax for type %s: \"%s\"", t.WireName(), clip(text))
}

func outOfRange(t Type, text string) *fault.Fault {
	if t.Kind == KindTimestamp || t.Kind == KindDate {
		return fault.Newf(CodeTimeRange, "date/time field value out of range: \"%s\"", clip(text)).
			WithHint("write a time that the calendar has, between the years 1 and 9999")
	}
	return fault.Newf(CodeRange, "value \"%s\" is out of range for type %s", clip(text), t.WireName())
}

func nulText() *fault.Fault {
	return fault.New(CodeNUL, "unsupported Unicode escape sequence").WithDetails(errNUL.Error() + ".")
}

func badEncoding() *fault.Fault {
	return fault.New(CodeEncoding, `invalid byte sequence for encoding "UTF8"`)
}
