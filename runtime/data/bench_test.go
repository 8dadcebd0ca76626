package data_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
)

// FuzzInsertBody sends any body: it is taken, or refused with a fault that is
// the sender's, and what was taken is what is read.
func FuzzInsertBody(f *testing.F) {
	b := open(f, shop())
	for _, seed := range []string{
		`{"title":"A","stock":0}`, `[{"title":"A","stock":0},{"title":"B","stock":"1"}]`, `[]`, `{}`, ``, `[{}]`, `{"title":null}`,
		`{"title":"\u0000"}`, `{"title":"\ud800"}`, `{"tags":["a",null]}`, `{"meta":{"a":{"a":1}}}`, `{"title":"A","title":"B"}`,
		`{"id":"x"}`, `{"price":1e400}`, `{"added":"infinity"}`, "\xff", `{"title":"A"`, `[[`, `{"meta":` + strings.Repeat("[", 70),
	} {
		f.Add([]byte(seed), uint8(0))
		f.Add([]byte(seed), uint8(3))
	}
	f.Fuzz(func(t *testing.T, body []byte, form uint8) {
		url := "select=id"
		if form&1 != 0 {
			url += "&columns=title,stock,meta"
		}
		w := data.Write{
			Table: "books", Request: b.request(t, ann, "books", url), Body: body,
			MissingDefault: form&2 != 0, Representation: true,
		}
		out, err := b.Insert(t.Context(), ann, w)
		if err != nil {
			if fault.From(err).Code == fault.CodeInternal {
				t.Fatalf("internal: %v", err)
			}
			return
		}
		if got := strings.Count(string(out.Body), `{"id":`); got != out.Affected {
			t.Fatalf("%d rows shown, %d written", got, out.Affected)
		}
		if out.Affected > 0 {
			if _, err := b.Delete(t.Context(), service, data.Write{Table: "books", Unfiltered: true}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func benchmarkRead(b *testing.B, caller *auth.Caller, table, key, url string) {
	g := stocked(b)
	r := g.request(b, caller, table, url)
	read := data.Read{Table: table, Request: r, Key: key, HasKey: key != "", Single: key != ""}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if _, err := g.Select(b.Context(), caller, read); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	g := stocked(b)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if _, err := g.Parse(ann, "orders", "select=id,status&status=eq.open&order=changed.desc&limit=20"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSelectHit(b *testing.B)     { benchmarkRead(b, nobody, "books", "", "") }
func BenchmarkSelectHitRule(b *testing.B) { benchmarkRead(b, ann, "orders", "", "select=id,status") }
func BenchmarkSelectKeyHit(b *testing.B)  { benchmarkRead(b, ann, "orders", orderOf(annID), "") }
func BenchmarkSelectKeyMiss(b *testing.B) { benchmarkRead(b, ann, "users", annID, "") }

func BenchmarkInsert(b *testing.B) {
	for _, rows := range []int{1, 100} {
		b.Run(fmt.Sprint(rows), func(b *testing.B) {
			g := stocked(b)
			row := `{"book":"` + emmaID + `","quantity":2}`
			w := data.Write{Table: "orders", Body: []byte("[" + row + strings.Repeat(","+row, rows-1) + "]")}
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				if _, err := g.Insert(b.Context(), ann, w); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
