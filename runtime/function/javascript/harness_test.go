package javascript_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/edge-hive/edge-hive/runtime/function/javascript"
)

// compiled is the engine, once for all tests.
var compiled = sync.OnceValues(func() (*engine, error) {
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithMemoryLimitPages(1024))
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, r); err != nil {
		return nil, err
	}
	if err := javascript.Link(ctx, r); err != nil {
		return nil, err
	}
	m, err := r.CompileModule(ctx, javascript.Engine())
	return &engine{r, m}, err
})

type engine struct {
	runtime wazero.Runtime
	module  wazero.CompiledModule
}

// script is a script that is loaded, with the memory that its calls begin with.
type script struct {
	t        testing.TB
	module   api.Module
	instance *javascript.Instance
	memory   []byte
	pointer  uint64
}

func instantiate(t testing.TB) api.Module {
	t.Helper()
	e, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize").
		WithSysWalltime().WithSysNanotime()
	m, err := e.runtime.InstantiateModule(t.Context(), e.module, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close(context.Background()) })
	return m
}

func load(t testing.TB, code string) *script {
	t.Helper()
	s, err := tryLoad(t, &javascript.Script{Path: "functions/x.js", Code: []byte(code)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func loadFiles(t testing.TB, files map[string]string) (*script, error) {
	t.Helper()
	all := fstest.MapFS{}
	for name, text := range files {
		all[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return tryLoad(t, &javascript.Script{Path: "functions/x.js", Code: []byte(files["functions/x.js"]), Files: all})
}

func tryLoad(t testing.TB, source *javascript.Script) (*script, error) {
	t.Helper()
	m := instantiate(t)
	image, err := javascript.Prepare(t.Context(), m, source)
	if err != nil {
		return nil, err
	}
	s := &script{t: t, module: m, instance: image.Bind(m)}
	memory, _ := m.Memory().Read(0, m.Memory().Size())
	s.memory = append(s.memory, memory...)
	s.pointer = m.ExportedGlobal("__stack_pointer").Get()
	return s, nil
}

// reset makes the instance what it was before the call.
func (s *script) reset() {
	memory, _ := s.module.Memory().Read(0, s.module.Memory().Size())
	clear(memory[copy(memory, s.memory):])
	s.module.ExportedGlobal("__stack_pointer").(api.MutableGlobal).Set(s.pointer)
}

// call runs the handler, in a state of its own.
func (s *script) call(h *host) error {
	defer s.reset()
	return s.instance.Call(s.t.Context(), h)
}

// get answers a GET request.
func (s *script) get() *host {
	s.t.Helper()
	return s.send(`{"kind":"request","id":"r1","function":"x","request":{"method":"GET","path":"/"}}`, nil)
}

// send runs the handler for an event, which must succeed.
func (s *script) send(event string, body []byte) *host {
	s.t.Helper()
	h := &host{event: event, body: body}
	if err := s.call(h); err != nil {
		s.t.Fatalf("%v; log: %q", err, h.logged)
	}
	return h
}

// fails runs the handler for a GET request, which must fail.
func (s *script) fails() (*javascript.Failure, *host) {
	s.t.Helper()
	h := &host{event: `{"kind":"request","request":{"method":"GET","path":"/"}}`}
	err := s.call(h)
	var f *javascript.Failure
	if !errors.As(err, &f) {
		s.t.Fatalf("it gave %v, not a failure of the script; answer %q", err, h.answer())
	}
	return f, h
}

// expression gives what an expression is, in a call.
func expression(t *testing.T, code string) string {
	t.Helper()
	return load(t, "export default async () => {"+code+"}").get().answer()
}

// host is what a call may ask, and keeps what it was told.
type host struct {
	event      string
	body       []byte
	head       string
	written    []string
	flushes    int
	logged     []string
	asked      []string
	operations map[string]func(head string, body []byte) (string, []byte, bool)
	refuse     error // of writes
}

func (h *host) Event() []byte { return []byte(h.event) }
func (h *host) Body() []byte  { return h.body }
func (h *host) Head(head []byte) error {
	h.head = string(head)
	if strings.Contains(h.head, "refuse-me") {
		return errors.New("such a header cannot be sent")
	}
	return nil
}

func (h *host) Write(p []byte) error {
	if h.refuse != nil {
		return h.refuse
	}
	h.written = append(h.written, string(p))
	return nil
}

func (h *host) Flush() error {
	h.flushes++
	return nil
}

func (h *host) Operate(_ context.Context, operation string, head, body []byte) ([]byte, []byte, bool) {
	h.asked = append(h.asked, fmt.Sprintf("%s %s %s", operation, head, body))
	do := h.operations[operation]
	if do == nil {
		return []byte(`{"code":"function-operation","message":"no such operation","details":null,"hint":null}`), nil, false
	}
	reply, rest, ok := do(string(head), body)
	return []byte(reply), rest, ok
}

func (h *host) Log(level int, text string) {
	h.logged = append(h.logged, fmt.Sprintf("%d %s", level, text))
}

func (h *host) answer() string { return strings.Join(h.written, "") }

func (h *host) status(t *testing.T) (status int, headers map[string][]string) {
	t.Helper()
	var head struct {
		Status  int
		Headers map[string][]string
	}
	if err := json.Unmarshal([]byte(h.head), &head); err != nil {
		t.Fatalf("head %q: %v", h.head, err)
	}
	return head.Status, head.Headers
}
