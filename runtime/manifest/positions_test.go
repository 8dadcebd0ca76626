package manifest_test

import (
	"testing"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

func TestPositionsAt(t *testing.T) {
	line := func(n int) fault.Position { return fault.Position{File: "edgehive.cue", Line: n, Column: 1} }
	p := manifest.Positions{
		"":                              line(1),
		"tables":                        line(2),
		"tables.books":                  line(3),
		"routes":                        line(4),
		`routes."GET /x.y"`:             line(5),
		`routes."GET /x.y".static`:      line(6),
		`routes."say \"hi\".x"`:         line(7),
		`routes."ends in \\"`:           line(8),
		"removed":                       line(9),
		"removed[1]":                    line(10),
		`rules."member(club)"`:          line(11),
		`routes."a[0]".respond.headers`: line(12),
		`"quoted.top"`:                  line(13),
		`routes."x"."y"`:                line(14),
	}
	for path, want := range map[string]int{
		"":                                      1,
		"nothing":                               1,
		"nothing.at.all":                        1,
		"tables":                                2,
		"tables.shops":                          2,
		"tables.shops.columns.x":                2,
		"tables.books":                          3,
		"tables.books.columns.x":                3,
		`tables.books."a.b".c`:                  3,
		"table":                                 1, // not the prefix of a name
		"tables2":                               1,
		`routes."GET /x.y"`:                     5,
		`routes."GET /x.y".rate`:                5,
		`routes."GET /x.y".static.dir`:          6,
		`routes."GET /x.z"`:                     4,
		`routes."GET /x.z".static`:              4,
		`routes."GET /x"`:                       4,
		`routes."say \"hi\".x"`:                 7,
		`routes."say \"hi\".x".y`:               7,
		`routes."say \"hi\".z"`:                 4,
		`routes."say \"hi\""`:                   4,
		`routes."ends in \\"`:                   8,
		`routes."ends in \\".x`:                 8,
		`routes."other in \\"`:                  4,
		"removed[0]":                            9,
		"removed[1]":                            10,
		"removed[1].x":                          10,
		`rules."member(club)"`:                  11,
		`rules."member(x).y"`:                   1,
		`routes."a[0]".respond.headers."X-A.b"`: 12,
		`routes."a[0]".respond`:                 4,
		`"quoted.top"`:                          13,
		`"quoted.top".x`:                        13,
		`"other.top"`:                           1,
		`routes."x"."y"."z"`:                    14,
		`routes."x"."z"`:                        4,
		`"`:                                     1,
		`a"`:                                    1,
		`.`:                                     1,
	} {
		if got := p.At(path); got != line(want) {
			t.Errorf("%s is at line %d, want %d", path, got.Line, want)
		}
	}
	if at := manifest.Positions(nil).At("a.b"); at.Known() {
		t.Errorf("no positions, and a place: %v", at)
	}
}

// FuzzPositionsAt: any path ends in a place.
func FuzzPositionsAt(f *testing.F) {
	for _, path := range []string{"", "a.b", `a."b.c"`, `"`, `""`, `a."\""`, "a[0][1]", `."`, `\"`} {
		f.Add(path)
	}
	top := fault.Position{File: "edgehive.cue", Line: 1, Column: 1}
	f.Fuzz(func(t *testing.T, path string) {
		if got := (manifest.Positions{"": top}).At(path); got != top {
			t.Fatalf("%q is at %v", path, got)
		}
	})
}
