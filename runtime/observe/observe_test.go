package observe_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/cache"
	"github.com/edge-hive/edge-hive/runtime/leaktest"
	"github.com/edge-hive/edge-hive/runtime/observe"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func TestLogFollows(t *testing.T) {
	var out strings.Builder
	l, err := observe.NewLog(&out, "info", "json")
	if err != nil {
		t.Fatal(err)
	}
	part := l.With("part", "web").WithGroup("g")
	part.Debug("unseen")
	part.Info("first", "a", 1)
	if err := l.Set("debug", "text"); err != nil {
		t.Fatal(err)
	}
	part.Debug("second", "a", 2)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], `"msg":"first","part":"web","g":{"a":1}`) || !strings.Contains(lines[1], "msg=second part=web g.a=2") {
		t.Errorf("%q", lines)
	}
	for _, bad := range [][2]string{{"loud", "json"}, {"info", "xml"}, {"", ""}} {
		if err := l.Set(bad[0], bad[1]); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
	out.Reset()
	part.Debug("third")
	if !strings.Contains(out.String(), "msg=third") {
		t.Error("a refused setting changed something")
	}
}

func TestLogCutsSecrets(t *testing.T) {
	address, err := url.Parse("https://ann:hunter2@a.example/x?token=hunter2&page=2")
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"json", "text"} {
		var out strings.Builder
		l, err := observe.NewLog(&out, "info", format)
		if err != nil {
			t.Fatal(err)
		}
		l.Info("x",
			"Authorization", "Bearer hunter2", "apikey", "hunter2", "access_token", "hunter2", "Set-Cookie", "hunter2", "password", "hunter2",
			"header", http.Header{"Authorization": {"hunter2"}, "Apikey": {"hunter2"}, "Cookie": {"hunter2"}, "Accept": {"kept-accept"}},
			"url", "/api/realtime/books?apikey=hunter2&to%6ben=hunter2&after=kept-after", "address", address,
			slog.Group("request", "token", "hunter2", "path", "/kept-path"))
		if strings.Contains(out.String(), "hunter2") {
			t.Errorf("a secret was written: %s", out.String())
		}
		for _, kept := range []string{"kept-accept", "kept-after", "kept-path", "page=2"} {
			if !strings.Contains(out.String(), kept) {
				t.Errorf("%s is gone: %s", kept, out.String())
			}
		}
	}
}

func scrape(t *testing.T, m *observe.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	body, err := io.ReadAll(w.Body)
	if err != nil || w.Code != 200 {
		t.Fatal(w.Code, err)
	}
	return string(body)
}

func wantMetrics(t *testing.T, m *observe.Metrics, lines ...string) {
	t.Helper()
	text := scrape(t, m)
	for _, line := range lines {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no %q", line)
		}
	}
}

func TestMetrics(t *testing.T) {
	m := observe.NewMetrics("1.2.3")
	wantMetrics(t, m, `edgehive_build_info{go="`+runtime.Version()+`",version="1.2.3"} 1`, `edgehive_reloads_total{result="refused"} 0`)
	m.RequestBegan()
	m.RequestBegan()
	m.RequestEnded("/api/data/{table}", "GET", 200, 0.002, 512)
	m.Reloaded(true, time.Second)
	m.Reloaded(false, time.Second)
	open := 3.0
	if err := m.Gauge("live_subscribers", "Subscribers.", func() float64 { return open }); err != nil {
		t.Fatal(err)
	}
	if err := m.Gauge("live_subscribers", "Subscribers.", func() float64 { return 0 }); err == nil {
		t.Error("a name was taken twice")
	}
	if err := m.Counter("feed_commits_total", "Commits.", func() float64 { return 9 }); err != nil {
		t.Fatal(err)
	}
	if err := m.Cache(func() cache.Stats {
		return cache.Stats{Entries: 4, Bytes: 5, MaxBytes: 6, Hits: 7, Misses: 8, Stales: 9, Evictions: 10}
	}, func() *observe.SecondTier { return &observe.SecondTier{Hits: 11} }); err != nil {
		t.Fatal(err)
	}
	wantMetrics(t, m,
		`edgehive_http_requests_total{code="200",method="GET",route="/api/data/{table}"} 1`,
		`edgehive_http_request_duration_seconds_bucket{method="GET",route="/api/data/{table}",le="0.0025"} 1`,
		`edgehive_http_response_body_bytes_total{route="/api/data/{table}"} 512`, `edgehive_http_requests_in_flight 1`, `edgehive_reloads_total{result="ok"} 1`, `edgehive_reloads_total{result="refused"} 1`,
		`edgehive_live_subscribers 3`, `edgehive_feed_commits_total 9`,
		`edgehive_cache_entries 4`, `edgehive_cache_bytes 5`, `edgehive_cache_max_bytes 6`, `edgehive_cache_answers_total{result="hit"} 7`,
		`edgehive_cache_answers_total{result="miss"} 8`, `edgehive_cache_answers_total{result="stale"} 9`, `edgehive_cache_evictions_total 10`,
		`edgehive_cache_second_answers_total{result="hit"} 11`)
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != 404 {
		t.Errorf("/: %d", w.Code)
	}
}

func TestSeriesAreBounded(t *testing.T) {
	m := observe.NewMetrics("")
	var wait sync.WaitGroup
	for worker := range 4 {
		wait.Go(func() {
			for i := range 2000 {
				m.RequestBegan()
				m.RequestEnded("/r"+strconv.Itoa(worker*2000+i), "GET", 200, 0.001, 1)
			}
		})
	}
	wait.Wait()
	text := scrape(t, m)
	if n := strings.Count(text, "\nedgehive_http_requests_total{"); n > 1001 {
		t.Errorf("%d series", n)
	}
	if !strings.Contains(text, `edgehive_http_requests_total{code="200",method="GET",route="other"} 7000`) {
		t.Error("what is over the bound is not counted as other")
	}
}

func BenchmarkRequestEnded(b *testing.B) {
	m := observe.NewMetrics("")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m.RequestBegan()
			m.RequestEnded("/api/data/{table}", "GET", 200, 0.001, 512)
		}
	})
}
