package surql

import (
	"strings"
	"testing"
)

func TestBound(t *testing.T) {
	rest := func(text string) string {
		text = strings.ReplaceAll(text, "§", theRest)
		return "LET $_until = time::nano(time::now()) + 5000000;\n" + strings.ReplaceAll(text, "¶", inTime)
	}
	for _, test := range []struct{ text, want string }{
		{"SELECT * FROM books", "SELECT * FROM books TIMEOUT 5ms"},
		{"SELECT * FROM books ; -- done", "SELECT * FROM books TIMEOUT 5ms ; -- done"},
		{"SELECT * FROM books -- done", "SELECT * FROM books TIMEOUT 5ms -- done"},
		{"SELECT (SELECT * FROM a) AS x, timeout FROM `b;` ORDER BY timeout", "SELECT (SELECT * FROM a) AS x, timeout FROM `b;` ORDER BY timeout TIMEOUT 5ms"},
		{"SELECT IF a THEN 1 ELSE 2 END AS x FROM b", "SELECT IF a THEN 1 ELSE 2 END AS x FROM b TIMEOUT 5ms"},
		{"UPDATE books SET n = { FOR $i IN 0..3 { RETURN 1 } } RETURN id", "UPDATE books SET n = { FOR $i IN 0..3 { RETURN 1 } } RETURN id TIMEOUT 5ms"},
		{"RETURN 1", "RETURN 1"},
		{"SELECT * FROM books TIMEOUT 1s", "SELECT * FROM books TIMEOUT 1s"},
		{"SELECT * FROM books TIMEOUT $x", "SELECT * FROM books TIMEOUT $x"},
		{"SELECT * FROM books TEMPFILES", "SELECT * FROM books TEMPFILES"},
		{"RETURN (SELECT * FROM a WHERE b IN (SELECT c FROM d))", rest("RETURN (SELECT * FROM a WHERE b IN (SELECT c FROM d)§)")},
		{"RETURN SELECT * FROM a;", rest("RETURN SELECT * FROM a§;")},
		{"RETURN array::len((SELECT * FROM a)) + array::len((SELECT * FROM b))", rest("RETURN array::len((SELECT * FROM a§)) + array::len((SELECT * FROM b§))")},
		{"RETURN { LET $a = SELECT * FROM a; LET $b: array = (SELECT * FROM b); { SELECT * FROM c } }", rest("RETURN { LET $a = SELECT * FROM a§; LET $b: array = (SELECT * FROM b§); { SELECT * FROM c§ } }")},
		{"RETURN { FOR $i IN (SELECT VALUE n FROM a) { LET $x = { a: 1 }; FOR $j IN [1] {} }; 1 }", rest("RETURN { FOR $i IN (SELECT VALUE n FROM a§) {¶ LET $x = { a: 1 }; FOR $j IN [1] {¶} }; 1 }")},
		{"RETURN { for: 1, select: 2, a: $x.for }", "RETURN { for: 1, select: 2, a: $x.for }"},
		{"RETURN people:ann->(SELECT * FROM knows)->people", "RETURN people:ann->(SELECT * FROM knows)->people"},
		{"RETURN IF a THEN SELECT * FROM a ELSE 2 END", "RETURN IF a THEN SELECT * FROM a ELSE 2 END"},
		{"RETURN { IF a THEN RETURN SELECT * FROM a ELSE 2 END; 1 }", "RETURN { IF a THEN RETURN SELECT * FROM a ELSE 2 END; 1 }"},
		{"RETURN (SELECT * FROM a TIMEOUT 1s)", "RETURN (SELECT * FROM a TIMEOUT 1s)"},
		{"RETURN array::map($x, |$y| $y + 1)", rest("RETURN array::map($x, |$y| {¶ ($y + 1) })")},
		{"RETURN $x.fold(0, |$a, $b| { LET $c = 1; $a + $b })", rest("RETURN $x.fold(0, |$a, $b| {¶ LET $c = 1; $a + $b })")},
		{"RETURN { LET $f = |$y| { a: $y }; LET $g = || (SELECT a, b FROM c); [$f(1), $g()] }", rest("RETURN { LET $f = |$y| {¶ ({ a: $y }) }; LET $g = || {¶ ((SELECT a, b FROM c§)) }; [$f(1), $g()] }")},
		{"RETURN $x.map(|$y| [$y, (SELECT a FROM b)], 2)", rest("RETURN $x.map(|$y| {¶ ([$y, (SELECT a FROM b§)]) }, 2)")},
		{"RETURN $x.map(|$y| $y.map(|$z| (SELECT a FROM b)))", rest("RETURN $x.map(|$y| {¶ ($y.map(|$z| {¶ ((SELECT a FROM b§)) })) })")},
		{"RETURN [$x.map(|$y: int| (SELECT a FROM b)), (SELECT a FROM c)]", rest("RETURN [$x.map(|$y: int| (SELECT a FROM b)), (SELECT a FROM c§)]")},
		{"RETURN $x.map(|$y| SELECT a, b FROM c)", "RETURN $x.map(|$y| SELECT a, b FROM c)"},
		{"RETURN $x.map(|$y| |$z| (SELECT a FROM b))", "RETURN $x.map(|$y| |$z| (SELECT a FROM b))"},
		{"RETURN $x.map(|$y| -> int { (SELECT a FROM b) })", "RETURN $x.map(|$y| -> int { (SELECT a FROM b) })"},
		{"SELECT n.map(|$y| (SELECT a FROM b)) AS l FROM c;", rest("SELECT n.map(|$y| {¶ ((SELECT a FROM b)) }) AS l FROM c§;")},
		{"UPDATE a SET n = b.map(|$y| $y + 1)", rest("UPDATE a SET n = b.map(|$y| {¶ ($y + 1) })§")},
		{"RETURN <int|string> $x || $y", "RETURN <int|string> $x || $y"},
		{"RETURN 'SELECT * FROM a'", "RETURN 'SELECT * FROM a'"},
		{"SELECT 'a", "SELECT 'a"},
		{"", ""},
	} {
		if got := Bound(test.text).Text(5); got != test.want {
			t.Errorf("%s\ngives %s\nwant  %s", test.text, got, test.want)
		}
	}
}
