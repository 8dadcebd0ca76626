package function_test

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function"
)

// gate is an operation that waits until it is let go.
func gate(entered chan<- struct{}, leave <-chan struct{}) function.Operation {
	return function.Operation{Do: func(ctx context.Context, _ *function.Call, _, _ []byte) (function.Reply, error) {
		entered <- struct{}{}
		select {
		case <-leave:
			return function.Reply{}, nil
		case <-ctx.Done():
			return function.Reply{}, ctx.Err()
		}
	}}
}

// TestInstancesAndQueue: as many calls run as may, as many wait as may, and the
// next is refused at once.
func TestInstancesAndQueue(t *testing.T) {
	entered, leave := make(chan struct{}, 10), make(chan struct{})
	h, _ := newHost(t)
	f := load(t, h, "f", "kit", "operate", func(d *function.Definition) {
		d.Limits.Instances, d.Limits.Waiting, d.Limits.Timeout = 2, 3, 2*time.Minute
		d.Operations = map[string]function.Operation{"gate": gate(entered, leave)}
	})
	var calls sync.WaitGroup
	errs := make(chan error, 10)
	for range 5 {
		calls.Go(func() { errs <- f.Call(context.Background(), request("gate {}"), &recorder{}) })
	}
	<-entered
	<-entered
	waitFor(t, "three wait", func() bool { return h.Usage().Waiting == 3 })
	callFails(t, f, request("gate {}"), function.CodeBusy)
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if err := f.Call(gone, request("gate {}"), &recorder{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that has gone gets %v", err)
	}
	close(leave)
	calls.Wait()
	for range 5 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if u := h.Usage(); u.Running != 0 || u.Waiting != 0 || u.Idle != 2 {
		t.Errorf("in the end there are %+v", u)
	}
}

// TestWhoWaitsMayGo: a call that waits ends with its caller, or with its time.
func TestWhoWaitsMayGo(t *testing.T) {
	entered, leave := make(chan struct{}, 10), make(chan struct{})
	h, _ := newHost(t)
	f := load(t, h, "f", "kit", "operate", one, func(d *function.Definition) {
		d.Limits.Timeout = 2 * time.Minute
		d.Operations = map[string]function.Operation{"gate": gate(entered, leave)}
	})
	var calls sync.WaitGroup
	calls.Go(func() { call(t, f, request("gate {}")) })
	<-entered
	ctx, cancel := context.WithCancel(context.Background())
	calls.Go(func() {
		if err := f.Call(ctx, request("gate {}"), &recorder{}); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
	waitFor(t, "one waits", func() bool { return h.Usage().Waiting == 1 })
	cancel()
	waitFor(t, "none waits", func() bool { return h.Usage().Waiting == 0 })
	close(leave)
	calls.Wait()
}

// TestCallerGoesAway: a loop ends with its caller, and an operation too.
func TestCallerGoesAway(t *testing.T) {
	h, _ := newHost(t)
	for _, entry := range []string{"loop", "loop_slow_operation", "sleep"} {
		f := load(t, h, entry, "hostile", entry, slowOperations, func(d *function.Definition) { d.Limits.Timeout = time.Minute })
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- f.Call(ctx, request(""), &recorder{}) }()
		waitFor(t, "it runs", func() bool { return h.Usage().Running == 1 })
		time.Sleep(20 * time.Millisecond) // or a little more
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) || !fault.Is(err, function.CodeTimeout) {
			t.Errorf("%s: got %v", entry, err)
		}
	}
}

// TestProcessBudget: idle instances give way to others, and calls wait for those
// that run.
func TestProcessBudget(t *testing.T) {
	entered, leave := make(chan struct{}, 100), make(chan struct{})
	h, _ := newHost(t, func(o *function.Options) { o.Memory = 1 << 20 })
	gated := func(d *function.Definition) {
		d.Operations = map[string]function.Operation{"gate": gate(entered, leave)}
		d.Limits.Timeout = 3 * time.Second
	}
	var all []*function.Function
	for _, name := range strings.Split("abcdefghijklmnop", "") {
		f := load(t, h, name, "kit", "operate", gated)
		all = append(all, f)
		call(t, f, request("none {}"))
	}
	// 128 KiB of memory, 32 of overhead and a snapshot: five fit into seven eighths.
	if u := h.Usage(); u.Memory > u.Limit || u.Idle < 3 || u.Idle > 6 {
		t.Errorf("there are %+v", u)
	}
	var calls sync.WaitGroup
	results := make(chan error, 100)
	for _, f := range all {
		calls.Go(func() { results <- f.Call(context.Background(), request("gate {}"), &recorder{}) })
	}
	busy := 0
	for range len(all) - 6 {
		err := <-results
		if fault.Is(err, function.CodeBusy) {
			busy++
		}
	}
	if busy == 0 {
		t.Error("all have found room")
	}
	if u := h.Usage(); u.Memory > u.Limit {
		t.Errorf("there are %+v", u)
	}
	close(leave)
	calls.Wait()
	for _, f := range all {
		call(t, f, request("none {}"))
	}
}

// TestGrowingTakesFromTheBudget: guests that all grow share what there is; none
// gets more, and who waits too long is told to come again.
func TestGrowingTakesFromTheBudget(t *testing.T) {
	h, _ := newHost(t, func(o *function.Options) { o.Memory = 24 << 20 })
	f := load(t, h, "f", "hostile", "grow_to_limit_and_answer", func(d *function.Definition) { d.Limits.Timeout = 10 * time.Second })
	var calls sync.WaitGroup
	var mu sync.Mutex
	outcomes := map[string]int{}
	for range 8 {
		calls.Go(func() {
			for range 10 {
				err := f.Call(context.Background(), request(""), &recorder{})
				if u := h.Usage(); u.Memory > u.Limit {
					t.Errorf("%d bytes of %d are used", u.Memory, u.Limit)
				}
				mu.Lock()
				outcomes[codeOf(err)]++
				mu.Unlock()
			}
		})
	}
	calls.Wait()
	if outcomes[fine] == 0 || outcomes[fine]+outcomes[function.CodeBusy] != 80 {
		t.Errorf("they ended %v", outcomes)
	}
	if u := h.Usage(); u.Memory > 12<<20 {
		t.Errorf("%d bytes stay with idle instances", u.Memory)
	}
}

func TestDepth(t *testing.T) {
	h, _ := newHost(t)
	f := load(t, h, "f", "kit", "")
	e := request("")
	e.Depth = function.MaxDepth
	call(t, f, e)
	e.Depth++
	callFails(t, f, e, function.CodeDepth)
}

// TestOperations: what there is not, what is beyond a budget, and what fails are
// values that the guest reads.
func TestOperations(t *testing.T) {
	var got *function.Call
	var head, body string
	h, written := newHost(t)
	operations := func(d *function.Definition) {
		d.Limits.Operations, d.Limits.Statements, d.Limits.Fetches = 3, 1, 1
		d.Operations = map[string]function.Operation{
			"note": {Do: func(_ context.Context, c *function.Call, h, b []byte) (function.Reply, error) {
				got, head, body = c, string(h), string(b)
				return function.Reply{Body: []byte("noted")}, nil
			}},
			"denied": {Do: func(context.Context, *function.Call, []byte, []byte) (function.Reply, error) {
				return function.Reply{}, fault.New("42501", "permission denied").WithHint("grant it").WithCause(errors.New("hidden cause"))
			}},
			"breaks": {Do: func(context.Context, *function.Call, []byte, []byte) (function.Reply, error) {
				return function.Reply{}, errors.New("hidden cause")
			}},
			"panics": {Do: func(context.Context, *function.Call, []byte, []byte) (function.Reply, error) {
				panic("hidden cause")
			}},
		}
	}
	f := load(t, h, "f", "kit", "operate", operations)
	set := function.NewSet(f)
	if text := call(t, f, request(`note {"a":1}`)).body.String(); text != "0{}noted" || head != `{"a":1}` || body != "AAAA" {
		t.Errorf("got %q; the operation %q and %q", text, head, body)
	}
	if got.Functions != set || got.Acting.Role != auth.Anon || got.Event.ID != "req-1" || got.Definition.Name != "f" {
		t.Errorf("the operation's call is %+v", got)
	}
	service := load(t, h, "service", "kit", "operate", operations, func(d *function.Definition) { d.Service = true })
	if call(t, service, request(`note {}`)); got.Acting.Role != auth.Service || got.Event.Caller.Role != auth.Anon {
		t.Errorf("it acts as %s", got.Acting.Role)
	}
	for body, want := range map[string]string{
		"none {}":   `1{"code":"function-operation","message":"there is no operation \"none\"","details":null,"hint":null}`,
		"denied {}": `1{"code":"42501","message":"permission denied","details":null,"hint":"grant it"}`,
		"breaks {}": `1{"code":"XX000","message":"something went wrong on the server","details":null,"hint":"the request id finds the cause in the server's log"}`,
	} {
		if text := call(t, f, request(body)).body.String(); text != want {
			t.Errorf("%s: got %s", body, text)
		}
	}
	_, err := callFails(t, f, request("panics {}"), function.CodeFailed)
	if text := fault.From(err); strings.Contains(text.Message+text.Details+text.Hint, "hidden") {
		t.Errorf("the caller is told %q", text.Message)
	}
	if strings.Count(written.String(), "hidden cause") < 3 {
		t.Errorf("log: %s", written)
	}
	call(t, f, request(`note {}`)) // the host has survived it
}

// TestSetCallsByName is what function.call uses.
func TestSetCallsByName(t *testing.T) {
	h, _ := newHost(t)
	set := function.NewSet(load(t, h, "a", "kit", "body"), load(t, h, "b", "kit", ""))
	r := &recorder{}
	if err := set.Call(context.Background(), "a", request("text"), r); err != nil || r.body.String() != "text" {
		t.Errorf("got %q, %v", r.body.String(), err)
	}
	if err := set.Call(context.Background(), "c", request(""), r); !fault.Is(err, function.CodeUnknown) {
		t.Errorf("got %v", err)
	}
	if err := set.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := set.Call(context.Background(), "a", request(""), r); !fault.Is(err, function.CodeBusy) {
		t.Errorf("a set that is closed gives %v", err)
	}
}

// TestCloseLetsCallsEnd: a reload makes a new set beside the old one, whose calls
// come to their end.
func TestCloseLetsCallsEnd(t *testing.T) {
	goroutines := runtime.NumGoroutine()
	entered, leave := make(chan struct{}, 10), make(chan struct{})
	h, _ := newHost(t)
	gated := func(d *function.Definition) {
		d.Operations = map[string]function.Operation{"gate": gate(entered, leave)}
		d.Limits.Instances = 1
		d.Limits.Timeout = 2 * time.Minute
	}
	old := load(t, h, "f", "kit", "operate", gated)
	results := make(chan error, 2)
	for range 2 { // one runs, one waits
		go func() { results <- old.Call(context.Background(), request("gate {}"), &recorder{}) }()
	}
	<-entered
	waitFor(t, "one waits", func() bool { return h.Usage().Waiting == 1 })
	soon, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := old.Close(soon); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("closing gave %v while a call runs", err)
	}
	next := load(t, h, "f", "kit", "operate", gated)
	call(t, next, request("none {}"))
	close(leave)
	for range 2 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if err := old.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if u := h.Usage(); u.Functions != 1 || u.Modules != 1 {
		t.Errorf("there are %+v", u)
	}
	waitFor(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= goroutines })
}

