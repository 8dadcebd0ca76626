package query

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

func named(t testing.TB, name string) Language {
	t.Helper()
	in, f := LanguageNamed(name)
	if f != nil {
		t.Fatal(f)
	}
	return in
}

func TestWordsOfLanguages(t *testing.T) {
	for _, test := range []struct{ language, text, want string }{
		{"simple", "The Cats", "THE CATS "},
		{"english", "The Cats are in the running hats of", "cat · · · run hat "},
		{"english", "The", ""},
		{"english", "It's the", ""},
		{"german", "Die Häuser und die Straßen", "haus · · strass "},
		{"french", "Le cheval des écoles", "cheval · écol "},
		{"spanish", "las bibliotecas", "bibliotec "},
		{"italian", "le biblioteche", "bibliotec "},
		{"portuguese", "as bibliotecas", "bibliotec "},
		{"dutch", "de boeken", "boek "},
		{"swedish", "och böckerna", "böck "},
		{"norwegian", "og bøkene", "bøk "},
		{"danish", "og bøgerne", "bøg "},
		{"finnish", "ja kirjastoissa", "kirjasto "},
		{"hungarian", "és könyvek", "könyv "},
		{"romanian", "bibliotecile", "bibliotec "},
		{"russian", "и КНИГИ the libraries", "книг · librari "},
		{"turkish", "ve kitaplar", "kitap "},
		{"english", "東京 towers ſhips", "東 京 tower ship "},
	} {
		if got := string(AppendWords(nil, named(t, test.language), test.text)); got != test.want {
			t.Errorf("%s words of %q: %q, want %q", test.language, test.text, got, test.want)
		}
	}
	if got := string(AppendWords([]byte("x"), named(t, "english"), "the cat")); got != "xcat " {
		t.Errorf("words behind others are %q", got)
	}
}

// TestLanguagesStay fails when a stemmer or a list of stop words gives other
// words than before: indexes that were made with the old ones would not find
// them. Let a migration make such indexes anew before the sum below is changed.
func TestLanguagesStay(t *testing.T) {
	sum := sha256.New()
	for i := range Languages() {
		lexer := newLexer(Language(i))
		for _, in := range slices.Sorted(maps.Keys(stopWords)) {
			for _, word := range wordsOf(stopWords[in]) {
				for _, ending := range []string{"", "s", "ing", "ungen", "ation", "ами"} {
					sum.Write([]byte(lexer.reduce(word+strings.ToUpper(ending)) + " "))
				}
			}
		}
	}
	if got := hex.EncodeToString(sum.Sum(nil))[:16]; got != "05270885a2a5ca3a" {
		t.Errorf("the words of the languages have another sum: %s", got)
	}
}

func TestLanguageQueries(t *testing.T) {
	for _, test := range []struct {
		language, op, query string
		matches, not        []string
	}{
		{"english", "wfts", "cats", []string{"a cat", "CATS"}, []string{"category", "the"}},
		{"english", "wfts", "the cats", []string{"cat"}, []string{"the"}},
		{"english", "wfts", "the", nil, []string{"the", "cat", ""}},
		{"english", "wfts", "-the", nil, []string{"the", "cat"}},
		{"english", "wfts", "cat -the", []string{"cat", "the cat"}, []string{"dog"}},
		{"english", "wfts", "cat or the", []string{"cat"}, []string{"the"}},
		{"english", "wfts", `"cat in the hats"`, []string{"cats in the hat", "cat under some hat"}, []string{"cat hat", "cat in hat", "cat in the big hat"}},
		{"english", "wfts", `"the cat in"`, []string{"cat", "a cat sat"}, []string{"in the"}},
		{"english", "phfts", "in the in", nil, []string{"in the in"}},
		{"english", "fts", "cat <-> the <-> hat", []string{"cat a hat"}, []string{"cat hat"}},
		{"english", "fts", "!(the & cat)", []string{"dog"}, []string{"cat", "cats"}},
		{"english", "fts", "running:*", []string{"runs", "runway"}, []string{"ran"}},
		{"english", "fts", "th:* & cat", []string{"cat theory"}, []string{"the cat"}},
		{"english", "fts", "the:* & cat", []string{"cat"}, []string{"theory"}},
		{"german", "wfts", "haus", []string{"die Häuser"}, []string{"aus", "Hausbau"}},
		{"russian", "plfts", "кошка cats", []string{"кошки и cat"}, []string{"кот cat"}},
	} {
		q, f := ParseTextQuery(named(t, test.language), test.op, test.query)
		if f != nil {
			t.Errorf("%s %q: %v", test.op, test.query, f)
			continue
		}
		for _, text := range test.matches {
			if !q.Matches(text) {
				t.Errorf("%s %q does not match %q: %s", test.op, test.query, text, q.Root)
			}
		}
		for _, text := range test.not {
			if q.Matches(text) {
				t.Errorf("%s %q matches %q: %s", test.op, test.query, text, q.Root)
			}
		}
	}
	q, _ := ParseTextQuery(named(t, "english"), "wfts", `"cat in the hat"`)
	if got := q.Root.String(); got != `"cat" <3> "hat"` {
		t.Errorf("a phrase that passes words is %s", got)
	}
}

