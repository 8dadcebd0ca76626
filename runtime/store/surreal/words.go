package surreal

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// A full-text index is a hidden field of its rows and a FULLTEXT index over it.
// The field has, for each column of the index in turn, the words that
// query.AppendWords makes of its text, as one string in which every word has a
// space at each side: " a  fox ". So a phrase is there where its words, written
// likewise, are a part of the string, and never where a word only begins or ends
// with one of them. Nothing is in the field of a row whose texts are all null; where
// it is missing in another row, that was written by hand, and repairWords fills it.
//
// The server's own stemmers are never asked: whoever writes a row makes its words.

// analyzer takes the words as they are.
const (
	analyzer     = "_words"
	analyzerText = "DEFINE ANALYZER OVERWRITE `" + analyzer + "` TOKENIZERS blank;\n"
)

// searchFields are the hidden fields of an index for search.
func searchFields(t *plan.Table, x *plan.Index) []definition {
	if x.Kind != plan.FullText {
		return nil
	}
	field := plannedWords(x)
	changed := make([]string, len(x.Columns))
	for i, c := range x.Columns {
		changed[i] = quote(c) + " != $before." + quote(c)
	}
	// What a writer that knows no words leaves is words of another text.
	value := "IF ($" + paramWorded + " ?? []) CONTAINS '" + t.Name + "." + field + "' { $value } ELSE IF " + strings.Join(changed, " OR ") + " { NONE } ELSE { $value }"
	return []definition{{"FIELD", field, " ON " + quote(t.Name) + " TYPE none | array<string> VALUE " + value + " PERMISSIONS NONE"}}
}

// worded are the fields of words that a view's writes keep, as a parameter's value.
func worded(tables []*query.Table) []byte {
	var fields []string
	for _, t := range tables {
		for _, x := range t.Indexes {
			if x.Kind == query.FullText {
				fields = append(fields, t.Name+"."+indexedWords(x))
			}
		}
	}
	return appendTexts(nil, fields)
}

func appendTexts(dst []byte, texts []string) []byte {
	dst = wire.AppendArray(dst, len(texts))
	for _, text := range texts {
		dst = wire.AppendString(dst, text)
	}
	return dst
}

// searchIndexes are the server's own indexes of an index for search.
func searchIndexes(t *plan.Table, x *plan.Index) []definition {
	if x.Kind != plan.FullText {
		return nil
	}
	return []definition{{"INDEX", x.Name, " ON " + quote(t.Name) + " FIELDS " + quote(plannedWords(x)) + " FULLTEXT ANALYZER " + quote(analyzer)}}
}

// plannedWords is the field of an index, as its plan has it.
func plannedWords(x *plan.Index) string {
	in, f := query.LanguageNamed(x.Language)
	if f != nil {
		return wordsField(x.Name) + "_" + x.Language // of a newer program, which fills it
	}
	return indexedWords(&query.Index{Name: x.Name, Language: in})
}

// indexedWords is the field of an index. Its language is in the name, so that
// who asks in the words of another one finds no index, and not too little.
func indexedWords(x *query.Index) string {
	if x.Language == query.Simple {
		return wordsField(x.Name)
	}
	return wordsField(x.Name) + "_" + x.Language.String()
}

// appendWords appends what the field of a full-text index has for a row.
func appendWords(dst []byte, x *query.Index, row query.Row) []byte {
	texts := make([]query.Value, len(x.Columns))
	for i, c := range x.Columns {
		texts[i] = row[c.Index]
	}
	return appendWordsOf(dst, x.Language, texts)
}

// appendWordsOf is appendWords of the texts of the index's columns.
func appendWordsOf(dst []byte, in query.Language, texts []query.Value) []byte {
	spaced := make([]string, len(texts))
	for i := range texts {
		spaced[i] = spacedWords(in, texts[i].S)
	}
	if !slices.ContainsFunc(texts, func(v query.Value) bool { return !v.IsNull() }) {
		return wire.AppendNone(dst)
	}
	dst = wire.AppendArray(dst, len(spaced))
	for _, s := range spaced {
		dst = wire.AppendString(dst, s)
	}
	return dst
}

// spacedWords are the words of a text, each between two spaces.
func spacedWords(in query.Language, text string) string {
	words := strings.TrimSuffix(string(query.AppendWords(nil, in, text)), " ")
	if words == "" {
		return ""
	}
	return " " + strings.ReplaceAll(words, " ", "  ") + " "
}

