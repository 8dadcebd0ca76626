package web_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
)

const circleManifest = `
manifest: 1
name:     "circle"
rates: default: {per: "caller", requests: 100000, window: "1m"}
tables: {
	people: {
		key: type: "text"
		columns: {
			name: type: "text"
			age: type:  "int"
			owner: {type: "text", default: "all"}
			manager: {type: "ref", table: "people"}
		}
		access: {read: "owner == 'all' || owner == auth.uid", create: true, update: true, delete: true}
		cache: "short"
	}
	films: {
		key: type: "int"
		columns: title: type: "text"
		access: read: true
	}
	follows: {
		key: type: "int"
		edge: {from: "follower", to: "followed"}
		columns: {
			follower: {type: "ref", table: "people", required: true, onDelete: "cascade"}
			followed: {type: "ref", table: "people", required: true, onDelete: "cascade"}
			secret: {type: "bool", default: false}
		}
		access: {read: "secret == false", create: true, delete: true}
	}
	likes: {
		key: type: "int"
		edge: {from: "person", to: "film"}
		columns: {
			person: {type: "ref", table: "people", required: true, onDelete: "cascade"}
			film: {type: "ref", table: "films", required: true, onDelete: "cascade"}
		}
		access: read: true
	}
	spies: {
		key: type: "int"
		edge: {from: "spy", to: "target"}
		columns: {
			spy: {type: "ref", table: "people", required: true, onDelete: "cascade", access: read: false}
			target: {type: "ref", table: "people", required: true, onDelete: "cascade"}
		}
		access: read: true
	}
}
cache: policies: short: ttl: "5m"
`

const reacher = "018f3a5e-0000-7000-8000-00000000000a"

// circle puts people who follow one another in a ring, with a short cut through
// somebody who is his owner's alone.
func circle(t *testing.T) (*site, string, string) {
	t.Helper()
	s := newShopOf(t, circleManifest)
	owner, service := "Authorization: Bearer "+s.token(t, reacher), "apikey: "+s.keys.Secret()
	for _, put := range []struct{ table, body string }{
		{"people", `[{"id":"ann","name":"Ann","age":30,"manager":null},{"id":"bob","name":"Bob","age":40,"manager":"ann"},{"id":"cid","name":"Cid","age":50,"manager":"bob"},{"id":"dot","name":"Dot","age":60,"manager":"cid"},{"id":"eve","name":"Eve","age":70,"manager":null}]`},
		{"people", `{"id":"a/b","name":"Slash","age":1,"manager":"ann"}`},
		{"people", `[{"id":"hid","name":"Hid","age":2,"owner":"` + reacher + `"}]`},
		{"films", `[{"id":1,"title":"Alien"},{"id":2,"title":"Brazil"},{"id":3,"title":"Casablanca"}]`},
		{"follows", `[{"follower":"ann","followed":"bob"},{"follower":"bob","followed":"cid"},{"follower":"cid","followed":"dot"},{"follower":"dot","followed":"ann"},{"follower":"ann","followed":"ann"},{"follower":"hid","followed":"dot"},{"follower":"ann","followed":"hid"}]`},
		{"follows", `[{"follower":"ann","followed":"eve","secret":true}]`},
		{"likes", `[{"person":"ann","film":1},{"person":"ann","film":2},{"person":"bob","film":2},{"person":"bob","film":3},{"person":"cid","film":3},{"person":"hid","film":1}]`},
		{"spies", `[{"spy":"ann","target":"eve"}]`},
	} {
		s.walk(t, []step{{method: "POST", target: "/api/data/" + put.table, headers: []string{service}, body: put.body, status: http.StatusCreated}})
	}
	return s, owner, service
}

