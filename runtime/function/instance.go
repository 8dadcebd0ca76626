package function

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/edge-hive/edge-hive/runtime/function/javascript"
	"github.com/edge-hive/edge-hive/runtime/function/meter"
)

// instance is a module with a memory of its own. One call at a time is in it.
type instance struct {
	function *Function
	module   api.Module
	memory   *linear
	entry    api.Function
	// stack is the machine stack of entry, which wazero keeps as large as a call
	// has made it.
	stack   reflect.Value
	charged int64 // what is charged beside the memory
	fuel    api.MutableGlobal
	depth   api.MutableGlobal
	globals []api.MutableGlobal // that a call may change
	// from is what a call begins with; nil where the state cannot be set back.
	from    *snapshot
	script  *javascript.Instance // nil for modules
	answer  answer
	idle    int64 // since when
	running running
	results [1]uint64
}

const (
	// fuel is what a guest may do until its host looks whether it shall end: well
	// under a millisecond.
	fuel = 100_000
	// overhead is what an instance is charged for beside its memory.
	overhead = 32 << 10
	// roomyStack is what a machine stack may have grown to and be kept.
	roomyStack = 128 << 10
)

// initialTime is what making an instance may take, where calls have less.
var initialTime = 5 * time.Second

var moduleConfig = wazero.NewModuleConfig().WithName("").WithStartFunctions()

// instantiate makes an instance. The room for what it begins with is charged
// already; it is given back where this fails.
func (f *Function) instantiate(ctx context.Context, until time.Time) (made *instance, err error) {
	size := f.initialSize()
	reserved, err := reserveMemory(f.memoryLimit)
	if err != nil {
		f.host.budget.release(size + overhead)
		return nil, err
	}
	in := &instance{function: f, charged: overhead}
	in.memory = &linear{budget: &f.host.budget, limit: f.memoryLimit, reserved: reserved, size: uint64(size), charge: in.chargeMemory}
	in.running.begin(ctx, in, nil, nil, until)
	defer func() {
		// A module whose data does not fit its memory makes wazero panic or fail;
		// either way the memory is not its any more.
		if r := recover(); r != nil {
			err = fmt.Errorf("make an instance: %v", r)
		}
		if err != nil {
			in.close(ctx)
		}
		in.running.finish()
	}()
	in.module, err = f.host.runtime.InstantiateModule(experimental.WithMemoryAllocator(&in.running, in.memory), f.module.compiled, moduleConfig)
	if err != nil {
		return nil, in.running.failed(err)
	}
	in.bind()
	return in, nil
}

// bind finds the exports that are needed for each call.
func (in *instance) bind() {
	in.bindMeter(in.module)
	for _, name := range in.function.module.globals {
		if g, ok := in.module.ExportedGlobal(name).(api.MutableGlobal); ok {
			in.globals = append(in.globals, g)
		}
	}
	in.renew()
}

// bindMeter finds what the meter counts with. What it rewrote has both.
func (in *instance) bindMeter(m api.Module) {
	in.fuel = m.ExportedGlobal(meter.Fuel).(api.MutableGlobal)
	in.depth = m.ExportedGlobal(meter.Depth).(api.MutableGlobal)
}

// renew gets the function that is called, with a small machine stack.
func (in *instance) renew() {
	if in.script != nil {
		in.script.Renew()
		return
	}
	if in.function.entry == "" {
		return
	}
	in.entry = in.module.ExportedFunction(in.function.entry)
	in.stack = reflect.Value{}
	if v := reflect.ValueOf(in.entry); v.Kind() == reflect.Pointer && v.Elem().Kind() == reflect.Struct {
		if s := v.Elem().FieldByName("stack"); s.IsValid() && s.Kind() == reflect.Slice {
			in.stack = s
		}
	}
}

// machineStack is how long wazero's stack of the entry, or of a script, is, in bytes.
func (in *instance) machineStack() int {
	if in.script != nil {
		return in.script.MachineStack()
	}
	if !in.stack.IsValid() {
		return 0
	}
	return in.stack.Len()
}

// chargeMemory takes room for a memory that grows. Where none comes free in time,
// the call ends.
func (in *instance) chargeMemory(n int64) {
	r := &in.running
	if !in.function.host.budget.acquire(r.context(), n, true, r.deadline) {
		r.end(errNoRoom)
	}
}

// initialize runs what a module wants to run before calls, and keeps what it is
// then.
func (in *instance) initialize(ctx context.Context, until time.Time) error {
	f := in.function
	in.running.begin(ctx, in, nil, nil, until)
	defer in.running.finish()
	in.refuel()
	begin := in.runInitializer
	if f.script != nil {
		begin = func() error { return f.prepareScript(ctx, in, until) }
	}
	if err := begin(); err != nil {
		return in.running.failed(err)
	}
	return nil
}

func (in *instance) runInitializer() error {
	if in.function.initializer == "" {
		return nil
	}
	_, err := in.module.ExportedFunction(in.function.initializer).Call(&in.running)
	var ended *ending
	if errors.As(err, &ended) && ended.exit != nil && *ended.exit == 0 {
		return nil
	}
	return err
}

// refuel lets the guest begin.
func (in *instance) refuel() {
	if in.fuel != nil {
		in.fuel.Set(fuel)
	}
	if in.depth != nil {
		in.depth.Set(uint64(in.function.stack()))
	}
}

// keep takes a snapshot of the instance.
func (in *instance) keep() *snapshot {
	s := &snapshot{}
	s.take(in.memory.reserved[:in.memory.size])
	for _, g := range in.globals {
		s.globals = append(s.globals, g.Get())
	}
	return s
}

// reset makes the instance what its snapshot says. false is that it cannot be.
func (in *instance) reset() bool {
	s, l := in.from, in.memory
	if s == nil {
		return false
	}
	if l.size > s.size {
		grown := l.size
		l.shrinking, l.shrunk = true, s.size
		if _, ok := in.module.Memory().Grow(1); !ok || l.size != s.size {
			return false
		}
		l.wipe(s.size, grown)
		l.budget.release(int64(grown - s.size))
	}
	s.put(l.reserved[:s.size])
	for i, g := range in.globals {
		g.Set(s.globals[i])
	}
	in.refuel()
	l.refused = false
	if in.machineStack() > in.function.roomyStack() {
		in.renew()
	}
	least := int64(overhead)
	if n := in.machineStack(); n > roomyStack {
		least += int64(n) // it is kept
	}
	if in.charged > least {
		l.budget.release(in.charged - least)
		in.charged = least
	}
	return true
}

// adopt makes a new instance what another one's snapshot says.
func (in *instance) adopt(ctx context.Context, s *snapshot, until time.Time) error {
	l := in.memory
	if more := int64(s.size) - int64(l.size); more > 0 {
		if !l.budget.acquire(ctx, more, false, until) {
			return errNoRoom
		}
		charge := l.charge
		l.charge = nil
		_, ok := in.module.Memory().Grow(uint32(more / pageSize))
		l.charge = charge
		if !ok {
			l.budget.release(more)
			return errors.New("the memory of an instance cannot be made as long as its snapshot's")
		}
	}
	in.from = s
	if !in.reset() {
		return errors.New("an instance cannot be made what its snapshot says")
	}
	return nil
}

// close drops the instance. Nothing runs in it.
func (in *instance) close(ctx context.Context) {
	if in.module != nil {
		_ = in.module.Close(ctx) // frees the memory; it has nothing else to fail at
	}
	in.memory.Free()
	in.function.host.budget.release(in.charged)
	in.charged = 0
}
