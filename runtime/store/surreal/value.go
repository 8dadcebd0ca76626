package surreal

import (
	"encoding/hex"
	"fmt"
	"math"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// How values are stored: null is NONE. A text is a string; an int, float, bool,
// decimal and uuid are SurrealDB's own; a timestamp is a datetime, a date the
// datetime of its midnight UTC. A list and a vector are arrays. json is what it
// is: objects, arrays, strings, bools, NULL, and numbers as int, else decimal,
// else float. A key is the id of its record, and a ref the record's id itself.

const microsPerDay = 24 * 60 * 60 * 1e6

// appendValue appends a value of type t as it is stored. ref is the table whose
// key it is, "" for none.
func appendValue(dst []byte, v query.Value, t query.Type, ref string) []byte {
	if v.IsNull() {
		return wire.AppendNone(dst)
	}
	if ref != "" {
		dst = wire.AppendRecord(dst, ref)
	}
	switch v.Kind {
	case query.KindBool:
		return wire.AppendBool(dst, v.Bool())
	case query.KindInt:
		return wire.AppendInt(dst, v.N)
	case query.KindFloat:
		return wire.AppendFloat(dst, v.Float())
	case query.KindDecimal:
		return wire.AppendDecimal(dst, v.N, v.Scale)
	case query.KindTimestamp:
		return wire.AppendDatetime(dst, v.N)
	case query.KindDate:
		return wire.AppendDatetime(dst, v.N*microsPerDay)
	case query.KindUUID:
		return wire.AppendUUID(dst, v.S)
	case query.KindJSON:
		return appendJSON(dst, v.S)
	case query.KindList:
		return appendList(dst, v, query.Type{Kind: t.Elem, Scale: t.Scale})
	case query.KindVector:
		return appendVector(dst, v)
	}
	return wire.AppendString(dst, v.S)
}

// readValue reads a stored value as one of type t. A record's id is its key.
func readValue(r *wire.Reader, t query.Type) query.Value {
	switch r.Kind() {
	case wire.None, wire.Null:
		r.Skip()
		return query.Value{}
	case wire.Record:
		r.Record()
		return readValue(r, t)
	}
	switch t.Kind {
	case query.KindBool:
		return query.Bool(r.Bool())
	case query.KindInt:
		return query.Int(r.Int())
	case query.KindFloat:
		if r.Kind() == wire.Int {
			return query.Float(float64(r.Int()))
		}
		return query.Float(r.Float())
	case query.KindDecimal:
		return readDecimal(r, t.Scale)
	case query.KindTimestamp:
		seconds, nanos := r.Datetime()
		return query.Timestamp(seconds*1e6 + nanos/1000)
	case query.KindDate:
		seconds, _ := r.Datetime()
		return query.Date(int64(math.Floor(float64(seconds) / (24 * 60 * 60))))
	case query.KindUUID:
		return query.UUID(uuidText(r.UUID()))
	case query.KindJSON:
		return query.JSON(string(copyJSON(nil, r)))
	case query.KindList:
		return readList(r, t)
	case query.KindVector:
		return readVector(r, int(t.Dimensions))
	}
	return query.Text(string(r.String()))
}

func uuidText(b []byte) string {
	var text [36]byte
	hex.Encode(text[0:8], b[0:4])
	hex.Encode(text[9:13], b[4:6])
	hex.Encode(text[14:18], b[6:8])
	hex.Encode(text[19:23], b[8:10])
	hex.Encode(text[24:], b[10:])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}

// errStored is a stored value that its column cannot have.
func errStored(t query.Type, got any) error {
	return fmt.Errorf("a stored value is no %s: %v", t, got)
}