// TestLogLimit: a call's lines end at its limit, with a word about it.
func TestLogLimit(t *testing.T) {
	h, written := newHost(t)
	f := load(t, h, "f", "hostile", "loop_log", func(d *function.Definition) {
		d.Limits.Log, d.Limits.Timeout = 10_000, 5*time.Minute
	})
	more := func() int { return strings.Count(written.String(), "more than its limit") }
	for i := range 2 {
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- f.Call(ctx, request(""), &recorder{}) }()
		waitFor(t, "it has logged more than it may", func() bool { return more() > i })
		cancel()
		if err := <-ended; !fault.Is(err, function.CodeTimeout) {
			t.Errorf("got %v", err)
		}
	}
	if n := strings.Count(written.String(), "level=INFO"); n != 2*(10_000/1016) {
		t.Errorf("%d lines were logged", n)
	}
	if n := more(); n != 2 {
		t.Errorf("%d calls said that there was more", n)
	}
}

// TestMeterIsTold counts calls by how they ended.
func TestMeterIsTold(t *testing.T) {
	seen := &compiles{}
	h, _ := newHost(t, func(o *function.Options) { o.Meter = seen })
	call(t, load(t, h, "a", "kit", ""), request(""))
	callFails(t, load(t, h, "b", "kit", "fails"), request(""), function.CodeFailed)
	callFails(t, load(t, h, "c", "hostile", "loop", hostileLimits), request(""), function.CodeTimeout)
	if seen.calls["ok"] != 1 || seen.calls[function.CodeFailed] != 1 || seen.calls[function.CodeTimeout] != 1 || seen.cold != 2 {
		t.Errorf("it was told %v, and of %d compiled", seen.calls, seen.cold)
	}
}

