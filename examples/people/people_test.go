// Package people_test runs the people as its README says: on the embedded
// database, and as deploy/cluster has them, two nodes in front of one SurrealDB
// behind a load balancer, as processes.
package people_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/edge-hive/edge-hive/examples/internal/backend"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

// answers are what the README's requests give, on either engine.
var answers = map[string]string{
	"/api/data/people?_from=ann&_via=follows&_hops=2&select=name,city&order=name": `[{"name":"Cleo Vint","city":"Porto"},{"name":"Ines Prado","city":"Seville"},{"name":"Kim Hale","city":"Bath"}]`,

	"/api/data/people?_near=taste&_vector=[0.9,0.6,0.1,0.7,0.3,0.1]&select=name&limit=3": `[{"name":"Ann Ferrow"},{"name":"Eve Lindqvist"},{"name":"Finn Doyle"}]`,

	"/api/data/people?_search=aboutThem&_text=novels&select=name,about": `[{"name":"Eve Lindqvist","about":"Sings in a choir, reads Russian novels."}]`,

	"/api/data/people?id=eq.ann&select=name,follows!follower(followed(name))": `[{"name":"Ann Ferrow","follows":[{"followed":{"name":"Bob Marsh"}},{"followed":{"name":"Eve Lindqvist"}},{"followed":{"name":"Finn Doyle"}}]}]`,
}

func judge(t *testing.T, b *backend.Backend) {
	t.Helper()
	for path, want := range answers {
		if a := b.Do(t, "GET", path, "", ""); a.Status != 200 || a.Body != want {
			t.Errorf("%s: %d %s\nwant %s", path, a.Status, a.Body, want)
		}
	}
}

func folder(t *testing.T) string { return filepath.Join(backend.Root(t), "examples", "people") }

// nodeWords are the words that serve a node, from the compose file, with its addresses
// replaced by those of this machine.
func nodeWords(t *testing.T, database string, b *backend.Backend) []string {
	t.Helper()
	for line := range strings.Lines(read(t, filepath.Join(backend.Root(t), "deploy", "cluster", "compose.yaml"))) {
		list, found := strings.CutPrefix(strings.TrimSpace(line), "command: ")
		if !found || !strings.Contains(list, `"serve"`) {
			continue
		}
		var words []string
		if err := json.Unmarshal([]byte(list), &words); err != nil {
			t.Fatal(err)
		}
		replaced := strings.NewReplacer("ws://surrealdb:8000", database, "0.0.0.0:8080", strings.TrimPrefix(b.URL, "http://"), "/srv/people/", "", "/srv/data", "data")
		for i := range words {
			words[i] = replaced.Replace(words[i])
		}
		return words
	}
	t.Fatal("the compose file has no node")
	return nil
}

// TestComposeNames holds the names in the compose file against those that the
// manifest and nginx know.
func TestComposeNames(t *testing.T) {
	cluster := filepath.Join(backend.Root(t), "deploy", "cluster")
	compose, balances := read(t, filepath.Join(cluster, "compose.yaml")), read(t, filepath.Join(cluster, "nginx.conf"))
	wanted := regexp.MustCompile(`env: "(\w+)"`).FindAllStringSubmatch(read(t, filepath.Join(folder(t), "edgehive.cue")), -1)
	if len(wanted) != 2 {
		t.Fatalf("the manifest wants %q", wanted)
	}
	node, _, _ := strings.Cut(compose, "\nservices:")
	for _, name := range wanted {
		if !strings.Contains(node, "\n    "+name[1]+": ${"+name[1]+":?") {
			t.Errorf("the compose file gives a node no %s", name[1])
		}
	}
	nodes := regexp.MustCompile(`(?m)^  (\w+): \*node$`).FindAllStringSubmatch(compose, -1)
	if len(nodes) != 2 {
		t.Errorf("the compose file has the nodes %q", nodes)
	}
	for _, name := range nodes {
		if !strings.Contains(balances, "server "+name[1]+":8080 ") {
			t.Errorf("nginx does not know %s", name[1])
		}
	}
}

