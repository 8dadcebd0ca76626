package surreal

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

// TestLostAnswers writes while connections are cut: what is acknowledged is there
// once, what is refused is not there, and what is not known is there once or not
// at all. What is sent again under a key is there once.
func TestLostAnswers(t *testing.T) {
	server := surrealtest.Shared(t)
	proxy, err := surrealtest.NewProxy(strings.TrimPrefix(server.URL, "ws://"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	notes := query.NewTable("notes", []*query.Column{
		{Name: "id", Type: query.Type{Kind: query.KindInt}, Required: true}, {Name: "text", Type: query.Type{Kind: query.KindText}},
	}, nil)
	views := nodes(t, proxy.URL(), query.NewSchema([]*query.Table{notes}))
	stop := make(chan struct{})
	var cutter sync.WaitGroup
	cutter.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(150 * time.Millisecond):
				proxy.CutOne()
			}
		}
	})
	const workers, each = 8, 40
	states := map[string]string{}
	var mutex sync.Mutex
	var all sync.WaitGroup
	for worker := range workers {
		all.Go(func() {
			for i := range each {
				text := fmt.Sprintf("%d-%d", worker, i)
				batch := query.Batch{Writes: []query.Write{{Op: query.Insert, Table: notes, Rows: []query.Row{{query.Null(), query.Text(text)}}}}}
				tries := 1
				if i%4 == 0 {
					batch.Once, tries = &query.Once{Key: text}, 20
				}
				state := ""
				for ; tries > 0 && state != "done"; tries-- {
					switch _, err := views[worker%2].Apply(t.Context(), batch); {
					case err == nil:
						state = "done"
					case fault.Is(err, codeUnknown):
						state = "unknown"
					default:
						state = "refused: " + err.Error()
					}
				}
				mutex.Lock()
				states[text] = state
				mutex.Unlock()
			}
		})
	}
	all.Wait()
	close(stop)
	cutter.Wait()
	counts := map[string]int{}
	for text, state := range states {
		var there int
		for range 1200 { // connections come back
			if there, err = views[0].(*view).pointingAt(t, notes, "text", query.Text(text)); err == nil {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		kind, _, _ := strings.Cut(state, ":")
		counts[kind]++
		switch {
		case err != nil:
			t.Fatal(err)
		case kind == "done" && there != 1, kind == "refused" && there != 0, there > 1:
			t.Errorf("%s is there %d times, and was told as %s", text, there, state)
		}
	}
	t.Log(counts)
	if counts["done"] == 0 {
		t.Error("nothing was done")
	}
}
