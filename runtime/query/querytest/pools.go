package querytest

import (
	"math"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// The pools are small on purpose: two values meet often.
var (
	ints     = []int64{0, 1, -1, 2, 7, 100, 1 << 53, 1<<53 + 1, math.MaxInt64, math.MinInt64}
	floats   = []float64{0, math.Copysign(0, -1), 1, -1, 0.5, 0.1, 7, 100, 1 << 53, 1e300, -1e-300, math.MaxFloat64}
	decimals = []int64{0, 1, -1, 10, 50, 100, -100, 150, 700, 10000, math.MaxInt64, math.MinInt64}
	moments  = []int64{0, 1, -1, 1_700_000_000_000_000, 1_700_000_000_000_001, -62_135_596_800_000_000, 253_402_300_799_999_999}
	days     = []int64{0, 1, -1, 19_700, -719_162, 2_932_896}
	texts    = []string{
		"", " ", "a", "A", "ab", "aB", "b", "Ab%", `a\b`, "a_b", "a%b", "%", "_", `"`, "'", `'; --`, "é", "É", "e\u0301",
		"ß", "SS", "ſ", "s", "K", "\u212a", "日本", "日本語", "😀", "a\nb", "a\tb", "true", "null", "1", "1.0", "0", "\u2028", "ǆ", "Ǆ", "ǅ",
	}
	patterns = []string{
		"%", "", "_", "a%", "%b", "%b%", "a_b", `a\_b`, `a\%b`, `a\\b`, "%%", "_%_", "A%", "é", "É%", "日_", "%本%", "__", "k", "S%", `\a`, "%a%b%", "ǆ",
	}
	expressions = []string{"a", "^a", "b$", "^$", "[[:alpha:]]+", "a|b", `\d`, "a.b", "é", "日", `^\w+$`, "k"}
	uuids       = []string{
		"00000000-0000-0000-0000-000000000000", "018f3a5e-0000-7000-8000-000000000001",
		"018f3a5e-0000-7000-8000-000000000002", "ffffffff-ffff-4fff-bfff-ffffffffffff",
	}
	documents = []string{
		"{}", "[]", "true", "false", "0", "1", "1.0", "1e0", "-1", "100", "0.1", "9007199254740993", "9007199254740992", "1e300",
		`""`, `"a"`, `"A"`, `"1"`, `"a\nb"`, `"\"q\""`, `"é"`, `{"a":1}`, `{"a":1.0}`, `{"a":null}`, `{"a":"a"}`, `{"a":true}`, `{"a":false}`,
		`{"a":1,"b":2}`, `{"b":2,"a":1}`, `{"a":{"b":"a"}}`, `{"a":{}}`, `{"a":["a"]}`, `[1,[1,2]]`, `[{"a":1},"a"]`, `["a",1,null]`, `{"a":{"b":[1,2,{"c":"é"}]}}`, `{"a":[1,2,3]}`, `["a","b"]`, `[1,2]`, `[[1],[2]]`,
		`{"a b":1}`, `{"a\"b":2}`, `{"":3}`, `{"0":"zero"}`,
	}
	textLists = []string{"[]", `["a"]`, `["a","b"]`, `["b","a"]`, `["","é","日本"]`, `["a\nb","\"","1"]`}
	intLists  = []string{"[]", "[1]", "[1,2]", "[2,1]", "[0,-1,100]", "[9223372036854775807]", "[9007199254740993]"}
	paths     = [][]query.Step{
		{{Key: "a", IsKey: true}},
		{{Key: "b", IsKey: true}},
		{{Key: "a", IsKey: true}, {Key: "b", IsKey: true}},
		{{Key: "a", IsKey: true}, {Index: 0}},
		{{Key: "a", IsKey: true}, {Key: "b", IsKey: true}, {Index: -1}, {Key: "c", IsKey: true}},
		{{Index: 0}},
		{{Index: -1}},
		{{Index: 1}},
		{{Key: "a b", IsKey: true}},
		{{Key: `a"b`, IsKey: true}},
		{{Key: "", IsKey: true}},
		{{Key: "0", IsKey: true}},
	}
)