func TestLanguageNames(t *testing.T) {
	for _, name := range Languages() {
		if got := named(t, strings.ToUpper(name)).String(); got != name {
			t.Errorf("%s is %s", name, got)
		}
	}
	if named(t, "") != Simple {
		t.Error("no name is not simple")
	}
	_, f := LanguageNamed("englsh")
	if !fault.Is(f, CodeTextConfig) || f.Hint != "did you mean english?" {
		t.Errorf("a wrong name: %+v", f)
	}
	_, f = LanguageNamed("klingonese")
	if f == nil || !strings.Contains(f.Hint, "there are simple, arabic") {
		t.Errorf("a name like no other: %+v", f)
	}
}

// TestSchemaHasTheLanguages holds the manifest's list against ours.
func TestSchemaHasTheLanguages(t *testing.T) {
	text, err := os.ReadFile("../../schema/tables.cue")
	if err != nil {
		t.Fatal(err)
	}
	want := `language?: "` + strings.Join(Languages(), `" | "`) + `" @default("simple")`
	if !strings.Contains(string(text), want) {
		t.Errorf("the schema of an index does not say %s", want)
	}
}

// TestLanguageOfRequests: a query speaks the language of the indexes over its
// text, unless it says another or they differ.
func TestLanguageOfRequests(t *testing.T) {
	english, german := named(t, "english"), named(t, "german")
	of := func(languages ...Language) *Table {
		table := searched()
		title, body := table.Column("title"), table.Column("body")
		table.Indexes = []*Index{{Name: "words", Kind: FullText, Columns: []*Column{title, body}, Language: languages[0]}}
		for _, in := range languages[1:] {
			table.Indexes = append(table.Indexes, &Index{Name: "titles", Kind: FullText, Columns: []*Column{title}, Language: in})
		}
		return table
	}
	for _, test := range []struct {
		table *Table
		url   string
		want  Language
	}{
		{of(english), "title=wfts.cats", english},
		{of(english), "words=wfts.cats", english},
		{of(english), "title=wfts(simple).cats", Simple},
		{of(english), "words=wfts(German).cats", german},
		{of(Simple), "title=wfts(english).cats", english},
		{of(english, english), "title=wfts.cats", english},
		{of(english, german), "title=wfts.cats", Simple},
		{of(english, german), "body=wfts.cats", english},
		{of(english, german), "titles=wfts.cats", german},
	} {
		r, f := ParseRequest(nil, test.table, test.url, DefaultLimits())
		if f != nil {
			t.Errorf("%s: %v", test.url, f)
			continue
		}
		if got := r.Where.(*Search).Query.Language; got != test.want {
			t.Errorf("%s is in %s, want %s", test.url, got, test.want)
		}
	}
	r, f := ParseRequest(nil, of(english), "_search=words&_text=the+cats&select=id,_rank", DefaultLimits())
	if f != nil {
		t.Fatal(f)
	}
	rank := func(title string) float64 {
		row := Row{Int(1), Text(title), {}, {}, {}}
		return Eval(&Rank{Of: r.Nearest.Search}, row, nil).Float()
	}
	if cat, none := rank("the cat"), rank("the dog"); cat <= 0 || none != 0 || cat != rank("cats") || math.IsNaN(cat) {
		t.Errorf("ranks: %v of the cat, %v of the dog, %v of cats", cat, none, rank("cats"))
	}
}

// TestCanonicalLanguage: answers in two languages are never taken for one.
func TestCanonicalLanguage(t *testing.T) {
	table := searched()
	texts := map[string]string{}
	for _, url := range []string{"title=wfts.cat", "title=wfts(english).cat", "title=wfts(german).cat", "title=phfts(english).cat+the+hat", "title=phfts(english).cat+hat", "title=phfts(english).cat+in+the+hat"} {
		r, f := ParseRequest(nil, table, url, DefaultLimits())
		if f != nil {
			t.Fatal(f)
		}
		text := String(r.Where)
		if other, known := texts[text]; known {
			t.Errorf("%s and %s have one text: %s", url, other, text)
		}
		texts[text] = url
	}
}

// FuzzLanguages proves that no text breaks a stemmer, and that what an index
// keeps is what a comparison sees.
func FuzzLanguages(f *testing.F) {
	for i := range Languages() {
		f.Add(uint8(i), "The running cats' Häuser, chevaux; КНИГИ kitaplarımız y'all", "cats")
	}
	f.Fuzz(func(t *testing.T, which uint8, text, word string) {
		in := Language(int(which) % len(languages))
		words := string(AppendWords(nil, in, text))
		lexer := newLexer(in)
		var want []string
		for _, w := range wordsOf(text) {
			if w = lexer.reduce(w); w != "" {
				want = append(want, w)
			}
		}
		var got []string
		for _, w := range strings.Fields(words) {
			if w+" " != passed {
				got = append(got, w)
			}
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s: %q has the words %q, want %q", in, text, got, want)
		}
		for _, w := range want {
			if strings.ContainsFunc(w, func(r rune) bool { return !inWord(r) }) {
				t.Errorf("%s: %q is no word", in, w)
			}
		}
		q, problem := ParseTextQuery(in, "phfts", word)
		if problem == nil && q.Root != nil && !q.Matches(text+" "+word) {
			t.Errorf("%s: %q is not found in itself", in, word)
		}
	})
}

func BenchmarkAppendWords(b *testing.B) {
	for _, name := range []string{"simple", "english", "finnish"} {
		in, dst := named(b, name), []byte(nil)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				dst = AppendWords(dst[:0], in, "The quick brown foxes jumped over seventeen lazily sleeping dogs")
			}
		})
	}
}