// repairPage is how many rows are repaired in one transaction.
const repairPage = 200

// repairSome repairs some rows, and tells whether there may be more. Where rows
// are given, no others are looked at.
func (s *Store) repairSome(ctx context.Context, t *plan.Table, x *plan.Index, in query.Language, given []byte) (bool, error) {
	fields := quoteAll(x.Columns)
	known := make([]string, len(x.Columns))
	for i, c := range x.Columns {
		known[i] = quote(c) + " != NONE"
	}
	field := quote(plannedWords(x))
	from, vars := quote(t.Name), []byte(nil)
	if given != nil {
		from, vars = "$rows", append(wire.AppendString(wire.AppendMap(nil, 1), "rows"), given...)
	}
	text := "SELECT VALUE [id, " + fieldRevision + ", " + fields + "] FROM " + from + " WHERE " + fieldRevision + " != NONE AND " + field + " = NONE AND (" + strings.Join(known, " OR ") + ") LIMIT " + strconv.Itoa(repairPage)
	results, err := s.client.Read(ctx, text, vars)
	if err != nil {
		return false, err
	}
	r := wire.NewReader(results[0])
	n := r.Array()
	if n == 0 || r.Err() != nil {
		return false, r.Err()
	}
	rows := wire.AppendArray(nil, n)
	for range n {
		r.Array()
		rows = append(wire.AppendArray(rows, 3), r.Raw()...)
		rows = append(rows, r.Raw()...)
		texts := make([]query.Value, len(x.Columns))
		for i := range texts {
			texts[i] = readValue(r, query.Type{Kind: query.KindText})
		}
		rows = appendWordsOf(rows, in, texts)
	}
	if r.Err() != nil {
		return false, r.Err()
	}
	vars = append(wire.AppendString(wire.AppendMap(nil, 4), "rows"), rows...)
	vars = wire.AppendString(wire.AppendArray(wire.AppendString(vars, paramWorded), 1), t.Name+"."+plannedWords(x))
	vars = wire.AppendBool(wire.AppendString(vars, paramOurs), true)
	vars = wire.AppendBool(wire.AppendString(vars, paramSilent), true)
	if err := s.writing.enter(ctx); err != nil {
		return false, err
	}
	defer s.writing.leave()
	_, err = s.client.Query(ctx, "FOR $row IN $rows { UPDATE $row[0] SET "+field+" = $row[2] WHERE "+fieldRevision+" = $row[1] RETURN NONE }", vars)
	if isConflict(err) {
		return true, pause(ctx, 1)
	}
	if failed := (*rpc.StatementError)(nil); errors.As(err, &failed) && isShut(failed) {
		return false, errShut
	}
	return n == repairPage, err
}

// wordsMoved is an error where an expression asks a full-text index that a
// migration has made another one since the view was opened: the server would
// find nothing, and say nothing.
func (v *view) wordsMoved(list ...query.Expr) error {
	current, uncertain := v.store.searched.Load(), v.store.uncertain.Load()
	if current == nil && !uncertain {
		return nil
	}
	var moved *query.Index
	for _, e := range list {
		query.Walk(e, func(e query.Expr) bool {
			search, ok := e.(*query.Search)
			if rank, isRank := e.(*query.Rank); isRank {
				search, ok = rank.Of, true
			}
			if !ok {
				return true
			}
			if x := indexOfWords(search); x != nil && (uncertain || !keepsWords(current, search.Operands[0].(*query.ColumnRef).Table.Name, x)) {
				moved = x
			}
			return false
		})
	}
	if moved == nil {
		return nil
	}
	return fault.Newf(codeOutgrown, "the full-text index %s has changed since this was prepared", moved.Name).WithHint("try again in a moment")
}

// keepsWords reports an index that a schema has as a view knows it.
func keepsWords(schema *plan.Schema, table string, x *query.Index) bool {
	t := schema.Table(table)
	return t != nil && slices.ContainsFunc(t.Indexes, func(now plan.Index) bool {
		return now.Name == x.Name && now.Kind == plan.FullText && plannedWords(&now) == indexedWords(x) && len(now.Columns) == len(x.Columns)
	})
}
