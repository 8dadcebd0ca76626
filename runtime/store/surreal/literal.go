package surreal

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// appendLiteral appends the next value as SurrealQL. Definitions alone use it,
// for what the manifest says: a parameter would not be there when they are used.
func appendLiteral(dst []byte, r *wire.Reader) []byte {
	switch r.Kind() {
	case wire.None:
		r.Skip()
		return append(dst, "NONE"...)
	case wire.Bool:
		return strconv.AppendBool(dst, r.Bool())
	case wire.Int:
		return strconv.AppendInt(dst, r.Int(), 10)
	case wire.Float:
		return append(strconv.AppendFloat(dst, r.Float(), 'f', -1, 64), 'f')
	case wire.Decimal:
		return append(append(dst, r.Decimal()...), "dec"...)
	case wire.String:
		return appendText(dst, r.String())
	case wire.Datetime:
		seconds, nanos := r.Datetime()
		dst = append(dst, "d'"...)
		return append(time.Unix(seconds, nanos).UTC().AppendFormat(dst, time.RFC3339Nano), '\'')
	case wire.UUID:
		return append(append(append(dst, "u'"...), uuidText(r.UUID())...), '\'')
	case wire.Record:
		table := r.Record()
		dst = append(append(dst, "type::record("...), '\'')
		dst = append(append(dst, table...), "', "...)
		return append(appendLiteral(dst, r), ')')
	case wire.Bytes:
		return fmt.Appendf(dst, "encoding::base16::decode('%s')", hex.EncodeToString(r.Bytes()))
	case wire.Array:
		return appendLiterals(append(dst, '['), r, r.Array(), false)
	case wire.Map:
		return appendLiterals(append(dst, '{'), r, r.Map(), true)
	}
	r.Skip()
	return append(dst, "NULL"...)
}

func appendLiterals(dst []byte, r *wire.Reader, n int, named bool) []byte {
	for i := range n {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		if named {
			dst = append(appendText(dst, r.String()), ": "...)
		}
		dst = appendLiteral(dst, r)
	}
	if named {
		return append(dst, '}')
	}
	return append(dst, ']')
}

// appendText appends a text between quotes.
func appendText(dst, text []byte) []byte {
	dst = append(dst, '\'')
	for _, r := range string(text) {
		switch {
		case r == '\'' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r < ' ' || r == 0x7f:
			dst = fmt.Appendf(dst, `\u{%x}`, r)
		default:
			dst = append(dst, string(r)...)
		}
	}
	return append(dst, '\'')
}

// literal is one value, appended as it is stored, as SurrealQL.
func literal(stored []byte) string { return string(appendLiteral(nil, wire.NewReader(stored))) }

// quote is a name of the manifest or of ours as an identifier.
func quote(name string) string { return "`" + name + "`" }

// quoteText is a text as SurrealQL.
func quoteText(text string) string { return string(appendText(nil, []byte(text))) }

// quoteAll quotes names and puts commas between them.
func quoteAll(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = quote(name)
	}
	return strings.Join(quoted, ", ")
}
