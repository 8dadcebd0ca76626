package function

import (
	"context"
	"errors"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function/javascript"
	"github.com/edge-hive/edge-hive/runtime/function/meter"
)

// This file is where scripts and package javascript meet: a script is an instance
// of the engine that has loaded it.

func (f *Function) newScript() {
	d := &f.definition
	f.script = &javascript.Script{Path: d.Path, Code: d.Code, Files: d.Files, Log: func(level int, text string) {
		r := running{function: f, caller: context.Background()}
		r.log(logLevels[min(max(level, 0), len(logLevels)-1)], text[:min(len(text), maxLine)])
	}}
}

// scriptStack is the stack of scripts, as the meter estimates it. The engine bounds
// its recursion itself, and throws an error that scripts can catch: at that bound
// wazero's stack has 16 MiB, of which the meter thinks more than of others.
const scriptStack = 4 * meter.DefaultStack

// stack is what a guest may have of it.
func (f *Function) stack() int32 {
	if f.script != nil {
		return scriptStack
	}
	return meter.DefaultStack
}

// roomyScriptStack is what the machine stack of a script may have grown to and be
// kept: a frame of the engine takes 8 KiB, and what scripts do as a matter of course
// goes some thirty deep.
const roomyScriptStack = 1 << 20

func (f *Function) roomyStack() int {
	if f.script != nil {
		return roomyScriptStack
	}
	return roomyStack
}

// prelude is an instance of the engine before a script is loaded into it: what the
// scripts of a host have in common is evaluated once.
type prelude struct {
	from   *snapshot
	opened *javascript.Opened
}

// openScript makes the first instance of a script one that has the prelude, and
// keeps that for the scripts that follow.
func (f *Function) openScript(ctx context.Context, in *instance, until time.Time) (*javascript.Opened, error) {
	h, m := f.host, f.module
	h.mu.Lock()
	p := m.prelude
	h.mu.Unlock()
	if p != nil {
		err := in.adopt(ctx, p.from, until)
		var refused *fault.Fault
		if errors.As(err, &refused) {
			err = &ending{fault: refused}
		}
		return p.opened, err
	}
	if err := in.runInitializer(); err != nil {
		return nil, err
	}
	opened, err := javascript.Open(&in.running, in.module)
	if err != nil {
		return nil, err
	}
	p = &prelude{in.keep(), opened}
	h.mu.Lock()
	defer h.mu.Unlock()
	if m.prelude == nil {
		m.prelude = p
		h.budget.used.Add(p.from.bytes)
	}
	return opened, nil
}

// prepareScript loads the script into the first instance.
func (f *Function) prepareScript(ctx context.Context, in *instance, until time.Time) error {
	opened, err := f.openScript(ctx, in, until)
	if err != nil {
		return err
	}
	image, err := opened.Prepare(&in.running, in.module, f.script)
	if err != nil {
		var said *javascript.LoadError
		if errors.As(err, &said) {
			return &ending{fault: fault.New(CodeModule, "the script cannot be loaded").WithCause(said)}
		}
		return err
	}
	f.image = image
	f.bindScript(in)
	return nil
}

// bindScript says that an instance's memory is that of the loaded script.
func (f *Function) bindScript(in *instance) {
	if f.script != nil {
		in.script = f.image.Bind(in.module)
	}
}

// runScript runs a call. An error is that the engine was unwound.
func (r *running) runScript() error {
	err := r.instance.script.Call(r, scriptHost{r})
	var failure *javascript.Failure
	if !errors.As(err, &failure) {
		return err
	}
	r.status = 1
	r.failure = failure.Message
	if failure.Stack != "" {
		r.failure += "\n" + failure.Stack
	}
	if failure.Memory {
		r.instance.memory.refused = true
	}
	return nil
}

// scriptHost is what a script's call asks of its host.
type scriptHost struct{ r *running }

var _ javascript.Host = scriptHost{}

func (h scriptHost) Event() []byte { return h.r.eventJSON() }

func (h scriptHost) Body() []byte { return h.r.input(1) }

func (h scriptHost) Head(head []byte) error {
	if f := h.r.answer.setHead(head); f != nil {
		return errors.New(f.Message)
	}
	return nil
}

func (h scriptHost) Write(p []byte) error {
	h.r.moved(len(p))
	if !h.r.answer.write(p) {
		return errNoMore
	}
	return nil
}

func (h scriptHost) Flush() error {
	if !h.r.answer.flush() {
		return errNoMore
	}
	return nil
}

var errNoMore = errors.New("the answer is larger than its limit, or nobody listens any more")

func (h scriptHost) Operate(_ context.Context, operation string, head, body []byte) (replyHead, replyBody []byte, ok bool) {
	reply, ok := h.r.operate(operation, clone(head), clone(body))
	if ok && reply.Head == nil {
		reply.Head = emptyObject
	}
	return reply.Head, reply.Body, ok
}

func (h scriptHost) Log(level int, text string) {
	h.r.guestLog(logLevels[min(max(level, 0), len(logLevels)-1)], text[:min(len(text), maxLine)])
}
