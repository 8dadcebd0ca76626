package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// chaosNote is a row.
type chaosNote struct {
	ID   string `json:"id"`
	Text string `json:"text"`
	N    int    `json:"n"`
}

// write makes, changes and removes rows until the context ends: some writes are
// sent once, and what becomes of them must be what was answered; others have a
// key and are sent again, to either node, until they are done.
func (c *chaos) write(ctx context.Context, writer int) {
	for i := 0; ctx.Err() == nil; i++ {
		text := fmt.Sprintf("%02d-%06d", writer, i)
		n := c.nodes[(writer+i/7)%len(c.nodes)]
		switch i % 4 {
		case 0, 1:
			if fate, _ := c.insert(n, text, ""); fate == fateDone && i%16 == 0 {
				c.mustSee(text)
			}
		case 2:
			if key, ok := c.insertSurely(n, text); ok {
				c.change(n, http.MethodPatch, text, key, stepFirst, "")
				c.surely(n, text, stepSecond, func(n *chaosNode) fate {
					return c.change(n, http.MethodPatch, text, key, stepSecond, text+" second")
				})
			}
		case 3:
			if key, ok := c.insertSurely(n, text); ok {
				if i%8 == 3 {
					c.change(n, http.MethodDelete, text, key, stepDelete, "")
				} else {
					c.surely(n, text, stepDelete, func(n *chaosNode) fate {
						return c.change(n, http.MethodDelete, text, key, stepDelete, text+" delete")
					})
				}
			}
		}
		pauseFor(ctx, c.times.pace)
	}
}

// surely sends a write with a key until it is done, to one node and the other.
func (c *chaos) surely(n *chaosNode, text string, step chaosStep, send func(*chaosNode) fate) bool {
	at := n.number
	for deadline := time.Now().Add(chaosPatience); time.Now().Before(deadline); at++ {
		if send(c.nodes[at%len(c.nodes)]) == fateDone {
			return true
		}
		c.mu.Lock()
		c.repeats++
		c.mu.Unlock()
	}
	c.Errorf("%s of %s was not done within %v", step, text, chaosPatience)
	return false
}

func (c *chaos) insertSurely(n *chaosNode, text string) (string, bool) {
	id := ""
	ok := c.surely(n, text, stepCreate, func(n *chaosNode) (f fate) {
		f, id = c.insert(n, text, text+" create")
		return f
	})
	return id, ok
}

// insert makes a row once, and gives its key.
func (c *chaos) insert(n *chaosNode, text, key string) (fate, string) {
	status, header, body := c.send(n, http.MethodPost, "/api/data/notes", `{"text":"`+text+`"}`, key)
	f := c.answered("insert", status, http.StatusCreated, header, body)
	c.truth.note(text, stepCreate, f, key != "")
	if f != fateDone {
		return f, ""
	}
	var rows []chaosNote
	if err := json.Unmarshal(body, &rows); err != nil || len(rows) != 1 || rows[0].Text != text {
		c.Errorf("an insert of %s was answered %v %s", text, err, body)
		return f, ""
	}
	return f, rows[0].ID
}

// change changes or removes a row that is there.
func (c *chaos) change(n *chaosNode, method, text, id string, step chaosStep, key string) fate {
	body := ""
	if method == http.MethodPatch {
		body = fmt.Sprintf(`{"n":%d}`, step)
	}
	status, header, answer := c.send(n, method, "/api/data/notes?id=eq."+id, body, key)
	f := c.answered(method, status, http.StatusOK, header, answer)
	c.truth.note(text, step, f, key != "")
	if f == fateDone {
		var rows []chaosNote
		if err := json.Unmarshal(answer, &rows); err != nil || len(rows) != 1 || rows[0].Text != text {
			c.Errorf("%s of %s was answered %v %s", method, text, err, answer)
		}
	}
	return f
}

// answered is what an answer means for what was asked.
func (c *chaos) answered(what string, status, done int, header http.Header, body []byte) fate {
	var problem struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal(body, &problem) // rows have none
	c.mu.Lock()
	c.statuses[status]++
	if status != done && status != 0 {
		c.codes[problem.Code]++
	}
	if header.Get("Idempotent-Replayed") != "" {
		c.replays++
	}
	c.mu.Unlock()
	switch status {
	case done:
		return fateDone
	case 0:
		pauseFor(c.Context(), chaosPause)
		return fateUnknown
	case http.StatusServiceUnavailable:
		if header.Get("Retry-After") == "" {
			c.Errorf("a 503 without Retry-After: %s", body)
		}
		pauseFor(c.Context(), chaosPause)
		if problem.Code == "08007" {
			return fateUnknown
		}
		return fateRefused
	case http.StatusGatewayTimeout: // a statement over its time
		return fateUnknown
	}
	c.Errorf("%s: %d %s", what, status, body)
	pauseFor(c.Context(), time.Second)
	return fateUnknown
}

// mustSee reads a row that was just acknowledged on both nodes.
func (c *chaos) mustSee(text string) {
	for _, n := range c.nodes {
		status, _, body := c.send(n, http.MethodGet, "/api/data/notes?select=text&text=eq."+url.QueryEscape(text), "", "")
		if status == http.StatusOK && string(body) != `[{"text":"`+text+`"}]` {
			c.Errorf("node %d does not have %s right after it was acknowledged: %s", n.number, text, body)
		}
	}
}

func pauseFor(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// hand is a connection to SurrealDB itself.
func (c *chaos) hand() *rpc.Client {
	c.Helper()
	client, err := rpc.Dial(c.Context(), rpc.Options{URL: c.server.URL, Namespace: "chaos", Database: "main", User: "root", Password: "root"})
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { _ = client.Close() })
	return client
}

// writeByHand makes, changes and removes rows as somebody does who has SurrealDB
// itself before him.
func (c *chaos) writeByHand(ctx context.Context, client *rpc.Client) {
	for i := 0; ctx.Err() == nil; i++ {
		text := fmt.Sprintf("%s%06d", byHand, i)
		id := uuid.Must(uuid.NewV7()).String()
		row := `type::record("notes", <uuid> "` + id + `")`
		steps := map[chaosStep]string{
			stepCreate: "CREATE " + row + " SET text = $text, n = 0",
			stepFirst:  "UPDATE " + row + " SET n = 1",
			stepDelete: "DELETE " + row,
		}
		for _, step := range [][]chaosStep{{stepCreate}, {stepCreate, stepFirst}, {stepCreate, stepDelete}}[i%3] {
			f := c.byHand(client, steps[step]+" RETURN NONE", text)
			c.truth.note(text, step, f, false)
			if f != fateDone {
				break
			}
		}
		pauseFor(ctx, 20*time.Millisecond)
	}
}

func (c *chaos) byHand(client *rpc.Client, text, param string) fate {
	ctx, done := context.WithTimeout(context.WithoutCancel(c.Context()), chaosDeadline)
	defer done()
	vars := wire.AppendString(wire.AppendString(wire.AppendMap(nil, 1), "text"), param)
	_, err := client.Query(ctx, text, vars)
	switch {
	case err == nil:
		return fateDone
	case errors.Is(err, rpc.ErrUnknownOutcome):
		return fateUnknown
	case !errors.Is(err, rpc.ErrUnavailable):
		c.Errorf("by hand: %s: %v", text, err)
	}
	pauseFor(c.Context(), 100*time.Millisecond)
	return fateRefused
}
