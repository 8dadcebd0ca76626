package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

// The chaos: two nodes before one SurrealDB, with load, and what happens to
// servers and networks. EDGEHIVE_CHAOS_ROUNDS is how often, and makes it longer.
const (
	chaosVariable  = "EDGEHIVE_CHAOS_ROUNDS"
	chaosWriters   = 32
	chaosListeners = 50
	chaosLatency   = 200 * time.Millisecond
	// chaosDeadline is more than any request may take: a statement's time, and
	// what a busy machine adds.
	chaosDeadline = 20 * time.Second

	chaosManifest = `
manifest: 1
name: "chaos"
server: listen: http: "127.0.0.1:0"
rates: default: {requests: 1000000}
limits: {statement: "4s", connectionsPerAddress: 1000}
auth: secret: env: "EDGEHIVE_CHAOS_SECRET"
tables: notes: {
	columns: text: {type: "text", required: true}
	access: {read: true, create: true}
}
channels: notes: table: "notes"
database: {
	engine: "surrealdb", url: %q, namespace: "chaos", database: "main"
	user: "root", password: env: "EDGEHIVE_CHAOS_PASS"
}
`
)

// chaos is what is there, and what came of it.
type chaos struct {
	*testing.T
	server *surrealtest.Server
	nodes  []*chaosNode
	http   *http.Client

	mu           sync.Mutex
	acknowledged []string
	unknown      map[string]bool
	statuses     map[int]int
	slowest      time.Duration
}

// chaosNode is one node: a process, and the network between it and SurrealDB.
type chaosNode struct {
	proxy *surrealtest.Proxy
	dir   string
	url   string
	stop  func()
}

func TestChaos(t *testing.T) {
	rounds, partition := 1, 3*time.Second
	if text := os.Getenv(chaosVariable); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil {
			t.Fatalf("%s: %v", chaosVariable, err)
		}
		partition = 30 * time.Second
	}
	transport := &http.Transport{MaxIdleConnsPerHost: chaosWriters}
	defer transport.CloseIdleConnections()
	c := &chaos{
		T: t, http: &http.Client{Transport: transport, Timeout: chaosDeadline},
		unknown: map[string]bool{}, statuses: map[int]int{},
	}
	c.start()

	var load, listening sync.WaitGroup
	listeners := make([]*chaosListener, chaosListeners)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for i := range listeners {
		listeners[i] = &chaosListener{chaos: c, node: c.nodes[i%len(c.nodes)], seen: map[string]int{}, ready: make(chan struct{})}
		listening.Go(func() { listeners[i].follow(ctx, i/len(c.nodes)%2 == 0) })
	}
	for i, l := range listeners {
		select {
		case <-l.ready:
		case <-time.After(time.Minute):
			t.Fatalf("listener %d got no snapshot", i)
		}
	}
	writing, enough := context.WithCancel(t.Context())
	defer enough()
	for w := range chaosWriters {
		load.Go(func() { c.write(writing, c.nodes[w%len(c.nodes)], w) })
	}
	for round := range rounds {
		c.calm()
		c.disasters(round, partition)
	}
	c.calm()
	enough()
	load.Wait()

	stored := c.stored()
	c.checkStored(stored)
	for i, l := range listeners {
		for deadline := time.Now().Add(2 * time.Minute); !l.has(stored); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				break
			}
		}
		l.check(i, stored)
	}
	stop()
	listening.Wait()
	anew, again := 0, 0
	for _, l := range listeners {
		anew += l.snapshots - 1
		again += l.again
	}
	t.Logf("%d rounds: %d rows acknowledged, %d outcomes unknown, answers %v, the slowest after %v; %d listeners began anew, %d rows came both in a snapshot and after it",
		rounds, len(c.acknowledged), len(c.unknown), c.statuses, c.slowest, anew, again)
	if c.statuses[http.StatusServiceUnavailable] == 0 {
		t.Error("nothing was ever down: the test shows nothing")
	}
}

// start starts SurrealDB and the nodes, each behind a network of its own.
func (c *chaos) start() {
	c.Helper()
	var err error
	if c.server, err = surrealtest.Start(c.Context(), filepath.Join(c.TempDir(), "surreal"), "127.0.0.1:0"); err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { c.server.Kill() })
	program, err := exec.LookPath("edge-hive")
	if err != nil {
		c.Fatal(err)
	}
	for i := range 2 {
		n := &chaosNode{}
		if n.proxy, err = surrealtest.NewProxy(c.server.Address(), nil); err != nil {
			c.Fatal(err)
		}
		c.Cleanup(n.proxy.Close)
		if n.dir, err = os.MkdirTemp("", "hive"); err != nil { // short: the socket's path is bounded
			c.Fatal(err)
		}
		c.Cleanup(func() { _ = os.RemoveAll(n.dir) })
		if err := os.WriteFile(filepath.Join(n.dir, "edgehive.cue"), fmt.Appendf(nil, chaosManifest, n.proxy.URL()), 0o600); err != nil {
			c.Fatal(err)
		}
		c.run(program, n, i)
		c.nodes = append(c.nodes, n)
	}
}