// TestCluster is the topology of deploy/cluster.
func TestCluster(t *testing.T) {
	t.Setenv("SURREAL_PASS", "root")
	t.Setenv("EDGEHIVE_SECRET", "a secret that all nodes of this test have")
	database, err := surrealtest.Start(t.Context(), filepath.Join(t.TempDir(), "people.rocksdb"), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(database.Stop)
	one, two := backend.Copy(t, folder(t)), backend.Copy(t, folder(t))

	// Both start at once: one makes the tables and fills them, the other waits.
	one.Launch(t, nodeWords(t, database.URL, one)...)
	two.Launch(t, nodeWords(t, database.URL, two)...)
	one.Ready(t)
	two.Ready(t)
	front := *one
	front.URL = balancer(t, one, two)
	judge(t, one)
	judge(t, two)
	judge(t, &front)

	// What is written by one node is heard at the other.
	service := one.Run(t, "keys", "--only", "service_role", "-t", "engine=surrealdb")
	heard := two.Listen(t, "follows", "")
	if first := <-heard; !strings.HasPrefix(first, "snapshot ") {
		t.Fatalf("the first that is told is %q", first)
	}
	if a := one.Do(t, "POST", "/api/data/follows", service, `{"follower":"ann","followed":"hugo"}`); a.Status != 201 {
		t.Fatalf("follow: %d %s", a.Status, a.Body)
	}
	if next := <-heard; !strings.HasPrefix(next, "create ") || !strings.Contains(next, `"hugo"`) {
		t.Errorf("what is told after it is %q", next)
	}
	const walk = "/api/data/follows?follower=eq.ann&followed=eq.hugo&select=followed(name)"
	const want = `[{"followed":{"name":"Hugo Stern"}}]`
	for _, b := range []*backend.Backend{one, two, &front} {
		if a := b.Do(t, "GET", walk, "", ""); a.Status != 200 || a.Body != want {
			t.Errorf("%d %s, want %s", a.Status, a.Body, want)
		}
	}

	// A node that dies takes nothing with it.
	one.Kill(t)
	for range 4 {
		if a := front.Do(t, "GET", walk, "", ""); a.Status != 200 || a.Body != want {
			t.Errorf("with one node: %d %s", a.Status, a.Body)
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// balancer is nginx with the configuration of deploy/cluster; where there is
// none, a proxy that does the same.
func balancer(t *testing.T, nodes ...*backend.Backend) string {
	t.Helper()
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		return roundRobin(t, nodes...)
	}
	address := "127.0.0.1:" + backend.FreePort(t)
	conf := read(t, filepath.Join(backend.Root(t), "deploy", "cluster", "nginx.conf"))
	for i, name := range []string{"node1:8080", "node2:8080"} {
		conf = strings.Replace(conf, name, strings.TrimPrefix(nodes[i].URL, "http://"), 1)
	}
	conf = strings.Replace(conf, "listen 8080", "listen "+address, 1)
	backend.StartNginx(t, nginx, conf, "http://"+address+"/health")
	return "http://" + address
}

func roundRobin(t *testing.T, nodes ...*backend.Backend) string {
	t.Helper()
	var proxies []*httputil.ReverseProxy
	for _, b := range nodes {
		target, err := url.Parse(b.URL)
		if err != nil {
			t.Fatal(err)
		}
		proxies = append(proxies, &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }})
	}
	var next atomic.Int64
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first := next.Add(1)
		failed := false
		for i := range proxies {
			proxy := *proxies[(int(first)+i)%len(proxies)]
			failed = false
			proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { failed = true }
			if proxy.ServeHTTP(w, r); !failed {
				return
			}
		}
		http.Error(w, "no node answers", http.StatusBadGateway)
	}))
	t.Cleanup(front.Close)
	return front.URL
}