func TestWarm(t *testing.T) {
	h, _ := newHost(t)
	f := load(t, h, "f", "kit", "")
	if err := f.Warm(context.Background()); err != nil {
		t.Fatal(err)
	}
	if u := h.Usage(); u.Idle != 1 || u.Running != 0 {
		t.Errorf("there are %+v", u)
	}
	broken := load(t, h, "broken", "start_trap", "")
	if err := broken.Warm(context.Background()); !fault.Is(err, function.CodeFailed) {
		t.Errorf("got %v", err)
	}
}

// TestMakingAnInstanceSeesNoCall: what runs before calls, and is what all begin
// with, sees nothing of the call that an instance is made for, and asks for
// nothing as its caller.
func TestMakingAnInstanceSeesNoCall(t *testing.T) {
	asked := false
	h, _ := newHost(t)
	f := load(t, h, "f", "init_reads", "", func(d *function.Definition) {
		d.Operations = map[string]function.Operation{"spy": {Do: func(context.Context, *function.Call, []byte, []byte) (function.Reply, error) {
			asked = true
			return function.Reply{}, nil
		}}}
	})
	for range 2 {
		if got := call(t, f, request("first secret")).body.String(); got != "\x00\x01............" {
			t.Errorf("making the instance saw %q", got)
		}
	}
	if asked {
		t.Error("an operation was carried out")
	}
}

// TestWhatFailedLeavesNoMemoryBehind: what functions begin with that have lost their
// instance gives way as well.
func TestWhatFailedLeavesNoMemoryBehind(t *testing.T) {
	h, _ := newHost(t, quiet, func(o *function.Options) { o.Memory = 512 << 10 })
	for i := range 200 {
		f := load(t, h, "f"+strconv.Itoa(i), "kit", "traps_after_flush")
		callFails(t, f, request(""), function.CodeFailed)
	}
	if u := h.Usage(); u.Memory > u.Limit {
		t.Errorf("there are %+v", u)
	}
}

// TestTakerPanics: who takes an answer and panics takes nothing along.
func TestTakerPanics(t *testing.T) {
	h, _ := newHost(t)
	f := load(t, h, "f", "kit", "body", one)
	for range 3 {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("it did not panic")
				}
			}()
			_ = f.Call(context.Background(), request("body"), panicking{})
		}()
	}
	if u := h.Usage(); u.Running != 0 || u.Idle != 0 {
		t.Errorf("there are %+v", u)
	}
	call(t, f, request("body"))
}

type panicking struct{ nowhere }

func (panicking) Write([]byte) (int, error) { panic("gone") }
