package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/porttest"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

const chaosManifest = `
manifest: 1
name: "chaos"
server: listen: http: %q
rates: default: {requests: 1000000}
limits: {statement: "4s", connectionsPerAddress: 1000}
auth: secret: env: "EDGEHIVE_CHAOS_SECRET"
observe: metrics: listen: %q
tables: notes: {
	columns: {
		text: {type: "text", required: true}
		n: {type: "int", required: true, default: 0}
	}
	access: {read: true, create: true, update: true, delete: true}
}
channels: notes: table: "notes"
database: {
	engine: "surrealdb", url: %q, namespace: "chaos", database: "main"
	user: "root", password: env: "EDGEHIVE_CHAOS_PASS"
}
`

// chaosNode is one node: a process, and the network between it and SurrealDB.
type chaosNode struct {
	number  int
	proxy   *surrealtest.Proxy
	dir     string
	url     string
	metrics string
	program string
	process *exec.Cmd
	ended   chan struct{} // closed when the process has ended, with err
	err     error
	log     *os.File
	// lives is odd while the process runs, and another number in each life.
	lives atomic.Int64
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
		n := &chaosNode{number: i, program: program}
		if n.proxy, err = surrealtest.NewProxy(c.server.Address(), nil); err != nil {
			c.Fatal(err)
		}
		c.Cleanup(n.proxy.Close)
		if n.dir, err = os.MkdirTemp("", "hive"); err != nil { // short: the socket's path is bounded
			c.Fatal(err)
		}
		c.Cleanup(func() { _ = os.RemoveAll(n.dir) })
		if n.log, err = os.Create(filepath.Join(n.dir, "log")); err != nil {
			c.Fatal(err)
		}
		// A node that comes back is found where it was.
		listen, metrics := c.freeAddress(), c.freeAddress()
		n.url, n.metrics = "http://"+listen, "http://"+metrics+"/metrics"
		if err := os.WriteFile(filepath.Join(n.dir, "edgehive.cue"), fmt.Appendf(nil, chaosManifest, listen, metrics, n.proxy.URL()), 0o600); err != nil {
			c.Fatal(err)
		}
		c.Cleanup(func() { c.end(n) })
		c.run(n)
		c.nodes = append(c.nodes, n)
	}
}

func (c *chaos) freeAddress() string {
	c.Helper()
	return porttest.Free(c).Address()
}

// run starts a node and waits until it serves. One that gives up is started
// again, as systemd does.
func (c *chaos) run(n *chaosNode) {
	c.Helper()
	client := admin.NewClient(filepath.Join(n.dir, "data"))
	ended := c.spawn(n)
	for deadline := time.Now().Add(chaosPatience); ; time.Sleep(20 * time.Millisecond) {
		status, err := client.Status(c.Context())
		if err == nil && status.Ready {
			n.lives.Add(1)
			return
		}
		select {
		case <-ended:
			c.restarts++
			ended = c.spawn(n)
		default:
		}
		if time.Now().After(deadline) {
			c.Fatalf("node %d does not serve: %v\n%s", n.number, err, n.tail())
		}
	}
}

// spawn starts a node's process, and tells of its end.
func (c *chaos) spawn(n *chaosNode) <-chan struct{} {
	c.Helper()
	n.process = exec.Command(n.program, "serve")
	n.process.Dir, n.process.Stdout, n.process.Stderr = n.dir, n.log, n.log
	n.process.Env = append(os.Environ(), "EDGEHIVE_CHAOS_PASS=root", "EDGEHIVE_CHAOS_SECRET="+strings.Repeat("0123456789abcdef", 3))
	if err := n.process.Start(); err != nil {
		c.Fatal(err)
	}
	ended, process := make(chan struct{}), n.process
	n.ended = ended
	go func() {
		n.err = process.Wait()
		close(ended)
	}()
	return ended
}

// kill ends a node as kill -9 does.
func (c *chaos) kill(n *chaosNode) {
	n.lives.Add(1)
	_ = n.process.Process.Kill()
	<-n.ended
	c.http.CloseIdleConnections()
}

// end ends a node in order, at the test's end.
func (c *chaos) end(n *chaosNode) {
	if n.ended != nil {
		_ = n.process.Process.Signal(syscall.SIGTERM)
		watchdog := time.AfterFunc(chaosPatience, func() { _ = n.process.Process.Kill() })
		defer watchdog.Stop()
		if <-n.ended; n.err != nil {
			c.Errorf("node %d: %v", n.number, n.err)
		}
	}
	if c.Failed() {
		c.Logf("the log of node %d:\n%s", n.number, n.tail())
	}
	_ = n.log.Close()
}

func (n *chaosNode) tail() []byte {
	text, _ := os.ReadFile(n.log.Name())
	return tail(text, 8<<10)
}

func tail(text []byte, most int) []byte { return text[max(0, len(text)-most):] }

