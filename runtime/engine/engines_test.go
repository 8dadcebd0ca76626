package engine_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

// How many requests there are, and which, as in the stores' own tests.
const (
	enginesCases   = 250
	agreementCases = "EDGEHIVE_AGREEMENT_CASES"
	agreementSeed  = "EDGEHIVE_AGREEMENT_SEED"
)

const anyPort = "\nserver: listen: http: \"127.0.0.1:0\"\n"

// The tables of TestEnginesAgree: references that do each of what they may, to
// the same table too, a key that is another row's, edges, and indexes of all
// kinds.
const enginesTables = `manifest: 1
name: "both"
rates: default: requests: 1000000
_all: {read: true, create: true, update: true, delete: true}
tables: people: {
	key: type: "int"
	columns: {
		name: {type: "text", required: true}
		age: {type: "int", min: 0}
		score: type: "float"
		pay: {type: "decimal", scale: 2}
		ok: type: "bool"
		at: type: "timestamp"
		day: type: "date"
		doc: type: "json"
		tags: {type: "list", of: "text"}
		boss: {type: "ref", table: "people", onDelete: "setNull"}
	}
	indexes: byAge: columns: ["age"]
	access: _all
}
tables: works: {
	key: type: "int"
	columns: {
		title: {type: "text", required: true}
		writer: {type: "ref", table: "people", onDelete: "cascade"}
		editor: {type: "ref", table: "people"}
		pages: type: "int"
		code: type: "text"
		place: {type: "vector", dimensions: 2, metric: "l2"}
	}
	indexes: {
		byCode: {columns: ["code"], unique: true}
		words: {columns: ["title"], kind: "fulltext"}
	}
	access: _all
}
tables: covers: {
	key: {type: "ref", table: "works", onDelete: "cascade"}
	columns: color: type: "text"
	access: _all
}
tables: labels: {
	key: type: "text"
	columns: text: type: "text"
	access: _all
}
tables: stickers: {
	key: type: "int"
	edge: {from: "work", to: "label"}
	columns: {
		work: {type: "ref", table: "works", required: true, onDelete: "cascade"}
		label: {type: "ref", table: "labels", required: true}
		weight: type: "int"
	}
	access: _all
}
`

// TestEnginesAgree asks a backend on SQLite and one on SurrealDB the same, at
// random: reads with filters, orders, embeds, aggregates, searches and walks, and
// writes of all kinds, good and bad ones. Each answer is the same from both, to
// the fault's words; of JSON, the order of members and the form of numbers may
// differ, for SurrealDB keeps neither.
func TestEnginesAgree(t *testing.T) {
	server := surrealtest.Shared(t)
	t.Setenv(surrealPass, "root")
	t.Setenv(surrealSecret, strings.Repeat("0123456789abcdef", 3))
	namespace := fmt.Sprintf("a%d_%d", time.Now().UnixNano(), namespaces.Add(1))
	backends := [2]*backend{start(t, enginesTables+anyPort), start(t, enginesTables+anyPort+inNamespaceOf(server.URL, namespace))}
	seed := uint64(numberOf(t, agreementSeed, 1))
	g := &asker{rand: rand.New(rand.NewPCG(seed, seed))}
	kinds := map[string]int{}
	for i := range numberOf(t, agreementCases, enginesCases) {
		one := g.write()
		if i > 40 && g.rand.IntN(3) > 0 {
			one = g.read()
		}
		var answers [2]asked
		for side, b := range backends {
			answers[side] = b.ask(one)
		}
		kinds[one.method+" "+strconv.Itoa(answers[0].status/100)+"xx"]++
		if difference := answers[0].differs(answers[1]); difference != "" {
			t.Fatalf("seed %d, case %d: %s\n%s %s\nPrefer: %s\n%s\nsqlite    %d %s %s\nsurrealdb %d %s %s", seed, i, difference, one.method, one.path, one.prefer, one.body,
				answers[0].status, answers[0].counted, answers[0].body, answers[1].status, answers[1].counted, answers[1].body)
		}
	}
	t.Logf("answers: %v", kinds)
	for _, kind := range []string{"GET 2xx", "GET 4xx", "POST 2xx", "POST 4xx", "PATCH 2xx", "DELETE 2xx"} {
		if kinds[kind] == 0 && len(os.Getenv(agreementCases)) == 0 {
			t.Errorf("no request was answered with %s", kind)
		}
	}
}

func numberOf(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

// request is one that both backends get, asked what came of it.
type request struct {
	method, path, prefer, body string
	// anyone has no key but the one that everybody may know.
	anyone bool
}

type asked struct {
	status        int
	counted, body string
}

func (b *backend) ask(one request) asked {
	b.t.Helper()
	sent, err := http.NewRequestWithContext(b.t.Context(), one.method, b.URL()+one.path, strings.NewReader(one.body))
	if err != nil {
		b.t.Fatal(err)
	}
	sent.Header.Set("apikey", b.Keys().Secret)
	if one.anyone {
		sent.Header.Set("apikey", b.Keys().Publishable)
	}
	if one.body != "" {
		sent.Header.Set("Content-Type", "application/json")
	}
	if one.prefer != "" {
		sent.Header.Set("Prefer", one.prefer)
	}
	got, text := b.do(sent)
	return asked{got.StatusCode, got.Header.Get("Content-Range"), text}
}

// do sends a request and reads the answer's body.
func (b *backend) do(sent *http.Request) (*http.Response, string) {
	b.t.Helper()
	got, err := b.http.Do(sent)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return got, string(text)
}
