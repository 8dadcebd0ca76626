// The conformance program of the Go kit.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"function/edgehive"
)

func init() { edgehive.Handle(handle) }

func main() {}

var calls int

type object = map[string]any

func handle(event *edgehive.Event, answer *edgehive.Answer) error {
	switch event.Kind {
	case edgehive.KindChange:
		c := event.Change
		return answer.JSON(200, object{
			"table": c.Table, "op": c.Op, "cursor": c.Cursor, "title": title(c.Row), "old": title(c.Old),
		})
	case edgehive.KindSchedule:
		return answer.JSON(200, object{"cron": event.Schedule.Cron, "due": event.Schedule.Due})
	case edgehive.KindCall:
		return answer.JSON(200, object{"from": event.Call.Function, "body": string(event.Body())})
	}
	if text, found := strings.CutPrefix(event.Request.Path, "/status/"); found {
		status, err := strconv.Atoi(text)
		answer.Status(status)
		return err
	}
	if path, found := plain[event.Request.Path]; found {
		return path(event, answer)
	}
	operation, found := operations[event.Request.Path]
	if !found {
		return answer.Text(404, "no such path")
	}
	value, err := operation(event)
	var fault *edgehive.Fault
	if errors.As(err, &fault) {
		return answer.JSON(200, refused(fault))
	}
	if err != nil {
		return err
	}
	return answer.JSON(200, value)
}

func refused(f *edgehive.Fault) object {
	return object{"error": object{"code": f.Code, "message": f.Message, "details": f.Details, "hint": f.Hint}}
}

// title is that of a row, nil where there is none.
func title(row json.RawMessage) any {
	var book *struct {
		Title string `json:"title"`
	}
	if err := json.Unmarshal(row, &book); err != nil || book == nil {
		return nil
	}
	return book.Title
}

// plain are the paths that answer by themselves.
var plain = map[string]func(*edgehive.Event, *edgehive.Answer) error{
	"/echo": func(e *edgehive.Event, a *edgehive.Answer) error {
		return a.Bytes(200, "application/octet-stream", e.Body())
	},
	"/headers": func(e *edgehive.Event, a *edgehive.Answer) error {
		in := e.Request.Headers["x-in"]
		a.Status(207)
		a.Set("X-Count", strconv.Itoa(len(in)))
		for _, value := range in {
			a.Add("X-Out", value)
		}
		a.Add("Set-Cookie", "a=1")
		a.Add("Set-Cookie", "b=2")
		return nil
	},
	"/bad-head": func(_ *edgehive.Event, a *edgehive.Answer) error {
		var fault *edgehive.Fault
		if err := a.Text(99, "x"); !errors.As(err, &fault) {
			return fmt.Errorf("status 99 was taken: %w", err)
		}
		return a.JSON(200, refused(fault))
	},
	"/stream": func(_ *edgehive.Event, a *edgehive.Answer) error {
		a.Set("Content-Type", "text/event-stream")
		for i := 1; i <= 3; i++ {
			if _, err := fmt.Fprintf(a, "data: %d\n\n", i); err != nil {
				return err
			}
			if err := a.Flush(); err != nil {
				return err
			}
		}
		return nil
	},
	"/json": func(e *edgehive.Event, a *edgehive.Answer) error {
		if !json.Valid(e.Body()) { // a decoder reads a value, and looks at nothing behind it
			return errors.New("not JSON")
		}
		decoder := json.NewDecoder(bytes.NewReader(e.Body()))
		decoder.UseNumber()
		var value any
		if err := decoder.Decode(&value); err != nil {
			return err
		}
		return a.JSON(200, value)
	},
	"/log": func(_ *edgehive.Event, a *edgehive.Answer) error {
		edgehive.Debug("debug %s", "é")
		edgehive.Info("info")
		edgehive.Warn("warn")
		edgehive.Error("error")
		return nil
	},
	"/state": func(_ *edgehive.Event, a *edgehive.Answer) error {
		calls++
		return a.Text(200, strconv.Itoa(calls))
	},
	"/fail":   func(*edgehive.Event, *edgehive.Answer) error { return errors.New("told to fail") },
	"/panic":  func(*edgehive.Event, *edgehive.Answer) error { panic("told to panic") },
	"/memory": func(*edgehive.Event, *edgehive.Answer) error { return fill() },
	"/loop": func(*edgehive.Event, *edgehive.Answer) error {
		for {
			calls++
		}
	},
	"/recurse": func(*edgehive.Event, *edgehive.Answer) error { return recurse(0) },
	"/config": func(_ *edgehive.Event, a *edgehive.Answer) error {
		return text(a, func() (string, error) { return edgehive.Config("CURRENCY") })
	},
	"/secret": func(_ *edgehive.Event, a *edgehive.Answer) error {
		return text(a, func() (string, error) {
			value, err := edgehive.Secret("KEY")
			return string(value), err
		})
	},
	"/call": func(e *edgehive.Event, a *edgehive.Answer) error {
		called, err := edgehive.CallFunction(e.Request.Values().Get("name"), e.Body())
		var fault *edgehive.Fault
		if errors.As(err, &fault) {
			return a.JSON(200, refused(fault))
		}
		if err != nil {
			return err
		}
		return a.Bytes(called.Status, called.Headers.Get("content-type"), called.Body)
	},
}