func TestReachOverHTTP(t *testing.T) {
	s, owner, service := circle(t)
	ok, bad := http.StatusOK, http.StatusBadRequest
	get := func(target string, status int, has string, headers ...string) step {
		return step{method: "GET", target: target, status: status, has: has, headers: headers}
	}
	s.walk(t, []step{
		get("/api/data/people?_from=ann&_via=follows&select=id", ok, `[{"id":"bob"}]`),
		get("/api/data/people?_from=ann&_via=follows&_hops=1-3&select=id,_hops", ok, `[{"id":"bob","_hops":1},{"id":"cid","_hops":2},{"id":"dot","_hops":3}]`),
		get("/rest/v1/people?_from=ann&_via=follows&_hops=1-3&select=id,_hops", ok, `[{"id":"bob","_hops":1},{"id":"cid","_hops":2},{"id":"dot","_hops":2},{"id":"hid","_hops":1}]`, service, owner),
		// The short cut is there for who sees the row that it goes through.
		get("/api/data/people?_from=ann&_via=follows&_hops=1-3&select=id,_hops&order=_hops,id.desc", ok, `[{"id":"hid","_hops":1},{"id":"bob","_hops":1},{"id":"dot","_hops":2},{"id":"cid","_hops":2}]`, owner),
		get("/api/data/people?_from=ann&_via=follows&_hops=1&select=id", ok, `[{"id":"bob"},{"id":"eve"},{"id":"hid"}]`, service),
		get("/api/data/people?_from=hid&_via=follows&select=id", ok, `[]`),
		get("/api/data/people?_from=nobody&_via=follows&select=id", ok, `[]`),
		get("/api/data/people?_from=hid&_via=follows&select=id", ok, `[{"id":"dot"}]`, owner),
		get("/api/data/people?_from=ann&_via=follows&_hops=4&select=id", ok, `[]`), // the ring is closed: she is 0 steps away
		get("/api/data/people?_from=ann&_via=follows&_hops=0-1&select=id,_hops", ok, `[{"id":"ann","_hops":0},{"id":"bob","_hops":1}]`),
		get("/api/data/people?_from=ann&_via=follows&_direction=in&select=id", ok, `[{"id":"dot"}]`),
		get("/api/data/people?_from=ann&_via=follows&_direction=both&select=id&_hops=1-5", ok, `[{"id":"bob"},{"id":"cid"},{"id":"dot"}]`),
		get("/api/data/people?_from=dot&_via=manager&_hops=1-5&select=id,_hops", ok, `[{"id":"ann","_hops":3},{"id":"bob","_hops":2},{"id":"cid","_hops":1}]`),
		get("/api/data/people?_from=bob&_via=people.manager&_direction=in&_hops=1-5&select=id", ok, `[{"id":"cid"},{"id":"dot"}]`),
		get("/api/data/people?_from=people/a/b&_via=manager&select=id", ok, `[{"id":"ann"}]`),
		get("/api/data/people?_from=a/b&_via=manager&select=id", bad, `_from=people/KEY`),
		get("/api/data/people?_from=dot&_via=manager,follows&_hops=1-2&select=id,_hops", ok, `[{"id":"ann","_hops":1},{"id":"bob","_hops":2},{"id":"cid","_hops":1}]`),
		// Between two tables.
		get("/api/data/films?_from=people/ann&_via=likes&select=title", ok, `[{"title":"Alien"},{"title":"Brazil"}]`),
		get("/api/data/people?_from=ann&_via=likes&_hops=2&select=id", ok, `[{"id":"bob"}]`),
		get("/api/data/people?_from=ann&_via=likes&_hops=2&select=id", ok, `[{"id":"bob"},{"id":"hid"}]`, owner),
		get("/api/data/films?_from=people/ann&_via=likes&_hops=3&select=title", ok, `[{"title":"Casablanca"}]`), // what those like who like what she likes
		get("/api/data/people?_from=films/3&_via=likes&select=id", ok, `[{"id":"bob"},{"id":"cid"}]`),
		get("/api/data/films?_from=people/dot&_via=likes,follows&_hops=1-3&select=id,_hops", ok, `[{"id":1,"_hops":2},{"id":2,"_hops":2},{"id":3,"_hops":3}]`),
		// With all else that a read can do.
		get("/api/data/people?_from=ann&_via=follows&_hops=1-3&age=gt.45&select=name&order=age.desc&limit=1", ok, `[{"name":"Dot"}]`),
		get("/api/data/people?_from=ann&_via=follows&_hops=1-3&select=id,manager(name)&offset=1&limit=1", ok, `[{"id":"cid","manager":{"name":"Bob"}}]`),
		get("/api/data/people?_from=ann&_via=follows&_hops=1-3&select=_hops,count()&order=_hops", ok, `[{"_hops":1,"count":1},{"_hops":2,"count":1},{"_hops":3,"count":1}]`),
		get("/api/data/people?_from=ann&_via=follows&_hops=1-3&select=id,_hops", ok, "id,_hops\nbob,1\ncid,2\ndot,3\n", "Accept: text/csv"),
		get("/api/data/people?_from=ann&_via=follows&select=*,_hops", ok, `[{"id":"bob","name":"Bob","age":40,"owner":"all","manager":"ann","_hops":1}]`),
		get("/api/data/people/cid?_from=ann&_via=follows&_hops=1-3&select=id,_hops", ok, `{"id":"cid","_hops":2}`),
		get("/api/data/people/eve?_from=ann&_via=follows&_hops=1-3", http.StatusNotFound, `PGRST116`),
		get("/api/data/people?_from=ann&_via=follows&_hops=1-3&select=id&limit=1", http.StatusPartialContent, `[{"id":"bob"}]`, "Prefer: count=exact"),
		// What is refused.
		get("/api/data/people?_from=ann&_via=spies", bad, `"PGRST200"`),
		get("/api/data/people?_from=ann&_via=nothing", bad, `"PGRST200"`),
		get("/api/data/people?_from=ann&_via=follows&_hops=6", bad, `more than 5 steps`),
		get("/api/data/people?_from=ann", bad, `_via=`),
		get("/api/data/people?_from=ann&_via=likes&_direction=in", bad, `"PGRST100"`),
		get("/api/data/people?select=_hops", bad, `"42703"`),
		{method: "PATCH", target: "/api/data/people?_from=ann&_via=follows&id=eq.bob", body: `{"age":1}`, headers: []string{service}, status: bad, has: "does not pick rows"},
		{method: "DELETE", target: "/api/data/people?_from=ann&_via=follows&id=eq.bob", headers: []string{service}, status: bad, has: "does not pick rows"},
		// A new edge is walked at once.
		{method: "POST", target: "/api/data/follows", body: `{"follower":"bob","followed":"eve"}`, headers: []string{service}, status: http.StatusCreated},
		get("/api/data/people?_from=ann&_via=follows&_hops=1-3&select=id,_hops", ok, `[{"id":"bob","_hops":1},{"id":"cid","_hops":2},{"id":"dot","_hops":3},{"id":"eve","_hops":2}]`),
	})
}

