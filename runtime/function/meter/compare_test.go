package meter_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/edge-hive/edge-hive/runtime/function/meter"
)

// trace is all that can be seen of a module that was run: what each export gave,
// what the host was asked, what memory and globals are in the end.
type trace struct {
	lines   []string
	endless bool // it had to be stopped
}

func (t *trace) note(format string, args ...any) {
	t.lines = append(t.lines, fmt.Sprintf(format, args...))
}

// observe runs a module: its start, then each exported function with the same
// numbers. A module that is not metered is stopped by the runtime.
func observe(code []byte, m *meter.Module, metered bool, most time.Duration) (*trace, error) {
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	config := wazero.NewRuntimeConfigCompiler().WithMemoryLimitPages(300).WithCloseOnContextDone(!metered)
	rt := wazero.NewRuntimeWithConfig(context.Background(), config)
	defer func() { _ = rt.Close(context.Background()) }()
	compiled, err := rt.CompileModule(ctx, code)
	if err != nil {
		return nil, err
	}
	t := &trace{}
	h := &host{until: time.Now().Add(most)}
	if err := offerTraced(rt, m, t, h); err != nil {
		return nil, err
	}
	instance, err := rt.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		t.outcome(ctx, "start", nil, err)
		return t, nil
	}
	for _, e := range m.Exports {
		switch e.Kind {
		case meter.KindFunction:
			f := instance.ExportedFunction(e.Name)
			stack := make([]uint64, max(width(e.Type.Params), width(e.Type.Results)))
			for i := range width(e.Type.Params) {
				stack[i] = uint64(i)*7 + 1
			}
			for i, v := range e.Type.Params {
				if v == meter.Funcref || v == meter.Externref {
					stack[width(e.Type.Params[:i])] = 0
				}
			}
			err := f.CallWithStack(ctx, stack)
			t.outcome(ctx, e.Name, plainly(stack[:width(e.Type.Results)], e.Type.Results), err)
			if t.endless {
				return t, nil
			}
		case meter.KindMemory:
			sum := fnv.New64()
			all, _ := instance.ExportedMemory(e.Name).Read(0, instance.ExportedMemory(e.Name).Size())
			_, _ = sum.Write(all)
			t.note("%s: %d bytes, %x", e.Name, len(all), sum.Sum64())
		case meter.KindGlobal:
			g := instance.ExportedGlobal(e.Name)
			if g.Type() != api.ValueType(meter.Funcref) {
				t.note("%s: %d", e.Name, g.Get())
			}
		}
	}
	return t, nil
}

// width is how many numbers of 64 bits values take.
func width(types []meter.ValueType) int {
	n := 0
	for _, v := range types {
		n++
		if v == meter.V128 {
			n++
		}
	}
	return n
}

// plainly gives values without what lies beside those of 32 bits.
func plainly(stack []uint64, types []meter.ValueType) []uint64 {
	at := 0
	for _, v := range types {
		if v == meter.I32 || v == meter.F32 {
			stack[at] = uint64(uint32(stack[at]))
		}
		at += width([]meter.ValueType{v})
	}
	return stack
}

var numbered = regexp.MustCompile(`function\[\d+\]( export\["[^"]*"\])?`)

// outcome notes what a call gave, or why it did not: the first line of it, without
// the stack.
func (t *trace) outcome(ctx context.Context, name string, results []uint64, err error) {
	if err == nil {
		t.note("%s: %d", name, results)
		return
	}
	why, _, _ := strings.Cut(err.Error(), "\n")
	why = numbered.ReplaceAllString(why, "function") // one more is imported
	for _, stopped := range []string{errStopped.Error(), errDeep.Error(), "stack overflow", "exit_code"} {
		if strings.Contains(why, stopped) || ctx.Err() != nil {
			t.endless = true
		}
	}
	t.note("%s: %s", name, strings.TrimSuffix(why, " (recovered by wazero)"))
}

func offerTraced(rt wazero.Runtime, m *meter.Module, t *trace, h *host) error {
	builders := map[string]wazero.HostModuleBuilder{}
	for _, i := range m.Imports {
		if builders[i.Module] == nil {
			builders[i.Module] = rt.NewHostModuleBuilder(i.Module)
		}
		params := width(i.Type.Params)
		builders[i.Module].NewFunctionBuilder().WithGoFunction(api.GoFunc(func(_ context.Context, stack []uint64) {
			if len(t.lines) < 1000 {
				t.note("asked %s %x", i.Name, plainly(stack[:params], i.Type.Params))
			}
			clear(stack)
		}), types(i.Type.Params), types(i.Type.Results)).Export(i.Name)
	}
	for _, b := range builders {
		if _, err := b.Instantiate(context.Background()); err != nil {
			return err
		}
	}
	_, err := rt.NewHostModuleBuilder(meter.HostModule).NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(h.tick), nil, nil).Export(meter.Tick).Instantiate(context.Background())
	return err
}

// compared rewrites a module and runs it before and after. It gives what is wrong,
// "" where nothing is, and how the module ended, if it did before most was over.
func compared(code []byte, most time.Duration) (wrong, ended string) {
	r, err := meter.Rewrite(code, meter.Options{MemoryPages: 299})
	if err != nil {
		var refused *meter.Error
		if errors.As(err, &refused) && refused.Reason == meter.Malformed && compiles(code) == nil {
			return "wazero takes it: " + err.Error(), ""
		}
		return "", "refused: " + err.Error()
	}
	if bareErr := compiles(code); bareErr != nil {
		if compiles(r.Code) == nil {
			return "wazero takes it only rewritten: " + bareErr.Error(), ""
		}
		return "", "refused by wazero: " + bareErr.Error()
	}
	before, err := observe(code, r.Module, false, most)
	if err != nil {
		return "", "its imports cannot be offered: " + err.Error()
	}
	after, err := observe(r.Code, r.Module, true, most)
	if err != nil {
		return "rewritten it is refused: " + err.Error(), ""
	}
	if before.endless || after.endless {
		return "", "endless"
	}
	if b, a := strings.Join(before.lines, "\n"), strings.Join(after.lines, "\n"); a != b {
		return fmt.Sprintf("before:\n%s\nafter:\n%s", b, a), ""
	}
	return "", ran
}

// ran is how a module ended that was compared as a whole.
const ran = "ran"

func compiles(code []byte) error {
	rt := wazero.NewRuntimeWithConfig(context.Background(), wazero.NewRuntimeConfigCompiler().WithMemoryLimitPages(300))
	defer func() { _ = rt.Close(context.Background()) }()
	_, err := rt.CompileModule(context.Background(), code)
	return err
}

// enough is for modules that come to an end, on any machine.
const enough = 2 * time.Minute

func mustCompare(t *testing.T, code []byte) {
	t.Helper()
	wrong, ended := compared(code, enough)
	if wrong != "" {
		t.Error(wrong)
	} else if ended != ran {
		t.Errorf("it did not run to its end: %s", ended)
	}
}
