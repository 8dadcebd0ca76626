package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/porttest"
)

// The kills: a backend under load whose process ends without a word, again and
// again. EDGEHIVE_KILL_ROUNDS is how often.
const (
	triggerKillVariable = "EDGEHIVE_KILL_ROUNDS"
	triggerKillRounds   = 3
	triggerKillWriters  = 8
	triggerKillPatience = 4 * time.Minute
)

const triggerKillManifest = `
manifest: 1
name: "kills"
server: listen: http: %q
rates: default: {requests: 1000000}
limits: connectionsPerAddress: 1000
tables: items: {
	key: type: "text"
	columns: n: {type: "int", required: true}
	access: {read: true, create: true, update: true}
}
tables: seen: {
	key: type: "int"
	columns: {
		item: {type: "text", required: true}
		n: {type: "int", required: true}
		op: {type: "text", required: true}
	}
	access: read: true
}
functions: watcher: {
	module: "watcher.js"
	as:     "service"
	limits: timeout: "20s"
	on: tables: items: {}
	grants: tables: seen: ["create"]
}
`

// watcher writes what it saw, in the order in which it saw it.
const triggerKillScript = `import { db } from "edgehive";
export default {
  async change({ op, row }) {
    await db.insert("seen", { item: row.id, n: row.n, op });
  },
};
`

// kills is what is there, and what came of it.
type kills struct {
	*testing.T
	program, dir, url string
	process           *exec.Cmd
	log               *os.File
	http              *http.Client

	mu    sync.Mutex
	acked map[string]int // by item, the last number that was acknowledged
}

// TestTriggersSurviveKills: each committed change has run at least once, and those
// of a row in their order, however often the process was killed.
func TestTriggersSurviveKills(t *testing.T) {
	rounds := triggerKillRounds
	if text := os.Getenv(triggerKillVariable); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	k := &kills{T: t, acked: map[string]int{}, http: &http.Client{Timeout: time.Minute}}
	k.prepare()
	k.start()
	ctx, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for i := range triggerKillWriters {
		writers.Go(func() { k.write(ctx, fmt.Sprint("item", i)) })
	}
	for range rounds {
		time.Sleep(time.Duration(150+rand.IntN(600)) * time.Millisecond)
		k.kill()
		k.start()
	}
	time.Sleep(300 * time.Millisecond)
	stop()
	writers.Wait()
	k.check(rounds)
}

func (k *kills) prepare() {
	k.Helper()
	var err error
	if k.program, err = exec.LookPath("edge-hive"); err != nil {
		k.Fatal(err)
	}
	if k.dir, err = os.MkdirTemp("", "hive"); err != nil { // short: the socket's path is bounded
		k.Fatal(err)
	}
	k.Cleanup(func() { _ = os.RemoveAll(k.dir) })
	if k.log, err = os.Create(filepath.Join(k.dir, "log")); err != nil {
		k.Fatal(err)
	}
	address := porttest.Free(k).Address()
	k.url = "http://" + address
	for name, text := range map[string]string{"edgehive.cue": fmt.Sprintf(triggerKillManifest, address), "watcher.js": triggerKillScript} {
		if err := os.WriteFile(filepath.Join(k.dir, name), []byte(text), 0o600); err != nil {
			k.Fatal(err)
		}
	}
	k.Cleanup(k.kill)
}

func (k *kills) start() {
	k.Helper()
	k.process = exec.Command(k.program, "serve")
	k.process.Dir, k.process.Stdout, k.process.Stderr = k.dir, k.log, k.log
	if err := k.process.Start(); err != nil {
		k.Fatal(err)
	}
	client := admin.NewClient(filepath.Join(k.dir, "data"))
	for deadline := time.Now().Add(triggerKillPatience); ; time.Sleep(10 * time.Millisecond) {
		status, err := client.Status(k.Context())
		if err == nil && status.Ready && status.PID == k.process.Process.Pid {
			return
		}
		if time.Now().After(deadline) {
			k.Fatalf("it does not serve: %v\n%s", err, k.tail())
		}
	}
}

