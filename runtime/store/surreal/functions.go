package surreal

// functionPrefix begins the names of all functions of ours.
const functionPrefix = "fn::eh_"

// functionTexts define the functions that conditions and values are written
// with where SurrealQL says it differently from query.Eval, or not at all. Each
// gives NONE for NONE. They are defined with the system tables.
func functionTexts() []string {
	texts := make([]string, len(functions))
	for i, f := range functions {
		texts[i] = "DEFINE FUNCTION OVERWRITE " + functionPrefix + f.name + "(" + f.arguments + ") { " + f.body + " }"
	}
	return texts
}

type function struct{ name, arguments, body string }

var functions = []function{
	// Texts.
	{"text_of", "$v: any", `IF $v != NONE { <string> $v }`},
	{"text_ofs", "$v: any", `IF $v != NONE { array::map($v, |$x| <string> $x) }`},
	{"length", "$v: any", `IF $v != NONE { string::len($v) }`},
	// Rust folds these two by what stands around them, Go does not.
	{"lower", "$v: any", `IF $v != NONE { string::lowercase(string::replace(string::replace($v, "\u{130}", "i"), "\u{3A3}", "\u{3C3}")) }`},

	// What stands inside json.
	{"at", "$v: any, $i: int", `IF type::is_array($v) { IF $i >= 0 { $v[$i] } ELSE IF array::len($v) + $i >= 0 { array::at($v, $i) } }`},
	{"string", "$v: any", `IF type::is_string($v) { $v }`},
	{"bool", "$v: any", `IF type::is_bool($v) { $v }`},
	{"number", "$v: any", `IF type::is_decimal($v) { <float> <string> $v } ELSE IF type::is_number($v) { $v }`},
	{"whole", "$v: any", `IF type::is_int($v) { $v } ELSE IF type::is_decimal($v) AND $v >= -9223372036854775808 AND $v <= 9223372036854775807 AND math::floor($v) = $v { <int> $v }`},
	{"items", "$v: any", `IF type::is_array($v) { array::len($v) } ELSE IF type::is_object($v) { object::len($v) }`},
	{"text", "$v: any", `IF type::is_string($v) { $v } ELSE IF $v != NONE AND $v != NULL { fn::eh_json($v) }`},
	{
		"json", "$v: any",
		`IF type::is_string($v) { fn::eh_quote($v) }
		ELSE IF type::is_float($v) { fn::eh_digits($v) }
		ELSE IF type::is_array($v) { string::concat("[", array::join(array::map($v, |$x| fn::eh_json($x)), ","), "]") }
		ELSE IF type::is_object($v) { string::concat("{", array::join(array::map(object::entries($v), |$x| string::concat(fn::eh_quote($x[0]), ":", fn::eh_json($x[1]))), ","), "}") }
		ELSE IF $v = NULL { "null" }
		ELSE IF $v != NONE { <string> $v }`,
	},
	{
		"quote", "$v: string",
		`LET $s = string::replace(string::replace($v, "\\", "\\\\"), "\"", "\\\"");
		string::concat("\"", IF string::matches($s, "[\\x00-\\x1f]") { fn::eh_escape($s) } ELSE { $s }, "\"")`,
	},
	{
		"escape", "$v: string",
		`array::fold(string::split($v, ""), "", |$all, $x| string::concat($all,
			IF $x = "\n" { "\\n" } ELSE IF $x = "\r" { "\\r" } ELSE IF $x = "\t" { "\\t" }
			ELSE IF string::matches($x, "[\\x00-\\x1f]") { fn::eh_control($x) } ELSE { $x }))`,
	},
	{"control", "$v: string", `string::concat("\\u00", ` + controls() + `)`},
	// The digits of a float as Go writes them: with an exponent where it is large or small.
	{
		"digits", "$v: float",
		`LET $plain = string::replace(<string> $v, "f", "");
		LET $size = math::abs($v);
		IF $v = 0 { "0" }
		ELSE IF $size >= 1e21 { fn::eh_exponent($plain, string::replace(string::replace($plain, "-", ""), /0+$/, ""), "+", string::len(string::replace($plain, "-", "")) - 1) }
		ELSE IF $size < 1e-6 { fn::eh_exponent($plain, string::replace(string::replace($plain, "-", ""), /^0\.0*/, ""), "-",
			string::len(string::replace($plain, "-", "")) - 1 - string::len(string::replace(string::replace($plain, "-", ""), /^0\.0*/, ""))) }
		ELSE { $plain }`,
	},
	{
		"exponent", "$plain: string, $digits: string, $sign: string, $n: int",
		`string::concat(IF string::starts_with($plain, "-") { "-" } ELSE { "" }, string::slice($digits, 0, 1),
			IF string::len($digits) > 1 { string::concat(".", string::slice($digits, 1)) } ELSE { "" },
			"e", $sign, IF $n < 10 { "0" } ELSE { "" }, <string> $n)`,
	},
	// A decimal with the places of its type.
	{
		"places", "$v: any, $n: int",
		`IF $v = NONE { NONE } ELSE IF $n = 0 { <string> $v } ELSE {
			LET $parts = string::split(<string> $v, ".");
			LET $places = $parts[1] ?? "";
			string::concat($parts[0], ".", $places, string::repeat("0", $n - string::len($places)))
		}`,
	},

	// Comparisons. order is what stands in jsonb's order where SurrealDB compares it.
	{
		"order", "$v: any",
		`IF $v = NONE { NONE } ELSE IF $v = NULL { [0] } ELSE IF type::is_number($v) { [2, $v] } ELSE IF type::is_bool($v) { [3, $v] }
		ELSE IF type::is_array($v) { [4, array::len($v), array::map($v, |$x| fn::eh_order($x))] }
		ELSE IF type::is_object($v) { [5, object::len($v), array::map(object::entries($v), |$x| [$x[0], fn::eh_order($x[1])])] }
		ELSE { [1, $v] }`,
	},
	{
		"exact", "$v: any",
		`IF type::is_array($v) { array::map($v, |$x| fn::eh_exact($x)) }
		ELSE IF type::is_float($v) AND math::abs($v) < 1e27 AND (math::abs($v) > 1e-10 OR $v = 0) { <decimal> string::replace(<string> $v, "f", "") } ELSE { $v }`,
	},
	{"float", "$v: any, $unit: int", `IF $v != NONE { <float> <int> ($v * $unit) / <float> $unit }`},
	{"has", "$v: any, $x: any", `IF $v = NONE OR $x = NONE { NONE } ELSE IF type::is_array($v) { $x IN $v } ELSE IF type::is_object($v) { $x IN object::values($v) } ELSE { false }`},
	{"all", "$v: any, $x: any", `IF $v != NONE AND $x != NONE { $v CONTAINSALL $x }`},
	{"any", "$v: any, $x: any", `IF $v != NONE AND $x != NONE { $v CONTAINSANY $x }`},
	{
		"superset", "$v: any, $x: any",
		`IF $v = NONE OR $x = NONE { NONE }
		ELSE IF type::is_array($v) AND !type::is_array($x) AND !type::is_object($x) { $x IN $v }
		ELSE { fn::eh_contains($v, $x) }`,
	},
	{
		"contains", "$v: any, $x: any",
		`IF type::is_object($x) { type::is_object($v) AND array::all(object::entries($x), |$e| $e[0] IN object::keys($v) AND fn::eh_contains($v[$e[0]], $e[1])) }
		ELSE IF type::is_array($x) { type::is_array($v) AND array::all($x, |$e|
			IF type::is_object($e) OR type::is_array($e) { array::any($v, |$i| fn::eh_contains($i, $e)) } ELSE { $e IN $v }) }
		ELSE { [$v] CONTAINS $x }`,
	},

	// Times.
	{"day", "$v: any", `IF $v != NONE { time::format($v, "%Y-%m-%d") }`},
	{"days", "$v: any", `IF $v != NONE { array::map($v, |$x| fn::eh_day($x)) }`},
	{
		"moment", "$v: any",
		`IF $v != NONE { string::concat(time::format($v, "%Y-%m-%dT%H:%M:%S"), string::replace(time::format($v, "%.6f"), /\.?0*$/, ""), "+00:00") }`,
	},
	{"moments", "$v: any", `IF $v != NONE { array::map($v, |$x| fn::eh_moment($x)) }`},

	// Arithmetic: null beyond the type.
	{"add_ints", "$a: any, $b: any", `IF $a != NONE AND $b != NONE { fn::eh_int(<decimal> $a + <decimal> $b) }`},
	{"subtract_ints", "$a: any, $b: any", `IF $a != NONE AND $b != NONE { fn::eh_int(<decimal> $a - <decimal> $b) }`},
	{"multiply_ints", "$a: any, $b: any", `IF $a != NONE AND $b != NONE { IF math::abs(<float> $a * <float> $b) < 1e19 { fn::eh_int(<decimal> $a * <decimal> $b) } }`},
	{"divide_ints", "$a: any, $b: any", `IF $a != NONE AND $b != NONE AND $b != 0 { IF $b != -1 { $a / $b } ELSE { fn::eh_subtract_ints(0, $a) } }`},
	{"int", "$v: decimal", `IF $v >= -9223372036854775808 AND $v <= 9223372036854775807 { <int> $v }`},
	{"add_floats", "$a: any, $b: any", `IF $a != NONE AND $b != NONE { fn::eh_finite(<float> $a + <float> $b) }`},
	{"subtract_floats", "$a: any, $b: any", `IF $a != NONE AND $b != NONE { fn::eh_finite(<float> $a - <float> $b) }`},
	{"multiply_floats", "$a: any, $b: any", `IF $a != NONE AND $b != NONE { fn::eh_finite(<float> $a * <float> $b) }`},
	{"divide_floats", "$a: any, $b: any", `IF $a != NONE AND $b != NONE { fn::eh_finite(<float> $a / <float> $b) }`},
	{"finite", "$v: float", `IF $v >= -1.7976931348623157e308 AND $v <= 1.7976931348623157e308 { $v + 0f }`},
	{"add_decimals", "$a: any, $b: any, $least: decimal, $most: decimal", `IF fn::eh_fits($a, $least, $most) AND fn::eh_fits($b, $least, $most) { fn::eh_decimal($a + $b, $least, $most) }`},
	{"subtract_decimals", "$a: any, $b: any, $least: decimal, $most: decimal", `IF fn::eh_fits($a, $least, $most) AND fn::eh_fits($b, $least, $most) { fn::eh_decimal($a - $b, $least, $most) }`},
	{"multiply_decimals", "$a: any, $b: any, $least: decimal, $most: decimal", `IF $a != NONE AND $b != NONE { IF math::abs(<float> $a * <float> $b) < 1e19 { fn::eh_decimal(<decimal> $a * <decimal> $b, $least, $most) } }`},
	{"fits", "$v: any, $least: decimal, $most: decimal", `$v != NONE AND $v >= $least AND $v <= $most`},
	{"decimal", "$v: any, $least: decimal, $most: decimal", `IF $v >= $least AND $v <= $most { <decimal> $v }`},
}

// controls chooses the two digits of a control character.
func controls() string {
	const hex = "0123456789abcdef"
	text := ""
	for c := 1; c < ' '; c++ {
		digits := string([]byte{hex[c>>4], hex[c&15]})
		text += `IF $v = "\u{` + digits + `}" { "` + digits + `" } ELSE `
	}
	return text + `{ "00" }`
}
