package web_test

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/manifest/load"
	"github.com/edge-hive/edge-hive/runtime/web/coding"
	"github.com/edge-hive/edge-hive/runtime/web/rates"
	"github.com/edge-hive/edge-hive/runtime/web/wire"
)

// limitRow is a row of docs/limits.md: the numbers of its default, in bytes and
// nanoseconds where they have a unit, and what happens at it.
type limitRow struct {
	what, text string
	numbers    []int64
	at         string
}

var (
	limitNumber = regexp.MustCompile(`(\d+(?: \d{3})*)(?: (KiB|MiB|s|bytes|a minute)\b)?`)
	limitWords  = strings.NewReplacer("a tenth", "10", "ten times", "10", "half its size", "2", "none", "0")
	limitUnits  = map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "s": int64(time.Second)}
)

// limitRows reads the tables.
func limitRows(t *testing.T) []limitRow {
	t.Helper()
	text, err := os.ReadFile("../docs/limits.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []limitRow
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(line), "|"), "|"), "|")
		if len(cells) != 4 {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if cells[0] == "what" || strings.HasPrefix(cells[0], "---") {
			continue
		}
		row := limitRow{what: cells[0], text: cells[1], at: cells[3]}
		said := cells[1]
		if said == "refused" { // the number is where it is changed
			said = cells[2]
		}
		for _, found := range limitNumber.FindAllStringSubmatch(limitWords.Replace(said), -1) {
			n, err := strconv.ParseInt(strings.ReplaceAll(found[1], " ", ""), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			row.numbers = append(row.numbers, n*max(limitUnits[found[2]], 1))
		}
		rows = append(rows, row)
	}
	return rows
}

