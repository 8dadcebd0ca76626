package function

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"time"

	"github.com/tetratelabs/wazero/api"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function/meter"
)

// running is what goes on in an instance: a call, or the making of the instance.
// It is the context that wazero is called with, so that host functions find it.
type running struct {
	instance *instance
	function *Function
	caller   context.Context // who called, and may go away
	deadline time.Time
	event    *Event
	answer   *answer // nil while an instance is made

	own    context.Context // with the deadline, for operations; made when needed
	cancel context.CancelFunc
	call   *Call // as operations see it, made when needed: they may keep it

	eventText   []byte // JSON, made when it is asked for
	reply       Reply
	operations  [3]int // by class
	logged      int64
	logFull     bool
	status      int32    // what the guest gave at its end
	failure     string   // what the guest says of its failing
	work        int      // bytes that host functions moved since the clock was looked at
	stdin       int      // bytes of the body that a command has read
	environment []string // of a command
	lines       [2]lines
	arena       arena
}

var _ context.Context = (*running)(nil)

type runningKey struct{}

// ending is the panic that ends a guest from within a host function.
type ending struct {
	fault *fault.Fault
	exit  *uint32 // of proc_exit
}

func (e *ending) Error() string {
	if e.exit != nil {
		return "the program exited"
	}
	return e.fault.Error()
}

// runningOf finds what runs. wazero hands a context through as it is, and what
// others wrap asks for values.
func runningOf(ctx context.Context) *running {
	if r, ok := ctx.(*running); ok {
		return r
	}
	return ctx.Value(runningKey{}).(*running)
}

// Deadline, Done, Err and Value make it a context.
func (r *running) Deadline() (time.Time, bool) { return r.deadline, true }

// Done is that of the context for operations.
func (r *running) Done() <-chan struct{} { return r.context().Done() }

// Err tells why it is done.
func (r *running) Err() error { return r.context().Err() }

// Value knows itself alone: wazero looks for what it must not find.
func (r *running) Value(key any) any {
	if key == (runningKey{}) {
		return r
	}
	return nil
}

// begin makes it ready for a call.
func (r *running) begin(ctx context.Context, in *instance, e *Event, to Answer, until time.Time) {
	r.instance, r.function = in, in.function
	r.caller, r.deadline, r.event = ctx, until, e
	if to != nil {
		r.answer = newAnswer(r, to)
	}
}

// finish releases what a call took, and forgets everything of it.
func (r *running) finish() {
	if r.cancel != nil {
		r.cancel()
	}
	if r.answer != nil {
		r.answer.release()
	}
	for i := range r.lines {
		r.lines[i].end(r)
	}
	r.arena.release(r)
	a, text := r.arena, r.eventText
	clear(text)
	if cap(text) > 64<<10 {
		text = nil
	}
	*r = running{eventText: text[:0], arena: a}
}

// context is what operations run under.
func (r *running) context() context.Context {
	if r.own == nil {
		r.own, r.cancel = context.WithDeadline(r.caller, r.deadline)
	}
	return r.own
}

// end stops the guest, now.
func (r *running) end(f *fault.Fault) {
	panic(&ending{fault: f})
}

// check ends a guest whose time is over, or whose caller has gone.
func (r *running) check() {
	if r.caller.Err() != nil {
		r.end(errCanceled(r.caller))
	}
	if !time.Now().Before(r.deadline) {
		r.end(errTimeout(r.function))
	}
}

// moved counts what host functions do for the guest, which pays no fuel for it.
func (r *running) moved(bytes int) {
	const much = 4 << 20
	r.work += bytes + 64
	if r.work > much {
		r.work = 0
		r.check()
	}
}

// view is a range of the guest's memory. A guest that has another idea of its
// memory is broken.
func (r *running) view(pointer, length uint64) []byte {
	b, ok := r.instance.memory.view(uint32(pointer), uint32(length))
	if !ok {
		r.end(errPointer)
	}
	r.moved(len(b))
	return b
}

// meterModule is what metered code calls.
func meterModule() hostModule {
	return hostModule{meter.HostModule, []hostFunction{{name: meter.Tick, within: func(ctx context.Context, m api.Module, _ []uint64) {
		tick(runningOf(ctx), m)
	}}}}
}

