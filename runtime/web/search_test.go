package web_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

const libraryManifest = `
manifest: 1
name:     "library"
rates: default: {per: "caller", requests: 100000, window: "1m"}
tables: papers: {
	key: type: "int"
	columns: {
		title: {type: "text", access: read: "auth.role == 'authenticated'"}
		year: type:  "int"
		owner: type: "text"
		embedding: {type: "vector", dimensions: 3, access: read: false}
		place: {type: "vector", dimensions: 2, metric: "l2"}
		secret: {type: "vector", dimensions: 2, access: read: false}
	}
	indexes: {
		words: {columns: ["title"], kind: "fulltext"}
		near: {columns: ["embedding"], kind: "vector"}
	}
	access: {read: "owner == 'all' || owner == auth.uid", create: true, update: true, delete: true}
	cache: "catalog"
}
cache: policies: catalog: ttl: "5m"
`

// papers puts three rows that all may read, and one that is ann's.
func papers(t *testing.T) (*site, string, string) {
	t.Helper()
	s := newShopOf(t, libraryManifest)
	ann, service := "Authorization: Bearer "+s.token(t, "018f3a5e-0000-7000-8000-00000000000a"), "apikey: "+s.keys.Secret()
	s.walk(t, []step{{method: "POST", target: "/api/data/papers", headers: []string{service}, status: http.StatusCreated, body: `[
		{"id":1,"title":"The fat cat","year":2001,"owner":"all","embedding":[1,0,0],"place":"[0,0]"},
		{"id":2,"title":"A cat, a dog and another cat","year":2002,"owner":"all","embedding":[0.9,0.1,0],"place":[3,4]},
		{"id":3,"title":"Birds","year":2003,"owner":"all","embedding":[0,1,0],"place":null},
		{"id":4,"title":"cat cat cat cat","year":2004,"owner":"018f3a5e-0000-7000-8000-00000000000a","embedding":[1,0,0],"place":[0,1]}]`}})
	return s, ann, service
}

func TestSearchOverHTTP(t *testing.T) {
	s, ann, service := papers(t)
	ok, bad := http.StatusOK, http.StatusBadRequest
	s.walk(t, []step{
		// Words: the index may be searched by those who may not read its column.
		{method: "GET", target: "/api/data/papers?words=wfts.cat&select=id", status: ok, has: `[{"id":1},{"id":2}]`},
		{method: "GET", target: "/api/data/papers?words=not.fts.cat&select=id", status: ok, has: `[{"id":3}]`},
		{method: "GET", target: "/api/data/papers?words=phfts.fat+cat&select=id", headers: []string{ann}, status: ok, has: `[{"id":1}]`},
		{method: "GET", target: "/api/data/papers?title=plfts.cat&select=id", headers: []string{ann}, status: ok, has: `[{"id":1},{"id":2},{"id":4}]`},
		{method: "GET", target: "/api/data/papers?title=plfts.cat&select=id", status: bad, has: `"42703"`},
		{method: "GET", target: "/api/data/papers?words=fts.the+cat&select=id", status: bad, has: `"42601"`},
		{method: "GET", target: "/api/data/papers?or=(words.fts.birds,year.eq.2001)&select=id", status: ok, has: `[{"id":1},{"id":3}]`},
		{method: "GET", target: "/api/data/papers?_search=words&_text=cat&select=id", status: ok, has: `[{"id":1},{"id":2}]`},
		{method: "GET", target: "/api/data/papers?_search=words&_text=cat&select=id&_k=1", headers: []string{ann}, status: ok, has: `[{"id":4}]`},
		// Vectors: the rule stands, the column is not shown.
		{method: "GET", target: "/api/data/papers?_near=embedding&_vector=[1,0,0]&select=id,_distance&_k=2", status: ok, has: `[{"id":1,"_distance":0},{"id":2,"_distance":0.00`},
		{method: "GET", target: "/api/data/papers?_near=embedding&_vector=[1,0,0]&select=id&_k=2", headers: []string{ann}, status: ok, has: `[{"id":1},{"id":4}]`},
		{method: "GET", target: "/api/data/papers?_near=embedding&_vector=[1,0,0]&select=id&year=gt.2001", status: ok, has: `[{"id":2},{"id":3}]`},
		{method: "GET", target: "/api/data/papers?_near=place&_vector=[0,1]&select=id,place,_distance", headers: []string{service}, status: ok, has: `[{"id":4,"place":[0,1],"_distance":0},{"id":1,"place":[0,0],"_distance":1},{"id":2`},
		{method: "GET", target: "/api/data/papers?_near=place&_vector=[0,1]&_metric=dot&select=id", status: ok, has: `[{"id":2},{"id":1}]`},
		{method: "GET", target: "/api/data/papers?_near=secret&_vector=[0,1]", status: bad, has: `"42703"`},
		{method: "GET", target: "/api/data/papers?_near=embedding&_vector=[1,0]", status: bad, has: "expected 3 dimensions, not 2"},
		{method: "GET", target: "/api/data/papers?select=embedding", status: bad, has: `"42703"`},
		{method: "GET", target: "/api/data/papers?embedding=eq.[1,0,0]", status: bad, has: `"42703"`},
		{method: "GET", target: "/api/data/papers?order=embedding", status: bad, has: `"42703"`},
		{method: "GET", target: "/api/data/papers?select=*&id=eq.1", status: ok, has: `[{"id":1,"year":2001,"owner":"all","place":[0,0]}]`},
		// Both: who is first in both is first, with 2/61.
		{method: "GET", target: "/api/data/papers?_near=embedding&_vector=[1,0,0]&_search=words&_text=cat&select=id,_score", status: ok, has: `[{"id":1,"_score":0.03278688524590164},{"id":2,"_score":0.03225806451612903},{"id":3,"_score":0.015`},
		{method: "GET", target: "/rest/v1/papers?_near=embedding&_vector=[0,1,0]&_search=words&_text=fat+or+birds&select=id", headers: []string{service}, status: ok, has: `[{"id":3},{"id":1},{"id":2},{"id":4}]`},
		{method: "GET", target: "/api/data/papers?_near=embedding&_vector=[1,0,0]&order=id", status: bad, has: "order does not go with a search"},
		{method: "PATCH", target: "/api/data/papers?_near=embedding&_vector=[1,0,0]", body: `{"year":1}`, status: bad},
		// As a body.
		{method: "POST", target: "/api/search/papers", body: `{"near":{"column":"embedding","vector":[0,1,0]},"k":1,"select":"id,_distance","filter":"year=lt.2004"}`, status: ok, has: `[{"id":3,"_distance":0}]`},
		{method: "POST", target: "/api/search/papers", body: `{"text":{"index":"words","query":"fat or birds"},"select":"id"}`, status: ok, has: `[{"id":3},{"id":1}]`},
		{method: "POST", target: "/api/search/papers", body: `{"text":{"index":"words","query":"cat"},"filter":"_text=dog"}`, status: bad, has: "given twice"},
		{method: "POST", target: "/api/search/papers", body: `{"text":{"index":"words","query":"cat"},"limit":1}`, status: bad, has: `"PGRST102"`},
		{method: "POST", target: "/api/search/papers", body: `{}`, status: bad, has: `"PGRST102"`},
		{method: "POST", target: "/api/search/papers?k=1", body: `{"text":{"index":"words","query":"cat"}}`, status: bad},
		{method: "POST", target: "/api/search/nothing", body: `{"text":{"index":"words","query":"cat"}}`, status: http.StatusNotFound, has: `"PGRST205"`},
		{method: "GET", target: "/api/search/papers", status: http.StatusMethodNotAllowed},
		// A write is found at once, and the cached answer with it.
		{method: "PATCH", target: "/api/data/papers?id=eq.3", body: `{"title":"cat"}`, headers: []string{service}, status: http.StatusNoContent},
		{method: "GET", target: "/api/data/papers?words=wfts.cat&select=id", status: ok, has: `[{"id":1},{"id":2},{"id":3}]`},
		{method: "POST", target: "/api/data/papers", body: `{"embedding":[1]}`, headers: []string{service}, status: bad, has: `"22000"`},
		{method: "POST", target: "/api/data/papers", body: `{"embedding":[1,2,"x"]}`, headers: []string{service}, status: bad, has: `"22P02"`},
	})
}