// disasters lets everything happen once, one after the other; in every other
// round some of it together.
func (c *chaos) disasters(round int, last bool) {
	both := round%2 == 1
	for _, n := range c.nodes {
		n.proxy.Cut()
	}
	c.calm()
	c.killServer()
	c.calm()
	// One node is cut off while the other one goes on.
	c.partition(c.nodes[round%2], c.nodes[1-round%2], both)
	c.calm()
	// One node lives from the first round to the last, so that what grows is seen.
	dies := c.nodes[1]
	if last {
		dies = c.nodes[0]
	}
	for _, n := range c.nodes {
		n.proxy.Latency(chaosLatency)
	}
	time.Sleep(c.times.latency)
	if both {
		c.kill(dies)
		time.Sleep(time.Second)
	}
	for _, n := range c.nodes {
		n.proxy.Resume()
	}
	if !both {
		c.kill(dies)
		time.Sleep(time.Second)
	}
	c.run(dies)
}

// killServer kills SurrealDB, sees what nodes answer without it, and starts it
// again.
func (c *chaos) killServer() {
	c.Helper()
	c.server.Kill()
	time.Sleep(c.times.down)
	for _, n := range c.nodes {
		c.probeDown(n)
	}
	if err := c.server.Restart(c.Context()); err != nil {
		c.Fatal(err)
	}
}

func (c *chaos) partition(alone, other *chaosNode, both bool) {
	c.Helper()
	alone.proxy.Blackhole()
	time.Sleep(c.times.partition / 2)
	if c.times.partition > chaosNoticed {
		c.probeDown(alone)
	}
	if both {
		c.killServer()
		c.calmOf(other)
	}
	for deadline := time.Now().Add(chaosPatience); ; time.Sleep(20 * time.Millisecond) { // a statement may take too long on a loaded machine
		status, _, body := c.send(other, http.MethodGet, "/api/data/notes?limit=1", "", "")
		if status == http.StatusOK {
			break
		}
		if time.Now().After(deadline) {
			c.Fatalf("node %d answers %d while node %d is cut off: %s", other.number, status, alone.number, body)
		}
	}
	time.Sleep(c.times.partition / 2)
	alone.proxy.Resume()
}

// probeDown sees to it that a node without its database says so.
func (c *chaos) probeDown(n *chaosNode) {
	c.Helper()
	for _, path := range []string{"/ready", "/api/data/notes?limit=1"} {
		status, header, body := c.send(n, http.MethodGet, path, "", "")
		for deadline := time.Now().Add(chaosPatience); status != http.StatusServiceUnavailable && time.Now().Before(deadline); { // it notices soon
			time.Sleep(20 * time.Millisecond)
			status, header, body = c.send(n, http.MethodGet, path, "", "")
		}
		if status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" && path != "/ready" {
			c.Errorf("GET %s without a database: %d, Retry-After %q, %s", path, status, header.Get("Retry-After"), body)
		}
	}
	text := fmt.Sprintf("down-%d", c.truth.number.Add(1))
	if fate, _ := c.insert(n, text, ""); fate == fateDone {
		c.Errorf("node %d wrote without a database", n.number)
	}
}

// calm waits until every node says that it is ready, and a little longer.
func (c *chaos) calm() {
	c.Helper()
	for _, n := range c.nodes {
		c.calmOf(n)
	}
	time.Sleep(chaosLull)
}

func (c *chaos) calmOf(n *chaosNode) {
	c.Helper()
	for deadline := time.Now().Add(chaosPatience); ; time.Sleep(20 * time.Millisecond) {
		status, _, _ := c.send(n, http.MethodGet, "/ready", "", "")
		if status == http.StatusOK {
			return
		}
		if time.Now().After(deadline) {
			c.Fatalf("node %d does not come back: %d", n.number, status)
		}
	}
}

// send makes a request, with a key where it has one. The status 0 is that of a
// node that was killed meanwhile; no other request is without an answer.
func (c *chaos) send(n *chaosNode, method, path, body, key string) (int, http.Header, []byte) {
	life, began := n.lives.Load(), time.Now()
	status, header, text, err := c.exchange(n, method, path, body, key)
	took := time.Since(began)
	if err != nil {
		if life%2 == 1 && n.lives.Load() == life || took >= chaosDeadline {
			c.Errorf("%s %s after %v: %v", method, path, took, err)
		}
		return 0, nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slowest = max(c.slowest, took)
	return status, header, text
}

func (c *chaos) exchange(n *chaosNode, method, path, body, key string) (int, http.Header, []byte, error) {
	request, err := http.NewRequestWithContext(context.WithoutCancel(c.Context()), method, n.url+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Prefer", "return=representation")
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return 0, nil, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, response.Header, text, err
}

var chaosLate = regexp.MustCompile(`"late":\d+,"held":\d+`)

// late are the commits that came into sight on a node after their place had
// passed: what makes listeners begin anew.
func (n *chaosNode) late() []string {
	text, _ := os.ReadFile(n.log.Name())
	return chaosLate.FindAllString(string(text), -1)
}

var chaosFigures = regexp.MustCompile(`(?m)^(go_goroutines|process_resident_memory_bytes) (\S+)$`)

// logNodes says how large the nodes are.
func (c *chaos) logNodes(round int) {
	c.Helper()
	for _, n := range c.nodes {
		response, err := c.http.Get(n.metrics)
		if err != nil {
			c.Errorf("the metrics of node %d: %v", n.number, err)
			continue
		}
		text, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		c.Logf("before round %d, node %d: %s", round, n.number, bytes.Join(chaosFigures.FindAll(text, -1), []byte(", ")))
	}
}
