package function_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function"
)

// TestInspect: what is wrong with a module is said without running it, and Load
// says the same.
func TestInspect(t *testing.T) {
	h, _ := newHost(t)
	component := []byte("\x00asm\x0d\x00\x01\x00")
	for _, c := range []struct {
		name, entry string
		code        []byte
		convention  function.Convention
		want        []string // of each fault
	}{
		{"kit", "", wasm(t, "kit"), function.Kit, nil},
		{"kit", "echo", wasm(t, "kit"), function.Kit, nil},
		{"kit", "none", wasm(t, "kit"), function.Kit, []string{`exports no function "none"; it could be one of`}},
		{"kit", "_initialize", wasm(t, "kit"), function.Kit, []string{`has the type () -> (); it must be () -> i32`}},
		{"hostile", "", wasm(t, "hostile"), "", []string{"exports nothing that could be called"}},
		{"extism", "", wasm(t, "extism"), function.Extism, []string{"say which in entry"}},
		{"command", "", wasm(t, "command"), function.Command, nil},
		{"foreign", "", wasm(t, "foreign"), function.Kit, []string{
			`imports "system" from "env"`, `imports "time" from "edgehive:host" as () -> i32; it is () -> i64`, `must be () -> i32`,
		}},
		{"forged_meter", "", wasm(t, "forged_meter"), "", []string{"which is the host's own"}},
		{"nothing", "", wasm(t, "nothing"), "", []string{"exports nothing that could be called"}},
		{"memory_huge", "", wasm(t, "memory_huge"), function.Kit, []string{"begins with"}},
		{"component", "", component, "", []string{"component"}},
		{"text", "", []byte("(module)"), "", []string{"cannot be loaded"}},
		{"empty", "", nil, "", []string{"cannot be loaded"}},
		{"large", "", make([]byte, 20<<20+1), "", []string{"at most 20 MiB"}},
	} {
		convention, faults := function.Inspect(c.code, c.name+".wasm", c.entry, 16<<20)
		if convention != c.convention {
			t.Errorf("%s: it is called as %q", c.name, convention)
		}
		var said []string
		for _, f := range faults {
			if f.Code != function.CodeModule {
				t.Errorf("%s: code %s", c.name, f.Code)
			}
			said = append(said, fmt.Sprintf("%s; %s; %s", f.Message, f.Details, f.Hint))
		}
		if len(said) != len(c.want) {
			t.Errorf("%s %s: got %q", c.name, c.entry, said)
			continue
		}
		for i, want := range c.want {
			if !strings.Contains(strings.ReplaceAll(said[i], "; ; ", "; "), want) {
				t.Errorf("%s: got %q, want %q", c.name, said[i], want)
			}
		}
		f, err := h.Load(context.Background(), function.Definition{Name: "f", Code: c.code, Path: c.name + ".wasm", Entry: c.entry, Limits: defaultLimits()})
		if (err != nil) != (len(c.want) > 0) || err != nil && !fault.Is(err, function.CodeModule) {
			t.Errorf("%s: loading it gave %v", c.name, err)
		}
		if f != nil {
			_ = f.Close(context.Background())
		}
	}
	if convention, faults := function.Inspect([]byte("export default 1"), "a/b.js", "", 0); convention != function.JavaScript || len(faults) > 0 {
		t.Errorf("a script is %q, %v", convention, faults)
	}
}
