package function

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function/javascript"
)

// Function is a function that is loaded: compiled, bound, ready to make instances.
type Function struct {
	host        *Host
	definition  Definition
	convention  Convention
	module      *module
	entry       string // the export that calls run, "" for scripts
	initializer string // the export that runs once, "" for none
	memoryLimit uint64
	functions   *Set // that it belongs to
	pool        pool
	script      *javascript.Script

	// making is held by who makes the first instance; the others wait for what it
	// finds out.
	making   chan struct{}
	mu       sync.Mutex
	from     *snapshot // what calls begin with, nil while nobody knows
	image    *javascript.Image
	released bool
}

// service is who functions act as that say so.
var service = &auth.Caller{Role: auth.Service, Claims: "{}"}

func (f *Function) acting(e *Event) *auth.Caller {
	switch {
	case f.definition.Service:
		return service
	case e == nil || e.Caller == nil:
		return auth.Nobody()
	}
	return e.Caller
}

func (f *Function) caller() Caller {
	if f.functions == nil {
		return nil
	}
	return f.functions
}

// Name is the function's name.
func (f *Function) Name() string { return f.definition.Name }

// Imported are the files of Definition.Files that a script has imported, as they
// are named there; none before it was loaded.
func (f *Function) Imported() []string {
	if f.script == nil {
		return nil
	}
	return f.script.Imported()
}

// Convention is how it is called.
func (f *Function) Convention() Convention { return f.convention }

// Call runs the function for an event, within its limits. See Caller.
func (f *Function) Call(ctx context.Context, e *Event, to Answer) error {
	began := time.Now()
	in, err := f.acquire(ctx, e, began)
	ready := time.Now()
	var memory int64
	if err == nil {
		err = f.run(ctx, in, e, to, ready.Add(f.definition.Limits.Timeout), &memory)
	} else {
		f.note(ctx, e, err)
	}
	outcome := "ok"
	if err != nil {
		outcome = fault.From(err).Code
	}
	f.host.meter.Called(f.definition.Name, outcome, time.Since(began), ready.Sub(began), memory)
	return err
}

// Warm makes an instance, where none is ready, so that the next call need not.
func (f *Function) Warm(ctx context.Context) error {
	in, err := f.acquire(ctx, &Event{}, time.Now())
	if err != nil {
		f.note(ctx, nil, err)
		return err
	}
	if in.from == nil { // it would serve one call, of whoever comes first
		f.drop(ctx, in)
		return nil
	}
	f.leave(ctx, in)
	return nil
}

// acquire gets an instance for a call: one that is idle, or a new one, or the one
// of a call that ends in time.
func (f *Function) acquire(ctx context.Context, e *Event, began time.Time) (in *instance, err error) {
	if e.Depth > MaxDepth {
		return nil, errDepth
	}
	if ctx.Err() != nil {
		return nil, errCanceled(ctx)
	}
	until := began.Add(f.definition.Limits.Timeout)
	in, err = f.pool.enter(ctx, &f.definition.Limits, until)
	if err != nil || in != nil {
		return in, err
	}
	defer func() {
		if in == nil { // whatever kept it from being made
			f.leave(ctx, nil)
		}
	}()
	return f.make(ctx, until)
}

// make makes an instance. The first one finds out what all begin with: so nothing
// of the call that it is made for may be seen by what runs in it before.
func (f *Function) make(ctx context.Context, until time.Time) (*instance, error) {
	if s := f.snapshot(); s != nil {
		return f.makeFrom(ctx, s, until)
	}
	select {
	case f.making <- struct{}{}:
		defer func() { <-f.making }()
	case <-ctx.Done():
		return nil, errCanceled(ctx)
	}
	if s := f.snapshot(); s != nil {
		return f.makeFrom(ctx, s, until)
	}
	// It may take longer than a call: what it finds out is for all that follow.
	deadline := time.Now().Add(max(f.definition.Limits.Timeout, initialTime))
	in, err := f.makeNew(ctx, until, deadline)
	if err != nil {
		return nil, err
	}
	if err := in.initialize(ctx, deadline); err != nil {
		in.close(ctx)
		return nil, err
	}
	if f.module.known.Reusable {
		in.from = in.keep()
		f.remember(in.from)
	}
	return in, nil
}

// makeNew makes an instance that has run nothing but its module's start.
func (f *Function) makeNew(ctx context.Context, until, deadline time.Time) (*instance, error) {
	if !f.host.budget.acquire(ctx, f.initialSize()+overhead, false, until) {
		return nil, errNoRoom
	}
	return f.instantiate(ctx, deadline)
}

func (f *Function) makeFrom(ctx context.Context, s *snapshot, until time.Time) (*instance, error) {
	in, err := f.makeNew(ctx, until, time.Now().Add(max(f.definition.Limits.Timeout, initialTime)))
	if err != nil {
		return nil, err
	}
	if err := in.adopt(ctx, s, until); err != nil {
		in.close(ctx)
		return nil, err
	}
	f.bindScript(in)
	return in, nil
}

