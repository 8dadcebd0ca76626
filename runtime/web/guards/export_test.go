package guards

// ParseBasic is opened to its fuzz target.
func ParseBasic(header string) (name, password string, ok bool) { return parseBasic(header) }