// run starts a node and waits until it serves.
func (c *chaos) run(program string, n *chaosNode, i int) {
	c.Helper()
	log, err := os.Create(filepath.Join(c.TempDir(), fmt.Sprintf("node%d.log", i)))
	if err != nil {
		c.Fatal(err)
	}
	process := exec.Command(program, "serve")
	process.Dir, process.Stdout, process.Stderr = n.dir, log, log
	process.Env = append(os.Environ(), "EDGEHIVE_CHAOS_PASS=root", "EDGEHIVE_CHAOS_SECRET="+strings.Repeat("0123456789abcdef", 3))
	if err := process.Start(); err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() {
		_ = process.Process.Signal(syscall.SIGTERM)
		watchdog := time.AfterFunc(time.Minute, func() { _ = process.Process.Kill() })
		defer watchdog.Stop()
		if err := process.Wait(); err != nil {
			c.Errorf("node %d: %v", i, err)
		}
		_ = log.Close()
		if text, err := os.ReadFile(log.Name()); err == nil && c.Failed() {
			c.Logf("the log of node %d:\n%s", i, tail(text, 8<<10))
		}
	})
	client := admin.NewClient(filepath.Join(n.dir, "data"))
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		status, err := client.Status(c.Context())
		if err == nil && status.Ready {
			n.url = "http://" + status.Listeners[0].Address
			return
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(log.Name())
			c.Fatalf("node %d does not serve: %v\n%s", i, err, text)
		}
	}
}

func tail(text []byte, most int) []byte { return text[max(0, len(text)-most):] }

// disasters lets everything happen once, one after the other.
func (c *chaos) disasters(round int, partition time.Duration) {
	for _, n := range c.nodes {
		n.proxy.Cut()
	}
	c.calm()
	c.server.Kill()
	time.Sleep(time.Second)
	if err := c.server.Restart(c.Context()); err != nil {
		c.Fatal(err)
	}
	c.calm()
	// One node is cut off while the other one goes on.
	alone := c.nodes[round%len(c.nodes)]
	alone.proxy.Blackhole()
	time.Sleep(partition)
	alone.proxy.Resume()
	c.calm()
	for _, n := range c.nodes {
		n.proxy.Latency(chaosLatency)
	}
	time.Sleep(partition)
	for _, n := range c.nodes {
		n.proxy.Resume()
	}
}

// calm waits until every node says that it is ready, and a little longer.
func (c *chaos) calm() {
	c.Helper()
	for i, n := range c.nodes {
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
			status, _, _ := c.send(n, http.MethodGet, "/ready", "")
			if status == http.StatusOK {
				break
			}
			if time.Now().After(deadline) {
				c.Fatalf("node %d does not come back: %d", i, status)
			}
		}
	}
	time.Sleep(time.Second)
}

func (c *chaos) send(n *chaosNode, method, path, body string) (int, http.Header, []byte) {
	request, err := http.NewRequestWithContext(c.Context(), method, n.url+path, strings.NewReader(body))
	if err != nil {
		c.Error(err)
		return 0, nil, nil
	}
	request.Header.Set("Content-Type", "application/json")
	began := time.Now()
	response, err := c.http.Do(request)
	if err != nil {
		c.Errorf("%s %s after %v: %v", method, path, time.Since(began), err)
		return 0, nil, nil
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		c.Errorf("%s %s after %v: %v", method, path, time.Since(began), err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slowest = max(c.slowest, time.Since(began))
	return response.StatusCode, response.Header, text
}

// write makes rows until the context ends. What is acknowledged must be there at
// the end; what is refused or of unknown outcome may be.
func (c *chaos) write(ctx context.Context, n *chaosNode, writer int) {
	for i := 0; ctx.Err() == nil; i++ {
		row := fmt.Sprintf("%02d-%06d", writer, i)
		status, header, body := c.send(n, http.MethodPost, "/api/data/notes", `{"text":"`+row+`"}`)
		c.mu.Lock()
		c.statuses[status]++
		if status == http.StatusCreated {
			c.acknowledged = append(c.acknowledged, row)
		} else {
			c.unknown[row] = true
		}
		c.mu.Unlock()
		switch status {
		case http.StatusCreated:
		case http.StatusServiceUnavailable:
			if header.Get("Retry-After") == "" {
				c.Errorf("a 503 without Retry-After: %s", body)
			}
			pauseFor(ctx, 50*time.Millisecond)
		case http.StatusGatewayTimeout: // a statement over its time
		default:
			c.Errorf("insert: %d %s", status, body)
			pauseFor(ctx, time.Second)
		}
		pauseFor(ctx, 5*time.Millisecond)
	}
}

func pauseFor(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// stored are all rows that are there.
func (c *chaos) stored() map[string]int {
	c.Helper()
	stored := map[string]int{}
	for after := ""; ; {
		status, _, body := c.send(c.nodes[0], http.MethodGet, "/api/data/notes?select=text&order=text&limit=1000&text=gt."+after, "")
		var rows []struct {
			Text string `json:"text"`
		}
		if err := json.Unmarshal(body, &rows); err != nil || status != http.StatusOK {
			c.Fatalf("read all rows: %d %v %s", status, err, tail(body, 200))
		}
		for _, row := range rows {
			stored[row.Text]++
			after = row.Text
		}
		if len(rows) < 1000 {
			return stored
		}
	}
}

func (c *chaos) checkStored(stored map[string]int) {
	c.Helper()
	acknowledged := map[string]bool{}
	lost := 0
	for _, row := range c.acknowledged {
		acknowledged[row] = true
		if stored[row] == 0 {
			lost++
		}
	}
	if lost > 0 {
		c.Errorf("%d of %d acknowledged rows are not there", lost, len(c.acknowledged))
	}
	for row, times := range stored {
		if times != 1 || !acknowledged[row] && !c.unknown[row] {
			c.Errorf("row %s is there %d times; it was acknowledged: %t", row, times, acknowledged[row])
		}
	}
	if len(c.acknowledged) == 0 {
		c.Error("nothing was ever acknowledged")
	}
}
