package javascript

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tetratelabs/wazero/api"
)

// stackSize is how much of its stack a script may use before the engine throws a
// RangeError. The build has 1 MiB, of which the engine wants half for itself.
const stackSize = 512 << 10

// collectThreshold is how much a call may allocate before cycles are collected:
// most calls are over by then, and what they leave behind goes with them.
const collectThreshold = 4 << 20

// Image is where a script's things are in the memory of an instance that it was
// loaded into, and of each instance that begins as a copy of that memory.
type Image struct {
	script           *Script
	context, scratch uint32
	dispatch, timers uint32
	describe         uint32
}

// Opened is where the prelude's things are in the memory of an instance of the
// engine that no script was loaded into yet, and of each instance that begins as a
// copy of that memory. Scripts have it in common.
type Opened struct {
	image Image
	adopt uint32
}

// Open makes an instance of the engine, whose _initialize has run, ready for a
// script.
func Open(ctx context.Context, module api.Module) (*Opened, error) {
	g := &guest{module: module, memory: module.Memory()}
	s := &session{guest: g, script: &Script{}}
	o := &Opened{}
	ctx = context.WithValue(ctx, sessionKey{}, s)
	if err := enter(func() { o.image.open(ctx, s) }); err != nil {
		return nil, fmt.Errorf("load the prelude: %w", err)
	}
	o.adopt = s.adopt
	return o, nil
}

// Prepare loads a script into an instance of the engine whose _initialize has
// run. What the instance's memory and globals are after it is what every call
// begins with. The error is a *LoadError where the script is at fault.
func Prepare(ctx context.Context, module api.Module, script *Script) (*Image, error) {
	if err := script.check(); err != nil {
		return nil, err
	}
	opened, err := Open(ctx, module)
	switch {
	case errors.Is(err, errMemory):
		return nil, &LoadError{Path: script.Path, Message: errMemory.Error(), cause: err}
	case err != nil:
		return nil, fmt.Errorf("load %s: %w", script.Path, err)
	}
	return opened.Prepare(ctx, module, script)
}

// Prepare is the function of this name, for an instance that was opened.
func (o *Opened) Prepare(ctx context.Context, module api.Module, script *Script) (*Image, error) {
	if err := script.check(); err != nil {
		return nil, err
	}
	image := o.image
	image.script = script
	g := &guest{module: module, memory: module.Memory(), context: image.context, scratch: image.scratch}
	s := &session{guest: g, script: script, adopt: o.adopt}
	ctx = context.WithValue(ctx, sessionKey{}, s)
	var failure *LoadError
	err := enter(func() {
		if limit := script.MemoryLimit; limit > 0 {
			g.call(ctx, exportMemoryLimit, uint64(min(limit, 1<<32-1)))
		}
		failure = image.load(ctx, s)
	})
	switch {
	case failure != nil:
		return nil, failure
	case errors.Is(err, errMemory):
		return nil, &LoadError{Path: script.Path, Message: errMemory.Error(), cause: err}
	case err != nil:
		return nil, fmt.Errorf("load %s: %w", script.Path, err)
	}
	script.mu.Lock()
	script.loaded = true
	script.mu.Unlock()
	return &image, nil
}

// check refuses what need not be tried.
func (s *Script) check() error {
	say := func(what string) error { return &LoadError{Path: s.Path, Message: what} }
	switch ext := path.Ext(s.Path); {
	case ext == ".ts" || ext == ".mts" || ext == ".tsx" || ext == ".jsx":
		return say("TypeScript and JSX are not run as they are: build them to JavaScript first, with " +
			"`esbuild --bundle --format=esm --external:edgehive` for one, or write AssemblyScript and build a module")
	case len(s.Code) > maxBytes:
		return say(fmt.Sprintf("a function and what it imports have at most %d bytes", maxBytes))
	case !utf8.Valid(s.Code):
		return say("it is no UTF-8")
	case strings.HasPrefix(s.Path, internal) || s.Path == kit || strings.ContainsRune(s.Path, 0):
		return say("a script cannot have this name")
	}
	return nil
}

