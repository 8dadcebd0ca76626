package examples_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/examples/internal/backend"
)

// watched is a manifest with everything that has metrics.
const watched = `
manifest: 1
name: "watched"
server: {
	listen: {http: "127.0.0.1:8080", https: "127.0.0.1:8091", http3: "127.0.0.1:8092"}
	tls: {kind: "internal", domains: ["watched.localhost"]}
}
trustedProxies: ["127.0.0.1"]
tables: notes: {columns: text: {type: "text", required: true}, access: {read: true, create: true}, cache: "short"}
channels: notes: table: "notes"
cache: {policies: short: ttl: "1m", redis: {url: env: "WATCHED_REDIS", timeout: "20ms"}}
rates: few: {per: "ip", requests: 1, window: "1h"}
functions: {
	greet: {module: "greet.js", access: call: true}
	failing: {module: "failing.js", as: "service", on: tables: notes: {}}
	nightly: {module: "greet.js", as: "service", on: schedule: cron: "0 0 1 1 *"}
}
routes: {
	"GET /greet": function: name: "greet"
	"GET /few": {respond: body: "few", rate: "few"}
	"/other/*": proxy: {to: ["UPSTREAM", "http://127.0.0.1:9"], balance: "roundRobin", health: "/"}
}
observe: {
	metrics: listen: "127.0.0.1:9090"
	traces: {url: "http://127.0.0.1:9", sample: 1}
}
`

// sample is one metric as it is shown: its name and the names of its labels.
type samples map[string]map[string]bool

// TestWatched holds the dashboard, the alert rules and docs/metrics.md against what
// a served backend shows.
func TestWatched(t *testing.T) {
	t.Setenv("WATCHED_REDIS", "redis://127.0.0.1:9")
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("here")) }))
	t.Cleanup(upstream.Close)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"edgehive.cue": strings.ReplaceAll(watched, "UPSTREAM", upstream.URL),
		"greet.js":     `export default { fetch: () => new Response("hello"), scheduled() {} }`,
		"failing.js":   `export default { change() { throw new Error("no") } }`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := backend.Copy(t, dir)
	use(t, b)

	var text string
	var shown samples
	judge := func() (problems []string) {
		text = scrape(t, b)
		shown = parseSamples(t, text)
		for from, queries := range map[string][]string{"grafana/edge-hive.json": dashboardQueries(t), "prometheus/alerts.yml": alertQueries(t)} {
			for _, query := range queries {
				for _, problem := range wrongIn(query, shown) {
					problems = append(problems, from+": "+problem+" in "+query)
				}
			}
		}
		return problems
	}
	// What is counted beside requests comes a little later than they do.
	problems := judge()
	for deadline := time.Now().Add(2 * time.Minute); len(problems) > 0 && time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		problems = judge()
	}
	for _, problem := range problems {
		t.Error(problem)
	}

	docs := read(t, filepath.Join(backend.Root(t), "runtime", "docs", "metrics.md"))
	for name := range shown {
		if base := baseName(name, shown); strings.HasPrefix(name, "edgehive_") && !strings.Contains(docs, "`"+base+"`") && !strings.Contains(docs, "`"+base+"{") {
			t.Errorf("docs/metrics.md does not explain %s", base)
		}
	}
	for _, name := range regexp.MustCompile(`edgehive_\w+`).FindAllString(docs, -1) {
		if shown[name] == nil && shown[name+"_count"] == nil {
			t.Errorf("docs/metrics.md names %s, which no backend shows", name)
		}
	}
	for _, alert := range regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(read(t, filepath.Join(deployDir(t), "prometheus", "alerts.yml")), -1) {
		if !strings.Contains(docs, "`"+alert[1]+"`") {
			t.Errorf("docs/metrics.md does not say what to do about %s", alert[1])
		}
	}
	promtool(t, text, "check", "metrics")
	promtool(t, "", "check", "rules", filepath.Join(deployDir(t), "prometheus", "alerts.yml"))
	promtool(t, "", "check", "config", filepath.Join(deployDir(t), "prometheus", "prometheus.yml"))
}