func text(a *edgehive.Answer, get func() (string, error)) error {
	value, err := get()
	var fault *edgehive.Fault
	if errors.As(err, &fault) {
		return a.JSON(200, refused(fault))
	}
	if err != nil {
		return err
	}
	return a.Text(200, value)
}

func fill() error {
	var kept [][]byte
	for {
		block := make([]byte, 1<<20)
		for i := range block {
			block[i] = byte(i)
		}
		kept = append(kept, block)
		if len(kept) > 1<<20 {
			return nil
		}
	}
}

func recurse(n int) error {
	var frame [64]int
	frame[n%64] = n
	if err := recurse(n + 1); err != nil || frame[0] > n {
		return err
	}
	return nil
}

// operations are the paths that answer with JSON, or with the fault of the host.
var operations = map[string]func(*edgehive.Event) (any, error){
	"/facts": func(e *edgehive.Event) (any, error) {
		r := e.Request
		var plan *string
		e.Caller.Claim("plan", &plan)
		return object{
			"kind": e.Kind, "function": e.Function, "depth": e.Depth, "trace": e.Trace,
			"method": r.Method, "path": r.Path, "route": r.Route, "params": r.Params, "query": r.Query, "headers": r.Headers,
			"caller": object{"role": e.Caller.Role, "uid": e.Caller.UID, "email": e.Caller.Email}, "plan": plan,
			"size": len(e.Body()),
		}, nil
	},
	"/query": func(e *edgehive.Event) (any, error) { return e.Request.Values(), nil },
	"/big": func(e *edgehive.Event) (any, error) {
		n, err := strconv.Atoi(e.Request.Values().Get("n"))
		if err != nil {
			return nil, err
		}
		rows := make([]object, n)
		for i := range rows {
			rows[i] = object{"n": i, "name": fmt.Sprintf("row %d", i)}
		}
		return rows, nil
	},
	"/select": func(*edgehive.Event) (any, error) {
		query := edgehive.Query{}.Select("id,title").Where("title", "eq", `O'Hara, "x" & ü=1+1%`).In("id", "a,b", `c"d\`).
			Order("title.desc").Limit(5).Offset(10)
		rows, count, err := edgehive.SelectCount[json.RawMessage]("books", query)
		return object{"count": count, "rows": rows}, err
	},
	"/insert": func(e *edgehive.Event) (any, error) {
		return edgehive.Insert[json.RawMessage]("books", json.RawMessage(e.Body()))
	},
	"/upsert": func(e *edgehive.Event) (any, error) {
		return edgehive.Upsert[json.RawMessage]("books", "isbn", json.RawMessage(e.Body()))
	},
	"/update": func(e *edgehive.Event) (any, error) {
		return edgehive.Update[json.RawMessage]("books", edgehive.Query{}.Where("id", "eq", 7), json.RawMessage(e.Body()))
	},
	"/delete": func(*edgehive.Event) (any, error) {
		return edgehive.Delete[json.RawMessage]("books", edgehive.Query{}.Where("id", "eq", 7))
	},
	"/batch": func(*edgehive.Event) (any, error) {
		written, err := edgehive.Batch(
			edgehive.Write{Op: "insert", Table: "books", Rows: []object{{"title": "A"}}, Return: true},
			edgehive.Write{Op: "delete", Table: "books", Where: "id=eq.7"},
		)
		affected := []int64{}
		for _, w := range written {
			affected = append(affected, w.Affected)
		}
		return affected, err
	},
	"/named": func(e *edgehive.Event) (any, error) {
		var given json.RawMessage
		err := edgehive.Named("bestsellers", json.RawMessage(e.Body()), &given)
		return given, err
	},
	"/cache": cache,
	"/fetch": func(e *edgehive.Event) (any, error) {
		answer, err := edgehive.Fetch(edgehive.FetchRequest{
			Method: "POST", URL: e.Request.Values().Get("url"), Headers: map[string]string{"X-Kit": "yes"},
			Body: e.Body(), Timeout: 5 * time.Second,
		})
		if err != nil {
			return nil, err
		}
		return object{
			"status": answer.Status, "url": answer.URL, "type": answer.Headers.Get("Content-Type"), "body": string(answer.Body),
		}, nil
	},
	"/publish": func(e *edgehive.Event) (any, error) {
		return object{"published": true}, edgehive.Publish("lobby", "said", json.RawMessage(e.Body()))
	},
	"/crypto": cryptography,
	"/random": func(*edgehive.Event) (any, error) {
		random := make([]byte, 32)
		edgehive.Random(random)
		return object{
			"size": len(random), "zero": bytes.Equal(random, make([]byte, 32)), "time": edgehive.Now().Year() > 2020,
		}, nil
	},
}

func cache(*edgehive.Event) (any, error) {
	if err := edgehive.CacheSet("k", []byte{0, 255}, 5*time.Minute); err != nil {
		return nil, err
	}
	value, _, err := edgehive.CacheGet("k")
	if err != nil {
		return nil, err
	}
	stored, err := edgehive.CacheSetAbsent("k", []byte("x"), 0)
	if err != nil {
		return nil, err
	}
	_, none, err := edgehive.CacheGet("none")
	if err != nil {
		return nil, err
	}
	sum, err := edgehive.CacheAdd("n", 7, time.Minute)
	if err != nil {
		return nil, err
	}
	deleted, err := edgehive.CacheDelete("k")
	return object{"value": value, "stored": stored, "none": none, "sum": sum, "deleted": deleted}, err
}

func cryptography(e *edgehive.Event) (any, error) {
	body := e.Body()
	hash, err := edgehive.Hash("sha256", body)
	if err != nil {
		return nil, err
	}
	tag, err := edgehive.HMAC("sha256", "KEY", body)
	if err != nil {
		return nil, err
	}
	keyed, err := edgehive.HMACKey("sha256", []byte{0, 255}, body)
	if err != nil {
		return nil, err
	}
	equal, err := edgehive.Equal(body, body)
	if err != nil {
		return nil, err
	}
	other, err := edgehive.Equal(body, []byte("x"))
	if err != nil {
		return nil, err
	}
	signed, err := edgehive.Sign("ES256", "PEM", body)
	if err != nil {
		return nil, err
	}
	valid, err := edgehive.Verify("ES256", "P", body, []byte{0, 255})
	return object{
		"sha256": hash, "hmac": tag, "key": keyed, "equal": equal, "other": other, "signed": signed, "valid": valid,
	}, err
}