// constantOf is a number that stands in a package of ours, or in one beneath it, and
// in no interface of it.
func constantOf(t *testing.T, dir, name string) int64 {
	t.Helper()
	set := token.NewFileSet()
	var texts []string
	err := filepath.WalkDir(filepath.Join("..", dir), func(file string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return err
		}
		text, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(text), name) {
			return err
		}
		tree, err := parser.ParseFile(set, file, text, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 1 && spec.Names[0].Name == name {
				texts = append(texts, strings.ReplaceAll(types.ExprString(spec.Values[0]), "time.Second", "1000000000"))
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(texts) != 1 {
		t.Fatalf("in %s there are %d constants named %s: %q", dir, len(texts), name, texts)
	}
	value, err := types.Eval(set, nil, token.NoPos, texts[0])
	if err != nil {
		t.Fatalf("%s in %s: %v", name, dir, err)
	}
	n, exact := constant.Int64Val(value.Value)
	if !exact {
		t.Fatalf("%s in %s is %s", name, dir, texts[0])
	}
	return n
}

// TestLimitsAreAsDocumented holds each row of docs/limits.md against what the
// program has, and against what it answers where that can be asked at once. A row
// that is not here fails, as does one that is not there.
func TestLimitsAreAsDocumented(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "edgehive.cue"), []byte("manifest: 1\nname: \"little\"\nobserve: traces: url: \"http://127.0.0.1:4318\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := load.Load(t.Context(), load.Options{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	server := wire.NewServer(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	wire.SpeakHTTP2(server, false)
	h2 := server.HTTP2
	shop := serve(t, newShopOf(t, strings.NewReplacer(`limits: body: "64KiB"`, "", `rates: default: {per: "caller", requests: 100000, window: "1m"}`, "").Replace(shopManifest)).Handler,
		wire.Bounds{Total: 100, PerAddress: 100})
	// asked is that as much is answered as if nothing were, and more by a status of
	// the row.
	asked := func(within, beyond string) func(*testing.T, limitRow) {
		return func(t *testing.T, row limitRow) {
			status := row.at[:min(3, len(row.at))]
			if answers, _ := exchangeRaw(t, shop.address, within); len(answers) != 1 || strings.HasPrefix(answers[0], status) {
				t.Errorf("what is within the bound: %.200q", answers)
			}
			if answers, _ := exchangeRaw(t, shop.address, beyond); len(answers) != 1 || !strings.HasPrefix(answers[0], status) {
				t.Errorf("what is beyond the bound: %.200q, want %s", answers, status)
			}
		}
	}
	get := func(path, headers string) string {
		return "GET " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + headers + "\r\n"
	}
	fields := func(n int) string { // two are there
		var b strings.Builder
		for i := range n - 1 { // Host is none of the header's any more
			fmt.Fprintf(&b, "X-%d: y\r\n", i)
		}
		return b.String()
	}
	post := func(length int) string {
		return fmt.Sprintf("POST /api/data/books HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", length)
	}
	path := func(length int) string { return "/" + strings.Repeat("x", length-1) }
	as := func(want ...int64) []int64 { return want }
	rows := map[string]struct {
		numbers []int64
		ask     func(*testing.T, limitRow)
	}{
		"connections": {numbers: as(int64(m.Limits.Connections))},
		"connections from one address (IPv6: one /64)":     {numbers: as(int64(m.Limits.ConnectionsPerAddress))},
		"headers, and the TLS handshake before them":       {numbers: as(int64(server.ReadHeaderTimeout))},
		"between two requests on a connection":             {numbers: as(int64(server.IdleTimeout))},
		"an answer of which the client takes nothing":      {numbers: as(int64(wire.Progress))},
		"streams of one HTTP/2 or HTTP/3 connection":       {numbers: as(int64(h2.MaxConcurrentStreams))},
		"what HTTP/2 has received and nobody has read":     {numbers: as(int64(h2.MaxReceiveBufferPerConnection), int64(h2.MaxReceiveBufferPerStream))},
		"an HTTP/2 connection that does not answer a ping": {numbers: as(int64(h2.SendPingTimeout), int64(h2.PingTimeout))},

		// net/http reads 4 KiB more before it says so.
		"headers, all of them":                {numbers: as(int64(server.MaxHeaderBytes)), ask: asked(get("/health", "X-A: "+strings.Repeat("a", 31<<10)+"\r\n"), get("/health", "X-A: "+strings.Repeat("a", 37<<10)+"\r\n"))},
		"header fields":                       {numbers: as(constantOf(t, "web", "maxHeaders")), ask: asked(get("/health", fields(100)), get("/health", fields(101)))},
		"URL":                                 {numbers: as(constantOf(t, "web", "maxURL")), ask: asked(get(path(16<<10), ""), get(path(16<<10+1), ""))},
		"body":                                {numbers: as(m.Limits.Body), ask: asked(post(1<<20), post(1<<20+1))},
		"time in which a body must have come": {numbers: as(constantOf(t, "web", "bodyTimeout"))},
		"the next part of a body that is sent on by a proxy": {numbers: as(constantOf(t, "web", "bodyTimeout"))},
		"bodies with Content-Encoding": {
			numbers: as(constantOf(t, "web", "mostInflation")),
			ask:     asked(get("/health", ""), "POST /api/data/books HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"),
		},
		"time of a handler":   {numbers: as(int64(m.Limits.Timeout))},
		"time of a statement": {numbers: as(int64(m.Limits.Statement))},
		"requests of a caller to the data API, queries, functions, channels": {numbers: as(300), ask: func(t *testing.T, row limitRow) {
			res, err := http.Get(shop.url + "/api/data/books")
			if err != nil {
				t.Fatal(err)
			}
			readAll(t, res)
			if got := res.Header.Get("Ratelimit-Limit"); got != "300" || row.text != "300 a minute" {
				t.Errorf("the answer says %s", got)
			}
		}},
		"counters of rates":                  {numbers: as(rates.MaxCounters)},
		"ambiguous framing, paths and hosts": {ask: asked(get("/health", ""), get("/a//b", ""))},

		"answers that are compressed":                   {numbers: as(m.Server.Compress.Min)},
		"encoded whole, with a Content-Length":          {numbers: as(constantOf(t, "web", "wholeMost"))},
		"held back, where nobody says how long it gets": {numbers: as(constantOf(t, "web", "heldMost"))},
		"encoders at work":                              {numbers: as(coding.MostEncoders, 1<<20)}, // the memory is their libraries'
		"how far encoders look back":                    {numbers: as(1 << constantOf(t, "web", "windowBits"))},
		"compressed beside a cached answer":             {numbers: as(2)}, // cache/codings.go, and its test
		"files in memory":                               {numbers: as(constantOf(t, "web", "keptBytesMost"), constantOf(t, "web", "keptFilesMost"), constantOf(t, "web", "keptSize"))},

		"requests that went well, in the log":       {numbers: as(int64(m.Observe.LogRequests))},
		"a path in the log or in a trace":           {numbers: as(constantOf(t, "web", "longest"))},
		"traces that begin here":                    {numbers: as(int64(1 / m.Observe.Traces.Sample))},
		"spans that wait for the collector":         {numbers: as(constantOf(t, "observe/trace", "queueSize"))},
		"one delivery of spans, its tries included": {numbers: as(constantOf(t, "observe/trace", "exportTime"))},
		"the last spans at a stop or reload":        {numbers: as(constantOf(t, "engine", "traceFlush"))},
	}
	for _, row := range limitRows(t) {
		want, there := rows[row.what]
		if !there {
			t.Errorf("nothing looks at the row %q, %s", row.what, row.text)
			continue
		}
		delete(rows, row.what)
		t.Run(row.what, func(t *testing.T) {
			if fmt.Sprint(row.numbers) != fmt.Sprint(want.numbers) {
				t.Errorf("the page says %s, which is %d, and the program has %d", row.text, row.numbers, want.numbers)
			}
			if want.ask != nil {
				want.ask(t, row)
			}
		})
	}
	for what := range rows {
		t.Errorf("the page has no row %q", what)
	}
}