// use serves the backend and does a little of everything.
func use(t *testing.T, b *backend.Backend) {
	t.Helper()
	b.Run(t, "validate")
	b.Launch(t)
	deadline := time.Now().Add(2 * time.Minute)
	for {
		command := exec.Command(b.Binary, "health")
		command.Dir = b.Dir
		if command.Run() == nil {
			break
		}
		if time.Now().After(deadline) {
			b.Stop(t)
			t.Fatal("the backend is not ready")
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Cleanup(func() { b.Stop(t) })
	client := &http.Client{Transport: insecure(), Timeout: time.Minute}
	address := "https://127.0.0.1:" + b.Ports(":8091")[1:]
	get := func(method, path, body string) error {
		request, err := http.NewRequestWithContext(t.Context(), method, address+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Host = "watched.localhost"
		if body != "" {
			request.Header.Set("Content-Type", "application/json")
		}
		answer, err := client.Do(request)
		if err == nil {
			err = answer.Body.Close()
		}
		return err
	}
	// It does not wait for its certificate.
	for err := get("GET", "/health", ""); err != nil; err = get("GET", "/health", "") {
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	err := get("POST", "/api/data/notes", `{"text":"a"}`)
	for range 4 {
		for _, path := range []string{"/api/data/notes", "/greet", "/few", "/other/x"} {
			err = errors.Join(err, get("GET", path, ""))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if said := b.Run(t, "reload"); !strings.Contains(said, "generation 1") {
		t.Errorf("reload says %q", said)
	}
}

func scrape(t *testing.T, b *backend.Backend) string {
	t.Helper()
	answer, err := http.Get("http://127.0.0.1" + b.Ports(":9090") + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var text strings.Builder
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		text.WriteString(lines.Text() + "\n")
	}
	return text.String()
}

var (
	sampleLine = regexp.MustCompile(`^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? `)
	labelName  = regexp.MustCompile(`(\w+)="(?:[^"\\]|\\.)*"`)
)

func parseSamples(t *testing.T, text string) samples {
	t.Helper()
	shown := samples{}
	for line := range strings.Lines(text) {
		m := sampleLine.FindStringSubmatch(line)
		if m == nil || line[0] == '#' {
			continue
		}
		if shown[m[1]] == nil {
			shown[m[1]] = map[string]bool{}
		}
		for _, label := range labelName.FindAllStringSubmatch(m[2], -1) {
			shown[m[1]][label[1]] = true
		}
	}
	if len(shown) < 50 {
		t.Fatalf("only %d metrics are shown:\n%s", len(shown), text)
	}
	return shown
}

// baseName is what a histogram is called, of one of its series.
func baseName(name string, shown samples) string {
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if base, found := strings.CutSuffix(name, suffix); found && shown[base+"_bucket"] != nil {
			return base
		}
	}
	return name
}

func deployDir(t *testing.T) string {
	t.Helper()
	return filepath.Join(backend.Root(t), "deploy")
}

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// dashboardQueries are those of all panels, with the labels that their legends
// show.
func dashboardQueries(t *testing.T) []string {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			ID      int
			Type    string
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr, LegendFormat string }
		}
		Annotations struct {
			List []struct{ Expr, TitleFormat string }
		}
		Templating struct {
			List []struct{ Definition string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, filepath.Join(deployDir(t), "grafana", "edge-hive.json"))), &dashboard); err != nil {
		t.Fatal(err)
	}
	var queries []string
	ids := map[int]bool{}
	for i, p := range dashboard.Panels {
		if ids[p.ID] {
			t.Errorf("two panels have the id %d", p.ID)
		}
		ids[p.ID] = true
		for _, other := range dashboard.Panels[:i] {
			a, b := p.GridPos, other.GridPos
			if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("the panels %q and %q lie on each other", p.Title, other.Title)
			}
		}
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("the panel %q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			queries = append(queries, target.Expr+" # "+target.LegendFormat)
		}
	}
	for _, a := range dashboard.Annotations.List {
		queries = append(queries, a.Expr+" # "+a.TitleFormat)
	}
	if len(queries) < 50 {
		t.Fatalf("the dashboard has %d queries", len(queries))
	}
	return queries
}

// alertQueries are those of all rules, with the labels that their texts show.
func alertQueries(t *testing.T) []string {
	t.Helper()
	rules := strings.Split(read(t, filepath.Join(deployDir(t), "prometheus", "alerts.yml")), "- alert: ")[1:]
	queries := make([]string, 0, len(rules))
	for _, rule := range rules {
		_, rest, _ := strings.Cut(rule, "expr: ")
		query, _, found := strings.Cut(rest, "\n        labels:")
		if !found {
			t.Fatalf("a rule has no labels: %s", rule)
		}
		query, _, _ = strings.Cut(query, "\n        for:")
		_, text, _ := strings.Cut(rule, "summary: ")
		queries = append(queries, strings.ReplaceAll(strings.TrimPrefix(query, "|"), "\n", " ")+" # "+strings.ReplaceAll(text, "$labels.", ""))
	}
	return queries
}

var (
	quotedText = regexp.MustCompile(`"[^"]*"`)
	selector   = regexp.MustCompile(`\b((?:edgehive|process|go)_\w+)(\{[^}]*\})?`)
	matcher    = regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)`)
	grouping   = regexp.MustCompile(`\b(?:by|without|on|ignoring)\s*\(([^)]*)\)`)
	shownLabel = regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)
)

// wrongIn names the metrics and labels of a query that nothing shows. Labels that
// Prometheus adds are known.
func wrongIn(query string, shown samples) []string {
	expression, legend, _ := strings.Cut(query, " # ")
	expression = quotedText.ReplaceAllString(expression, `""`)
	known := map[string]bool{"instance": true, "job": true}
	var problems []string
	found := false
	for _, s := range selector.FindAllStringSubmatch(expression, -1) {
		found = true
		labels, there := shown[s[1]]
		if !there {
			problems = append(problems, "no metric "+s[1])
			continue
		}
		for label := range labels {
			known[label] = true
		}
		for _, m := range matcher.FindAllStringSubmatch(s[2], -1) {
			if !labels[m[1]] && m[1] != "instance" && m[1] != "job" {
				problems = append(problems, s[1]+" has no label "+m[1])
			}
		}
	}
	if !found && !strings.HasPrefix(strings.TrimSpace(expression), "up{") {
		problems = append(problems, "no metric at all")
	}
	if len(problems) > 0 {
		return problems
	}
	var asked []string
	for _, g := range grouping.FindAllStringSubmatch(expression, -1) {
		asked = append(asked, strings.FieldsFunc(g[1], func(r rune) bool { return r == ',' || r == ' ' })...)
	}
	for _, l := range shownLabel.FindAllStringSubmatch(legend, -1) {
		asked = append(asked, l[1])
		// A sum has only the labels that it is made by.
		if by := grouping.FindAllStringSubmatch(expression, -1); by != nil && !strings.Contains(by[0][1], l[1]) && strings.Contains(expression, "by (") {
			problems = append(problems, "the label "+l[1]+" is shown and not summed by")
		}
	}
	for _, label := range asked {
		if !known[label] {
			problems = append(problems, "no label "+label)
		}
	}
	return problems
}

// TestWrongQueriesAreFound proves that the test above can fail.
func TestWrongQueriesAreFound(t *testing.T) {
	shown := samples{"edgehive_a_total": {"route": true}, "edgehive_b_bucket": {"le": true, "kind": true}}
	for query, want := range map[string]int{
		`sum by (route) (rate(edgehive_a_total{route="x"}[5m])) # {{route}}`:                  0,
		`histogram_quantile(0.9, sum by (le, kind) (rate(edgehive_b_bucket[5m]))) # {{kind}}`: 0,
		`edgehive_gone_total # `:                           1,
		`edgehive_a_total{path="x"} # `:                    1,
		`sum by (path) (edgehive_a_total) # `:              1,
		`sum by (instance) (edgehive_a_total) # {{route}}`: 1,
		`1 # `: 1,
	} {
		if got := wrongIn(query, shown); len(got) != want {
			t.Errorf("%s: %q, want %d", query, got, want)
		}
	}
}

// promtool runs Prometheus's own checks, where they are installed.
func promtool(t *testing.T, input string, args ...string) {
	t.Helper()
	program, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("EDGEHIVE_REQUIRE_ALL") != "" {
			t.Error("needs promtool (of prometheus)")
		}
		return
	}
	command := exec.Command(program, args...)
	command.Stdin = strings.NewReader(input)
	out, err := command.CombinedOutput()
	// Of Go's own metrics it finds fault with some; ours must be without.
	lines := slices.DeleteFunc(strings.Split(string(out), "\n"), func(line string) bool { return !strings.HasPrefix(line, "edgehive_") })
	if input == "" && err != nil || len(lines) > 0 {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