// tick is called where a guest has used up its fuel, or its stack. Others get
// their turn here, and so does the garbage collector: machine code cannot be
// interrupted.
func tick(r *running, m api.Module) {
	in := r.instance
	if in.fuel == nil { // in the module's start, before anybody knows the instance
		in.bindMeter(m)
	}
	if int32(in.depth.Get()) < 0 {
		r.end(errStack)
	}
	r.check()
	in.chargeStack()
	in.fuel.Set(fuel)
	runtime.Gosched()
}

// chargeStack charges what wazero's stack has grown by.
func (in *instance) chargeStack() {
	n := int64(in.machineStack())
	if n <= roomyStack || n+overhead <= in.charged {
		return
	}
	more := n + overhead - in.charged
	in.chargeMemory(more)
	in.charged += more
}

// operate carries out an operation. ok is false where it was refused or failed:
// the reply's head is the fault then.
func (r *running) operate(name string, head, body []byte) (reply Reply, ok bool) {
	r.check()
	if r.answer == nil {
		return refusal(errEarly), false
	}
	limits := &r.function.definition.Limits
	o, known := r.function.definition.Operations[name]
	if !known {
		return refusal(fault.Newf(CodeOperation, "there is no operation %.63q", name)), false
	}
	if r.operations[Other]+r.operations[Statement]+r.operations[Fetch] >= limits.Operations {
		return refusal(errOperations), false
	}
	switch {
	case o.Class == Statement && r.operations[Statement] >= limits.Statements:
		return refusal(errStatements), false
	case o.Class == Fetch && r.operations[Fetch] >= limits.Fetches:
		return refusal(errFetches), false
	}
	r.operations[o.Class]++
	if r.call == nil {
		r.call = &Call{Definition: &r.function.definition, Event: r.event, Acting: r.function.acting(r.event), Functions: r.function.caller()}
	}
	reply, err := o.Do(r.context(), r.call, head, body)
	r.check()
	if err == nil {
		return reply, true
	}
	var said *fault.Fault
	if !errors.As(err, &said) || said.Cause != nil {
		level := slog.LevelError
		if o.Class == Fetch && said != nil && said.Code != fault.CodeInternal {
			level = slog.LevelWarn // another host's trouble
		}
		r.log(level, "an operation of a function failed", slog.String("operation", name), slog.String("cause", err.Error()))
	}
	return refusal(fault.From(err)), false
}

// refusal is the reply that tells a guest of a fault.
func refusal(f *fault.Fault) Reply {
	said := struct {
		Code    string  `json:"code"`
		Message string  `json:"message"`
		Details *string `json:"details"`
		Hint    *string `json:"hint"`
	}{Code: f.Code, Message: f.Message}
	if f.Details != "" {
		said.Details = &f.Details
	}
	if f.Hint != "" {
		said.Hint = &f.Hint
	}
	head, err := json.Marshal(said)
	if err != nil {
		head = []byte(`{"code":"XX000","message":"something went wrong on the server","details":null,"hint":null}`)
	}
	return Reply{Head: head}
}

// guestLog writes what a guest says, up to its limit for a call.
func (r *running) guestLog(level slog.Level, text string) {
	const line = 16 // what a line costs, however short
	if r.logFull {
		return
	}
	r.logged += int64(len(text)) + line
	if r.logged > r.function.definition.Limits.Log {
		r.logFull = true
		r.log(slog.LevelWarn, "a function logs more than its limit: the rest of this call is left out", slog.Int64("limit", r.function.definition.Limits.Log))
		return
	}
	r.log(level, strings.ToValidUTF8(text, "\uFFFD"))
}

func (r *running) log(level slog.Level, text string, more ...slog.Attr) {
	to := r.function.host.log
	if !to.Enabled(r.caller, level) {
		return
	}
	attrs := append(make([]slog.Attr, 0, 4), slog.String("function", r.function.definition.Name))
	if r.event != nil && r.event.ID != "" {
		attrs = append(attrs, slog.String("request_id", r.event.ID))
	}
	if r.event != nil && r.event.Trace != "" {
		attrs = append(attrs, slog.String("trace", r.event.Trace))
	}
	to.LogAttrs(r.caller, level, text, append(attrs, more...)...)
}
