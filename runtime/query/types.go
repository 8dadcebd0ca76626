package query

// WireName is the type's name as PostgreSQL's messages write it.
func (t Type) WireName() string {
	switch t.Kind {
	case KindBool:
		return "boolean"
	case KindInt:
		return "bigint"
	case KindFloat:
		return "double precision"
	case KindDecimal:
		return "numeric"
	case KindText:
		return "text"
	case KindTimestamp:
		return "timestamp with time zone"
	case KindDate:
		return "date"
	case KindUUID:
		return "uuid"
	case KindJSON:
		return "jsonb"
	case KindList:
		return Type{Kind: t.Elem}.WireName() + "[]"
	case KindVector:
		return "vector"
	}
	return "unknown"
}

// String is the type's name as the manifest writes it.
func (t Type) String() string {
	if t.Kind == KindList {
		return "list of " + t.Elem.String()
	}
	return t.Kind.String()
}

// String is the kind's name as the manifest writes it.
func (k Kind) String() string {
	switch k {
	case KindBool:
		return "bool"
	case KindInt:
		return "int"
	case KindFloat:
		return "float"
	case KindDecimal:
		return "decimal"
	case KindText:
		return "text"
	case KindTimestamp:
		return "timestamp"
	case KindDate:
		return "date"
	case KindUUID:
		return "uuid"
	case KindJSON:
		return "json"
	case KindList:
		return "list"
	case KindVector:
		return "vector"
	}
	return "null"
}

// elem is the type of a list's elements.
func (t Type) elem() Type { return Type{Kind: t.Elem, Scale: t.Scale} }
