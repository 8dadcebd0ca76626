package engine_test

import (
	"strings"
	"time"
)

// follow listens to a table on both sides; what it gives compares what came.
func (b *both) follow(table string) func() {
	type frames struct {
		list []string
		rows []any
		err  error
	}
	var done [2]chan frames
	for side, backend := range b.backends {
		done[side] = make(chan frames, 1)
		conn := backend.socket(table)
		go func() {
			var got frames
			defer func() { _ = conn.Close(); done[side] <- got }()
			for {
				_, text, err := conn.ReadMessage()
				if err != nil {
					got.err = err
					return
				}
				v, ok := meaningOf(string(text))
				frame, isObject := v.(map[string]any)
				if !ok || !isObject || frame["type"] == "ping" {
					continue
				}
				delete(frame, "cursor")
				got.list, got.rows = append(got.list, string(text)), append(got.rows, v)
				if strings.Contains(string(text), "77007") {
					return
				}
			}
		}()
	}
	return func() {
		last := map[string]string{"plain": `{"id":77007}`, "alone": `{"id":77007}`, "texts": `{"id":"77007"}`, "ints": `{"id":77007}`, "uuids": `{"id":"00000000-0000-7000-8000-000000077007"}`, "refs": `{"id":77007}`, "ties": `{"id":77007,"from":"a","to":"b"}`}[table]
		if table == "ties" {
			b.ask("POST", "/rest/v1/texts", `[{"id":"a"},{"id":"b"}]`, "resolution=ignore-duplicates")
		}
		b.ask("POST", "/rest/v1/"+table, last, "return=minimal")
		var got [2]frames
		for side := range done {
			select {
			case got[side] = <-done[side]:
			case <-time.After(patience):
				b.t.Fatalf("no end on side %d", side)
			}
			if got[side].err != nil {
				b.t.Errorf("side %d: %v", side, got[side].err)
			}
		}
		b.t.Logf("%d frames", len(got[0].list))
		for i := range min(len(got[0].list), len(got[1].list)) {
			if !sameJSON(got[0].rows[i], got[1].rows[i]) {
				b.t.Errorf("frame %d\nsqlite    %.1000s\nsurrealdb %.1000s", i, got[0].list[i], got[1].list[i])
				return
			}
		}
		if len(got[0].list) != len(got[1].list) {
			b.t.Errorf("%d frames and %d", len(got[0].list), len(got[1].list))
		}
	}
}
