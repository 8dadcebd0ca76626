package query

// Truth is the outcome of a condition in three-valued logic.
type Truth uint8

// The truth values, ordered so that And is the least of its terms and Or the
// greatest.
const (
	False Truth = iota
	Unknown
	True
)

// Not negates; unknown stays unknown.
func (t Truth) Not() Truth { return True - t }

// Value is the truth as a value: a bool, or null for unknown.
func (t Truth) Value() Value {
	if t == Unknown {
		return Value{}
	}
	return Bool(t == True)
}

// TruthOf reads a bool value; null, and what is no bool, is unknown.
func TruthOf(v Value) Truth {
	switch {
	case v.Kind != KindBool:
		return Unknown
	case v.N != 0:
		return True
	}
	return False
}

func truth(b bool) Truth {
	if b {
		return True
	}
	return False
}

// String is "true", "false" or "unknown".
func (t Truth) String() string {
	switch t {
	case True:
		return "true"
	case False:
		return "false"
	}
	return "unknown"
}