// TestNearestUnderRules holds the nearest rows of random papers against all that
// their caller may read.
func TestNearestUnderRules(t *testing.T) {
	s := newShopOf(t, libraryManifest)
	chance := rand.New(rand.NewPCG(5, 5)) // the same each time
	uid := "018f3a5e-0000-7000-8000-00000000000a"
	type paper struct {
		ID        int        `json:"id"`
		Year      int        `json:"year"`
		Owner     string     `json:"owner"`
		Embedding [3]float64 `json:"embedding"`
	}
	all := make([]paper, 500)
	for i := range all {
		all[i] = paper{ID: i + 1, Year: 2000 + chance.IntN(20), Owner: []string{"all", uid, "bob"}[chance.IntN(3)]}
		for j := range all[i].Embedding {
			all[i].Embedding[j] = float64(chance.IntN(9) - 4)
		}
	}
	body, _ := json.Marshal(all)
	s.walk(t, []step{{method: "POST", target: "/api/data/papers", headers: []string{"apikey: " + s.keys.Secret()}, body: string(body), status: http.StatusCreated}})
	distance := func(a, b [3]float64) float64 {
		var dot, x, y float64
		for i := range a {
			dot, x, y = dot+a[i]*b[i], x+a[i]*a[i], y+b[i]*b[i]
		}
		if x == 0 || y == 0 {
			return 1
		}
		return 1 - dot/(math.Sqrt(x)*math.Sqrt(y))
	}
	for range 50 {
		to := [3]float64{float64(chance.IntN(9) - 4), float64(chance.IntN(9) - 4), 1}
		year, k := 2000+chance.IntN(20), 1+chance.IntN(20)
		var want []paper
		for _, p := range all {
			if p.Owner != "bob" && p.Year >= year {
				want = append(want, p)
			}
		}
		slices.SortStableFunc(want, func(a, b paper) int {
			return cmp.Compare(math.Round(1e9*distance(a.Embedding, to)), math.Round(1e9*distance(b.Embedding, to)))
		})
		want = want[:min(k, len(want))]
		vector := strings.ReplaceAll(fmt.Sprint(to), " ", ",")
		w := s.do("GET", fmt.Sprintf("/api/data/papers?_near=embedding&_vector=%s&_k=%d&year=gte.%d&select=id,owner,_distance", url.QueryEscape(vector), k, year), "",
			"Authorization: Bearer "+s.token(t, uid))
		var got []struct {
			ID       int     `json:"id"`
			Owner    string  `json:"owner"`
			Distance float64 `json:"_distance"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got) != len(want) {
			t.Fatalf("near %s: %d %s, want %d rows", vector, w.Code, w.Body, len(want))
		}
		for i := range got {
			if got[i].Owner == "bob" || math.Abs(got[i].Distance-distance(want[i].Embedding, to)) > 1e-9 {
				t.Fatalf("near %s from %d: place %d is %+v, want %+v", vector, year, i, got[i], want[i])
			}
		}
	}
}
