package trigger

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// answer takes what a function answers to nobody: the status alone says whether it
// did what it should.
type answer struct{ status int }

// Head is of function.Answer.
func (a *answer) Head(status int, _ http.Header) error {
	a.status = status
	return nil
}

func (a *answer) Write(p []byte) (int, error) { return len(p), nil }

// Flush is of function.Answer.
func (a *answer) Flush() error { return nil }

// call calls a function as the service role.
func call(ctx context.Context, caller function.Caller, name, kind string, depth int, detail json.RawMessage) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	var a answer
	e := &function.Event{Kind: kind, Depth: depth, Caller: &auth.Caller{Role: auth.Service, Claims: "{}"}, Detail: detail}
	if err := caller.Call(ctx, name, e, &a); err != nil {
		return err
	}
	if a.status >= http.StatusBadRequest {
		return fmt.Errorf("the function answered with status %d", a.status)
	}
	return nil
}

// result is what came of a task.
type result struct {
	task *task
	took time.Duration
	err  error
	// unread says that it was not called, for what it is about could not be read.
	unread bool
}

// start makes a task's call.
func (d *driver) start(t *task) {
	d.calls++
	detail := t.detail
	name := t.line.name
	switch {
	case t.hopeless, t.depth > function.MaxDepth:
		cause := fault.Newf(function.CodeDepth, "more than %d functions followed from one another", function.MaxDepth)
		if t.hopeless {
			cause = fault.New(function.CodeFailed, t.cause)
		}
		go func() { d.results <- result{task: t, err: &hopeless{cause}} }()
		return
	}
	id, depth, caller := t.id, t.depth, d.set.caller
	go func() {
		res := result{task: t}
		if detail == nil {
			if detail, res.err = d.r.loadEvent(d.ctx, name, id); res.err != nil {
				res.unread = true
				d.results <- res
				return
			}
		}
		begun := time.Now()
		res.err = call(d.ctx, caller, name, function.KindChange, depth, detail)
		res.took = time.Since(begun)
		d.results <- res
	}()
}

// hopeless is an error that no other try mends.
type hopeless struct{ error }

// The bounds of waiting for a function that has no room.
const busyWait = 200 * time.Millisecond

// takeResult says what becomes of a task.
func (d *driver) takeResult(res *result) {
	t, l := res.task, res.task.line
	d.calls--
	l.running--
	t.running = false
	now := time.Now()
	_, lost := res.err.(*hopeless) //nolint:errorlint // it is ours, never wrapped
	switch {
	case res.err != nil && d.ctx.Err() != nil:
		return // it was ended, and runs again: here or on another node
	case res.unread && isGone(res.err):
		d.done(t) // somebody has discarded it
		return
	case res.unread, fault.Is(res.err, function.CodeBusy):
		t.due = now.Add(busyWait + d.r.backOff(1)/4)
		l.offer(t.queue)
		return
	case res.err == nil:
		l.seen.Runs++
		d.r.meter.Ran(l.name, function.KindChange, res.took, true)
		d.done(t)
		return
	}
	t.attempts++
	t.cause = causeText(res.err)
	l.seen.Failures++
	l.seen.last, l.seen.lastAt = t.cause, d.r.now()
	d.r.meter.Ran(l.name, function.KindChange, res.took, false)
	if lost || t.attempts >= d.r.retry.Tries || fault.Is(res.err, function.CodeDepth) {
		d.bury(t)
		return
	}
	l.seen.Retries++
	d.r.meter.Retried(l.name)
	wait := d.r.backOff(t.attempts)
	t.due = now.Add(wait)
	d.r.log.Warn("a function failed for a change; it is tried again", "function", l.name, "table", t.table, "op", t.op, "key", t.key,
		"attempt", t.attempts, "again_in", wait.Round(time.Millisecond).String(), "error", res.err)
	l.offer(t.queue)
	for _, waits := range t.queue.tasks {
		d.file(waits)
	}
}

// mostCause bounds what is kept of an error.
const mostCause = 2000

func causeText(err error) string {
	text := err.Error()
	if len(text) > mostCause {
		text = text[:mostCause]
	}
	return text
}

// done takes a task that was run out of everything.
func (d *driver) done(t *task) {
	if t.filed {
		d.drop(store.NoteName{Room: roomRetry + t.line.name, Key: t.id})
		d.drop(store.NoteName{Room: roomEvent + t.line.name, Key: t.id})
		t.line.filed--
		t.filed = false
	}
	t.line.settle(t)
	t.line.leave(t)
}

// file notes a task in the ledger, so that the feed need not be kept for it.
func (d *driver) file(t *task) {
	if !t.filed {
		t.filed = true
		t.line.filed++
		d.put(store.NoteName{Room: roomEvent + t.line.name, Key: t.id}, t.detail)
		d.filed = append(d.filed, t)
		t.line.settle(t)
	}
	d.putJSON(store.NoteName{Room: roomRetry + t.line.name, Key: t.id}, t.letter())
}

// fileAll notes all that the window has.
func (d *driver) fileAll(l *line) {
	for _, q := range l.queues {
		for _, t := range q.tasks {
			if !t.filed {
				d.file(t)
			}
		}
	}
}

// bury makes a task a dead letter: what comes after it goes on.
func (d *driver) bury(t *task) {
	l := t.line
	if t.filed {
		d.drop(store.NoteName{Room: roomRetry + l.name, Key: t.id})
		l.filed--
		t.filed = false
	} else {
		d.put(store.NoteName{Room: roomEvent + l.name, Key: t.id}, t.detail)
	}
	letter := t.letter()
	letter.Died = d.r.now().UnixMicro()
	d.addDead(l, letter)
	d.r.log.Error("a function failed for a change for good: it is a dead letter", "function", l.name, "letter", t.id, "table", t.table,
		"op", t.op, "key", t.key, "attempts", t.attempts, "error", t.cause)
	l.settle(t)
	l.leave(t)
}