// TestReachTooMany walks along more rows than a walk may come to: it is refused,
// never cut.
func TestReachTooMany(t *testing.T) {
	s, _, service := circle(t)
	for from := 0; from < 10_000; from += 1000 {
		var people, follows strings.Builder
		for i := from; i < from+1000; i++ {
			_, _ = fmt.Fprintf(&people, `,{"id":"f%d"}`, i)
			_, _ = fmt.Fprintf(&follows, `,{"follower":"f%d","followed":"eve"}`, i)
		}
		s.walk(t, []step{
			{method: "POST", target: "/api/data/people", headers: []string{service}, body: "[" + people.String()[1:] + "]", status: http.StatusCreated},
			{method: "POST", target: "/api/data/follows", headers: []string{service}, body: "[" + follows.String()[1:] + "]", status: http.StatusCreated},
		})
	}
	const target = "/api/data/people?_via=follows&_direction=in&select=id&limit=1&_from="
	s.walk(t, []step{
		{method: "GET", target: target + "eve", status: http.StatusBadRequest, has: `"walk-too-large"`},
		{method: "HEAD", target: target + "eve&order=age", headers: []string{"Prefer: count=exact"}, status: http.StatusBadRequest},
		{method: "GET", target: target + "eve&id=eq.f1", status: http.StatusBadRequest, has: "10000 rows at most"},
		{method: "GET", target: target + "ann", status: http.StatusOK, has: `[{"id":"dot"}]`},
	})
}

// TestReachAgrees holds random walks over HTTP against a search in breadth of
// what their caller may read.
func TestReachAgrees(t *testing.T) {
	s := newShopOf(t, circleManifest)
	chance := rand.New(rand.NewPCG(3, 3))
	const people = 30
	type person struct {
		ID    string `json:"id"`
		Owner string `json:"owner"`
	}
	type edge struct {
		Follower string `json:"follower"`
		Followed string `json:"followed"`
		Secret   bool   `json:"secret"`
	}
	all, edges := make([]person, people), make([]edge, 3*people)
	seen := map[string]bool{}
	for i := range all {
		all[i] = person{fmt.Sprintf("p%02d", i), []string{"all", "all", reacher, "bob"}[chance.IntN(4)]}
		seen[all[i].ID] = all[i].Owner != "bob"
	}
	known, kept := map[[2]string]bool{}, edges[:0]
	for range edges {
		e := edge{all[chance.IntN(people)].ID, all[chance.IntN(people)].ID, chance.IntN(5) == 0}
		if pair := [2]string{e.Follower, e.Followed}; !known[pair] { // an edge is there once
			known[pair], kept = true, append(kept, e)
		}
	}
	for _, put := range []struct {
		table string
		rows  any
	}{{"people", all}, {"follows", kept}} {
		body, err := json.Marshal(put.rows)
		if err != nil {
			t.Fatal(err)
		}
		s.walk(t, []step{{method: "POST", target: "/api/data/" + put.table, headers: []string{"apikey: " + s.keys.Secret()}, body: string(body), status: http.StatusCreated}})
	}
	for range 100 {
		start, most, direction := all[chance.IntN(people)].ID, 1+chance.IntN(5), []string{"out", "in", "both"}[chance.IntN(3)]
		hops := map[string]int{}
		if seen[start] {
			hops[start] = 0
		}
		for n := 1; n <= most; n++ {
			for _, e := range kept {
				visit := func(from, to string) {
					at, there := hops[from]
					if _, again := hops[to]; there && at == n-1 && !again && seen[to] && !e.Secret {
						hops[to] = n
					}
				}
				if direction != "in" {
					visit(e.Follower, e.Followed)
				}
				if direction != "out" {
					visit(e.Followed, e.Follower)
				}
			}
		}
		delete(hops, start)
		w := s.do("GET", fmt.Sprintf("/api/data/people?_from=%s&_via=follows&_hops=1-%d&_direction=%s&select=id,_hops", start, most, direction), "", "Authorization: Bearer "+s.token(t, reacher))
		var got []struct {
			ID   string `json:"id"`
			Hops int    `json:"_hops"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got) != len(hops) {
			t.Fatalf("%s from %s, %d steps: %d %s, want %v", direction, start, most, w.Code, w.Body, hops)
		}
		for _, row := range got {
			if hops[row.ID] != row.Hops {
				t.Fatalf("%s from %s, %d steps: %s is %d away, want %d", direction, start, most, row.ID, row.Hops, hops[row.ID])
			}
		}
	}
}
