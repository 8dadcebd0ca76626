package data_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/data"
)

// keysOf reads the keys that a select gives.
func (b *backend) keysOf(t testing.TB, caller *auth.Caller, table, url string) []int {
	t.Helper()
	var rows []struct{ ID int }
	if err := json.Unmarshal([]byte(b.read(t, caller, table, url)), &rows); err != nil {
		t.Fatalf("%s?%s: %v", table, url, err)
	}
	keys := make([]int, len(rows))
	for i, row := range rows {
		keys[i] = row.ID
	}
	return keys
}

// TestEmbedsShowWhatReadsShow holds embeds, in both directions, through the edge
// and inside each other, against reads of the very tables by the same caller:
// an embed shows the related rows that a read would, and no other.
func TestEmbedsShowWhatReadsShow(t *testing.T) {
	b := open(t, library())
	chance := rand.New(rand.NewPCG(7, 7))
	list := func(n int, row func(i int) string) string {
		rows := make([]string, n)
		for i := range rows {
			rows[i] = row(i + 1)
		}
		return "[" + strings.Join(rows, ",") + "]"
	}
	ref := func(n int) string {
		if chance.IntN(5) == 0 {
			return "null"
		}
		return fmt.Sprint(1 + chance.IntN(n))
	}
	half := func() bool { return chance.IntN(2) == 0 }
	b.put(t, "authors", list(8, func(i int) string { return fmt.Sprintf(`{"id":%d,"name":"A%d"}`, i, i%3) }))
	b.put(t, "books", list(40, func(i int) string {
		return fmt.Sprintf(`{"id":%d,"title":"B%d","author":%s,"editor":%s,"hidden":%v,"year":%d}`, i, i%5, ref(8), ref(8), half(), i%7)
	}))
	b.put(t, "reviews", list(80, func(i int) string {
		return fmt.Sprintf(`{"id":%d,"book":%d,"stars":%d,"open":%v}`, i, 1+chance.IntN(40), i%5, half())
	}))
	b.put(t, "genres", list(4, func(i int) string { return fmt.Sprintf(`{"id":"g%d"}`, i) }))
	b.put(t, "book_genres", list(80, func(i int) string {
		return fmt.Sprintf(`{"book":%d,"genre":"g%d","shown":%v}`, 1+chance.IntN(40), 1+chance.IntN(4), half())
	}))
	for name, caller := range map[string]*auth.Caller{"ann": ann, "staff": staff, "service": service} {
		for _, year := range []string{"", "&books.year=gt.3", "&books.or=(year.eq.1,title.eq.B2)"} {
			own := strings.ReplaceAll(year, "books.", "")
			var authors []struct {
				ID    int
				Books []struct {
					ID      int
					Reviews []struct{ ID int }
				}
			}
			body := b.read(t, caller, "authors", "select=id,books!author(id,reviews(id))&order=id"+year)
			if err := json.Unmarshal([]byte(body), &authors); err != nil {
				t.Fatalf("%s: %v", body, err)
			}
			var some []int
			for _, author := range authors {
				var books []int
				for _, book := range author.Books {
					books = append(books, book.ID)
					var reviews []int
					for _, review := range book.Reviews {
						reviews = append(reviews, review.ID)
					}
					if want := b.keysOf(t, caller, "reviews", fmt.Sprintf("book=eq.%d", book.ID)); !slices.Equal(reviews, want) {
						t.Errorf("%s: reviews of book %d: %v, want %v", name, book.ID, reviews, want)
					}
				}
				want := b.keysOf(t, caller, "books", fmt.Sprintf("author=eq.%d%s", author.ID, own))
				if !slices.Equal(books, want) {
					t.Errorf("%s%s: books of author %d: %v, want %v", name, year, author.ID, books, want)
				}
				if len(want) > 0 {
					some = append(some, author.ID)
				}
			}
			inner := b.keysOf(t, caller, "authors", "select=id,books!author!inner()"+year)
			present := b.keysOf(t, caller, "authors", "select=id,books!author()&books=not.is.null"+year)
			if !slices.Equal(inner, some) || !slices.Equal(present, some) {
				t.Errorf("%s%s: inner %v, present %v, want %v", name, year, inner, present, some)
			}
			a := b.answer(t, caller, data.Read{Table: "authors", Count: true}, "select=id,books!author!inner()&limit=1"+year)
			if a.Count != int64(len(some)) {
				t.Errorf("%s%s: %d counted, want %d", name, year, a.Count, len(some))
			}
		}
		for _, book := range b.keysOf(t, caller, "books", "") {
			var edges, through []string
			var rows []struct{ Genre string }
			if err := json.Unmarshal([]byte(b.read(t, caller, "book_genres", fmt.Sprintf("book=eq.%d&select=genre", book))), &rows); err != nil {
				t.Fatal(err)
			}
			for _, row := range rows {
				edges = append(edges, row.Genre)
			}
			var books []struct{ Genres []struct{ ID string } }
			if err := json.Unmarshal([]byte(b.read(t, caller, "books", fmt.Sprintf("id=eq.%d&select=genres(id)", book))), &books); err != nil {
				t.Fatal(err)
			}
			for _, genre := range books[0].Genres {
				through = append(through, genre.ID)
			}
			slices.Sort(edges)
			if slices.Sort(through); !slices.Equal(slices.Compact(through), slices.Compact(edges)) {
				t.Errorf("%s: genres of book %d: %v, want %v", name, book, through, edges)
			}
		}
	}
}