func (k *kills) kill() {
	if k.process == nil {
		return
	}
	_ = k.process.Process.Kill()
	_ = k.process.Wait() // it was killed
	k.process = nil
}

func (k *kills) tail() []byte {
	text, _ := os.ReadFile(k.log.Name())
	return tail(text, 4000)
}

// write counts an item up; what is not answered is sent again.
func (k *kills) write(ctx context.Context, item string) {
	for n := 1; ctx.Err() == nil; n++ {
		for sent := false; !sent; {
			sent = k.put(item, n)
			if !sent {
				if ctx.Err() != nil {
					return // nobody knows whether it is there
				}
				time.Sleep(20 * time.Millisecond)
			}
		}
		k.mu.Lock()
		k.acked[item] = n
		k.mu.Unlock()
		time.Sleep(5 * time.Millisecond)
	}
}

func (k *kills) put(item string, n int) bool {
	request, err := http.NewRequestWithContext(context.WithoutCancel(k.Context()), http.MethodPost, k.url+"/api/data/items", bytes.NewReader(fmt.Appendf(nil, `{"id":%q,"n":%d}`, item, n)))
	if err != nil {
		k.Error(err)
		return true
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Prefer", "resolution=merge-duplicates")
	response, err := k.http.Do(request)
	if err != nil {
		return false
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if response.StatusCode >= 300 && response.StatusCode < 500 {
		k.Errorf("%s %d: %s %s", item, n, response.Status, body)
	}
	return err == nil && response.StatusCode < 300
}

// sight is a row of seen.
type sight struct {
	ID   int64  `json:"id"`
	Item string `json:"item"`
	N    int    `json:"n"`
	Op   string `json:"op"`
}

// sights reads what the function saw after a key.
func (k *kills) sights(after int64) []sight {
	k.Helper()
	request, err := http.NewRequestWithContext(k.Context(), http.MethodGet, fmt.Sprintf("%s/api/data/seen?order=id&limit=1000&id=gt.%d", k.url, after), http.NoBody)
	if err != nil {
		k.Fatal(err)
	}
	response, err := k.http.Do(request)
	if err != nil {
		k.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var list []sight
	if err := json.NewDecoder(response.Body).Decode(&list); err != nil {
		k.Fatal(err)
	}
	return list
}

// check waits until all that was acknowledged was seen, and looks at the order.
func (k *kills) check(rounds int) {
	k.Helper()
	reached, wrong, runs, distinct := map[string]int{}, 0, 0, 0
	times := map[string]int{}
	var after int64
	missing := func() (list []string) {
		for item, n := range k.acked {
			if reached[item] < n {
				list = append(list, fmt.Sprintf("%s: %d of %d", item, reached[item], n))
			}
		}
		return list
	}
	for deadline := time.Now().Add(triggerKillPatience); ; {
		page := k.sights(after)
		for _, s := range page {
			after = s.ID
			runs++
			key := fmt.Sprint(s.Item, "/", s.N)
			if times[key]++; times[key] == 1 {
				distinct++
			}
			switch {
			case s.N == reached[s.Item]+1:
				reached[s.Item] = s.N
			case s.N > reached[s.Item]:
				wrong++
				k.Errorf("%s: %d was seen after %d", s.Item, s.N, reached[s.Item])
				reached[s.Item] = s.N
			}
		}
		if len(page) > 0 {
			continue
		}
		if len(missing()) == 0 {
			break
		}
		if time.Now().After(deadline) {
			k.Fatalf("not all that was committed has run:\n%s\n%s", strings.Join(missing(), "\n"), k.tail())
		}
		time.Sleep(50 * time.Millisecond)
	}
	total := 0
	for _, n := range k.acked {
		total += n
	}
	if total == 0 {
		k.Fatal("nothing was written")
	}
	// A write that was sent twice is two changes; so it is no more than this.
	k.Logf("%d kills: %d changes acknowledged, %d seen, %d of them more than once", rounds, total, distinct, runs-distinct)
}
