package main

import (
	"context"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

// The chaos: two nodes before one SurrealDB, with load, and what happens to
// servers and networks. EDGEHIVE_CHAOS_ROUNDS is how often, and makes it longer.
const (
	chaosVariable  = "EDGEHIVE_CHAOS_ROUNDS"
	chaosWriters   = 32
	chaosListeners = 50
	chaosLatency   = 200 * time.Millisecond
	// chaosDeadline is more than any request may take: a statement's time, that of
	// the search for a lost answer, and what a busy machine adds.
	chaosDeadline = time.Minute
	// chaosNoticed is when a node that is cut off knows it for certain.
	chaosNoticed = 15 * time.Second
	// chaosPause is how long a client waits before it comes back.
	chaosPause = 50 * time.Millisecond
	// chaosLull is how long nothing happens between two disasters.
	chaosLull = 500 * time.Millisecond
	// chaosPatience is how long a client tries a write again that must be done, and
	// how long anything may take to come back.
	chaosPatience = 4 * time.Minute
)

// chaos is what is there, and what came of it.
type chaos struct {
	*testing.T
	times  chaosTimes
	server *surrealtest.Server
	nodes  []*chaosNode
	http   *http.Client
	truth  chaosTruth

	mu       sync.Mutex
	statuses map[int]int
	codes    map[string]int // of refusals
	slowest  time.Duration
	replays  int
	repeats  int
	restarts int // of nodes that gave up
}

// chaosTimes are how long disasters last, and how long a writer waits between
// two writes.
type chaosTimes struct{ down, partition, latency, pace time.Duration }

func TestChaos(t *testing.T) {
	rounds, times := 1, chaosTimes{down: 2 * time.Second, partition: 3 * time.Second, latency: time.Second, pace: 20 * time.Millisecond}
	if text := os.Getenv(chaosVariable); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil {
			t.Fatalf("%s: %v", chaosVariable, err)
		}
		times = chaosTimes{down: 3 * time.Second, partition: 30 * time.Second, latency: 4 * time.Second, pace: 5 * time.Millisecond}
	}
	transport := &http.Transport{MaxIdleConnsPerHost: chaosWriters}
	defer transport.CloseIdleConnections()
	c := &chaos{
		T: t, times: times, http: &http.Client{Transport: transport, Timeout: chaosDeadline},
		truth: newChaosTruth(), statuses: map[int]int{}, codes: map[string]int{},
	}
	c.start()
	hand := c.hand()

	var load, listening sync.WaitGroup
	listeners := make([]*chaosListener, chaosListeners)
	ctx, stop := context.WithCancel(t.Context())
	defer listening.Wait()
	defer stop()
	for i := range listeners {
		listeners[i] = newChaosListener(c, i)
		listening.Go(func() { listeners[i].follow(ctx) })
	}
	for i, l := range listeners {
		select {
		case <-l.ready:
		case <-time.After(chaosPatience):
			t.Fatalf("listener %d got no snapshot", i)
		}
	}
	writing, enough := context.WithCancel(t.Context())
	defer load.Wait()
	defer enough()
	for w := range chaosWriters {
		load.Go(func() { c.write(writing, w) })
	}
	load.Go(func() { c.writeByHand(writing, hand) })
	for round := range rounds {
		c.calm()
		if rounds > 1 {
			c.logNodes(round)
		}
		c.disasters(round, round == rounds-1)
	}
	c.calm()
	enough()
	load.Wait()

	stored := c.stored(0)
	c.checkNodesAgree(stored)
	c.truth.check(t, stored)
	for deadline := time.Now().Add(chaosPatience); !told(listeners, stored) && time.Now().Before(deadline); {
		time.Sleep(50 * time.Millisecond)
	}
	stop()
	listening.Wait()
	c.checkListeners(listeners, stored)
	c.logNodes(rounds)
	c.summary(rounds, listeners)
}

// summary says what came of it, and refuses to have shown nothing.
func (c *chaos) summary(rounds int, listeners []*chaosListener) {
	c.Helper()
	anew, joins, again, events := 0, 0, 0, 0
	for _, l := range listeners {
		anew += len(l.stretches) - 1
		joins += l.joins
		again += l.again
		for _, s := range l.stretches {
			events += len(s.events)
		}
	}
	c.Logf("%d rounds: writes %v, by hand %v; %d rows are there", rounds, c.truth.counts(false), c.truth.counts(true), len(c.truth.rows)-c.truth.absent)
	c.Logf("answers %v, refusals %v, the slowest after %v; keyed writes sent again %d times, answered from memory %d times",
		c.statuses, c.codes, c.slowest.Round(time.Millisecond), c.repeats, c.replays)
	c.Logf("%d different events, %d told to %d listeners, who joined %d times and began anew %d times; %d events came for what a snapshot had",
		len(c.truth.events), events, len(listeners), joins, anew, again)
	late := 0
	for _, n := range c.nodes {
		all := n.late()
		late += len(all)
		c.Logf("commits that came into sight late on node %d: %q", n.number, all)
	}
	if anew > 0 && late == 0 {
		c.Error("listeners began anew, though no commit came late")
	}
	if c.restarts > 0 {
		c.Errorf("nodes gave up %d times while they started", c.restarts)
	}
	for what, n := range map[string]int{
		"refusals": c.statuses[http.StatusServiceUnavailable], "keyed writes sent again": c.repeats,
		"done writes": c.truth.counts(false)[fateDone], "writes by hand": c.truth.counts(true)[fateDone],
		"listeners who came back": joins - len(listeners),
	} {
		if n == 0 {
			c.Errorf("there were no %s: the test shows nothing", what)
		}
	}
}