// initialSize is what an instance's memory begins with.
func (f *Function) initialSize() int64 { return int64(f.module.known.Memory.Minimum) * pageSize }

func (f *Function) snapshot() *snapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.from
}

// remember keeps what calls begin with. It is charged for as instances are.
func (f *Function) remember(s *snapshot) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.from = s
	f.host.budget.used.Add(s.bytes)
}

// forget drops what calls begin with: the next instance finds it out again. It
// reports whether there was anything.
func (f *Function) forget() bool {
	f.mu.Lock()
	s := f.from
	f.from = nil
	f.mu.Unlock()
	if s != nil {
		f.host.budget.release(s.bytes)
	}
	return s != nil
}

// run runs a call in an instance, and gives the instance back.
func (f *Function) run(ctx context.Context, in *instance, e *Event, to Answer, until time.Time, memory *int64) error {
	r := &in.running
	ended := false
	defer func() {
		if !ended { // the answer's taker panicked
			r.finish()
			f.drop(ctx, in)
		}
	}()
	r.begin(ctx, in, e, to, until)
	err := f.enter(r)
	unwound := err != nil
	if err == nil {
		err = r.complete()
	}
	*memory = int64(in.memory.size)
	var failure error
	if err != nil {
		failed := r.failed(err)
		r.note(failed)
		failure = failed
	}
	ended = true
	r.finish()
	if unwound || !in.reset() {
		f.drop(ctx, in)
	} else {
		f.leave(ctx, in)
	}
	return failure
}

// enter runs the guest, as its convention has it. An error is that the guest was
// unwound.
func (f *Function) enter(r *running) error {
	in := r.instance
	if f.script != nil {
		return r.runScript()
	}
	err := in.entry.CallWithStack(r, in.results[:])
	if err == nil {
		r.status = int32(in.results[0])
		return nil
	}
	var ended *ending
	if f.convention == Command && errors.As(err, &ended) && ended.exit != nil {
		r.status = int32(*ended.exit)
		in.renew()
		return nil
	}
	return err
}

// complete hands over the answer of a guest that came to its end.
func (r *running) complete() error {
	if r.status != 0 {
		r.extismFailure()
		return errStatus(r.status)
	}
	switch r.function.convention {
	case Extism:
		r.completeExtism()
	case Command:
		if err := r.completeCommand(); err != nil {
			return err
		}
	}
	if r.answer.over {
		return &ending{fault: errAnswer}
	}
	if !r.answer.gone {
		r.answer.send() // where nobody listens any more there is nobody to tell
	}
	return nil
}

// note logs why a call failed: what the guest said, and where it was.
func (r *running) note(failed *fault.Fault) {
	attrs := []slog.Attr{slog.String("code", failed.Code)}
	if r.failure != "" {
		attrs = append(attrs, slog.String("said", r.failure))
	}
	if failed.Cause != nil {
		attrs = append(attrs, slog.String("cause", failed.Cause.Error()))
	}
	level := slog.LevelError
	if r.caller.Err() != nil {
		level = slog.LevelDebug // nobody waited for it
	}
	r.log(level, failed.Message, attrs...)
}

// note logs why a call could not begin.
func (f *Function) note(ctx context.Context, e *Event, err error) {
	r := running{function: f, caller: ctx, event: e}
	failed := fault.From(err)
	if failed.Code == CodeBusy || failed.Code == CodeDepth {
		r.log(slog.LevelWarn, failed.Message, slog.String("code", failed.Code))
		return
	}
	r.note(failed)
}

// leave gives back a place, with its instance where it can be used again.
func (f *Function) leave(ctx context.Context, in *instance) {
	if unused := f.pool.leave(in, time.Now().UnixNano()); unused != nil {
		unused.close(ctx)
	}
}

// drop gives back a place without its instance.
func (f *Function) drop(ctx context.Context, in *instance) {
	in.close(ctx)
	f.leave(ctx, nil)
}

// dropOldest drops the instance that was idle longest, and with the last one what
// it began with.
func (f *Function) dropOldest() bool {
	in := f.pool.takeOldest()
	if in == nil {
		return false
	}
	in.close(context.Background())
	if f.pool.unused() {
		f.forget()
	}
	return true
}

// Close releases the function. Calls that run end first; where ctx ends before
// them it gives ctx's error, and is to be called again.
func (f *Function) Close(ctx context.Context) error {
	idle, err := f.pool.close(ctx)
	for _, in := range idle {
		in.close(ctx)
	}
	if err != nil {
		return err
	}
	f.mu.Lock()
	released := f.released
	f.released = true
	f.mu.Unlock()
	if released {
		return nil
	}
	f.forget()
	f.host.mu.Lock()
	delete(f.host.functions, f)
	f.host.mu.Unlock()
	f.host.release(ctx, f.module)
	return nil
}