// open makes the engine and runs the prelude.
func (i *Image) open(ctx context.Context, s *session) {
	g := s.guest
	if g.call(ctx, exportInitialize) != 0 {
		panic(broken{errMemory})
	}
	g.call(ctx, exportMaxStack, stackSize)
	g.call(ctx, exportRejections, 1)
	g.call(ctx, exportModules, 1)
	g.context = g.pointer(ctx, exportContext)
	g.scratch = g.pointer(ctx, exportAllocate, scratchSize)
	i.context, i.scratch = g.context, g.scratch

	global := g.pointer(ctx, exportGlobal)
	host := g.pointer(ctx, exportObject)
	names := make([]string, 0, len(hostFunctions))
	for name := range hostFunctions {
		names = append(names, name)
	}
	slices.Sort(names) // so that two instances come out the same
	for _, name := range names {
		var f uint32
		g.text(ctx, []byte(name), func(address, size uint64) {
			f = g.pointer(ctx, exportHostFunction, address, size, 0)
		})
		g.setProperty(ctx, host, name, f)
		g.free(ctx, f)
	}
	// The prelude takes this away again, and leaves its own functions in it.
	g.setProperty(ctx, global, "__edgehive", host)
	code, err := prelude.ReadFile("prelude/main.js")
	if err != nil {
		fail("read the prelude: %w", err)
	}
	result, failure := i.evaluate(ctx, s, code, internal+"main.js")
	if failure != nil {
		fail("the prelude does not load: %s\n%s", failure.Message, failure.Stack)
	}
	g.free(ctx, result)
	if err := i.settle(ctx, s, false); err != nil {
		fail("the prelude does not load: %w", err)
	}
	i.dispatch = g.property(ctx, host, "dispatch")
	i.timers = g.property(ctx, host, "timers")
	i.describe = g.property(ctx, host, "describe")
	s.adopt = g.property(ctx, host, "adopt")
	g.free(ctx, global)
	g.free(ctx, host)
}

// load evaluates the script. Its faults are given back; what is no fault of its
// own is a panic.
func (i *Image) load(ctx context.Context, s *session) *LoadError {
	g := s.guest
	code := s.script.Code
	if rest, ok := strings.CutPrefix(string(code), "\ufeff"); ok {
		code = []byte(rest)
	}
	promise, failure := i.evaluate(ctx, s, code, s.script.Path)
	if failure != nil {
		return loadError(s.script, failure)
	}
	s.done, s.failure = false, nil
	result, ok := g.apply(ctx, s.adopt, promise)
	if !ok {
		return loadError(s.script, i.failure(ctx, s, result))
	}
	g.free(ctx, result)
	g.free(ctx, promise)
	if err := i.settle(ctx, s, true); err != nil {
		if errors.Is(err, errUnsettled) {
			err = &Failure{Message: "an await at the top of the script never ended"}
		}
		var f *Failure
		if errors.As(err, &f) {
			return loadError(s.script, f)
		}
		panic(broken{err})
	}
	for _, r := range s.rejected {
		return loadError(s.script, i.failure(ctx, s, r.reason))
	}
	g.free(ctx, s.adopt)
	g.call(ctx, exportCollect)
	g.call(ctx, exportCollectThreshold, collectThreshold)
	return nil
}

// moduleCode is the flag of evaluate that says that the code is a module.
const moduleCode = 1

// evaluate runs a module, up to its first await. It gives the box of its promise.
func (i *Image) evaluate(ctx context.Context, s *session, code []byte, name string) (promise uint32, failure *Failure) {
	g := s.guest
	text := g.newZeroed(ctx, code)
	file := g.newZeroed(ctx, []byte(name))
	promise = g.pointer(ctx, exportEvaluate, uint64(text), uint64(len(code)), uint64(file), moduleCode)
	g.call(ctx, exportFree, uint64(text))
	g.call(ctx, exportFree, uint64(file))
	if g.call(ctx, exportIsException, uint64(promise)) == 0 {
		return promise, nil
	}
	g.free(ctx, promise)
	return 0, i.failure(ctx, s, g.pointer(ctx, exportException))
}

// failure describes an exception, and frees its box.
func (i *Image) failure(ctx context.Context, s *session, exception uint32) *Failure {
	g := s.guest
	defer g.free(ctx, exception)
	if i.describe == 0 {
		return &Failure{Message: g.string(ctx, exception)}
	}
	before := s.failure
	result, ok := g.apply(ctx, i.describe, exception)
	g.free(ctx, result)
	f := s.failure
	s.failure = before
	if !ok || f == nil {
		return &Failure{Message: "an exception that cannot be described"}
	}
	return f
}

var errUnsettled = errors.New("the handler's promise never settled")

// settle runs what waits until all is done. Without must, it is enough that
// nothing is left to do.
func (i *Image) settle(ctx context.Context, s *session, must bool) error {
	g := s.guest
	for {
		for {
			n := int32(g.call(ctx, exportRunJob))
			if n == 0 {
				break
			}
			if n < 0 {
				return i.failure(ctx, s, g.pointer(ctx, exportException))
			}
		}
		if s.done || !must {
			break
		}
		if s.wait.IsZero() {
			return errUnsettled
		}
		if err := sleep(ctx, s.wait); err != nil {
			return err
		}
		s.wait = time.Time{}
		result, ok := g.apply(ctx, i.timers)
		if !ok {
			return i.failure(ctx, s, result)
		}
		g.free(ctx, result)
	}
	if s.failure != nil {
		return s.failure
	}
	return nil
}

// sleep waits until a time, or until ctx ends.
func sleep(ctx context.Context, until time.Time) error {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
