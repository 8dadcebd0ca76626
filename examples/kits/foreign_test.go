package kits_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/examples/internal/backend"
	"github.com/edge-hive/edge-hive/examples/internal/guest"
	"github.com/edge-hive/edge-hive/runtime/function"
)

// TestExtism runs examples of Extism's published kits, as they are.
func TestExtism(t *testing.T) {
	t.Run("assemblyscript", func(t *testing.T) {
		t.Parallel()
		counted(t, extismAssemblyScript(t), `{"count": 3, "config": "set", "a": "this is var a"}`)
	})
	t.Run("go", func(t *testing.T) {
		t.Parallel()
		code := extismGo(t)
		counted(t, code, `{"count": 3, "config": "set", "a": "this is var a"}`)
		typed(t, code)
	})
}

func extismAssemblyScript(t *testing.T) []byte {
	t.Helper()
	npm := filepath.Join(backend.Root(t), guest.Packages, "node_modules")
	published := filepath.Join(npm, "@extism", "as-pdk")
	if _, err := os.Stat(published); err != nil {
		if os.Getenv("EDGEHIVE_REQUIRE_ALL") != "" {
			t.Fatal(err)
		}
		t.Skip("run: make guests")
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(published)); err != nil {
		t.Fatal(err)
	}
	// What the package's own script runs.
	guest.Run(t, dir, nil, "node", filepath.Join(npm, "assemblyscript", "bin", "asc.js"), "example.ts", "--outFile", "example.wasm", "--use", "abort=example/myAbort")
	return read(t, dir, "example.wasm")
}

func extismGo(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "extism-go"))); err != nil {
		t.Fatal(err)
	}
	env := []string{"GOOS=wasip1", "GOARCH=wasm", "GOWORK=off", "GOFLAGS="}
	guest.Run(t, dir, env, "go", "mod", "download")
	list := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/extism/go-pdk")
	list.Dir, list.Env = dir, append(os.Environ(), env...)
	published, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	example := read(t, strings.TrimSpace(string(published)), filepath.Join("example", "countvowels", "tiny_main.go"))
	if err := os.WriteFile(filepath.Join(dir, "tiny_main.go"), example, 0o600); err != nil {
		t.Fatal(err)
	}
	guest.Run(t, dir, env, "go", "build", "-buildmode=c-shared", "-o", "example.wasm", ".")
	return read(t, dir, "example.wasm")
}

func read(t testing.TB, dir, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// foreign loads a module that was written with another kit, or with none.
func foreign(t *testing.T, code []byte, entry string) (*function.Function, *logged) {
	t.Helper()
	host, said := newHost(t)
	return loadInto(t, host, function.Definition{
		Name: "foreign", Code: code, Path: "example.wasm", Entry: entry, Config: map[string]string{"thing": "set"},
		Operations: newWorld().operations(), Limits: limits(64<<20, longest),
	}), said
}

// counted has the vowels of a text counted, twice: a variable is kept, all else begins
// anew.
func counted(t *testing.T, code []byte, want string) {
	t.Helper()
	f, said := foreign(t, code, "count_vowels")
	for range 2 {
		a, err := call(t.Context(), f, request("/", ""), []byte("hello world"))
		if err != nil {
			t.Fatalf("%v\n%s", err, said.text())
		}
		same(t, a.body.Bytes(), want)
	}
}

// typed calls the others of the example's functions: JSON in and out, and an error.
func typed(t *testing.T, code []byte) {
	t.Helper()
	for entry, want := range map[string]string{
		"count_vowels_typed":              "some ü",
		"count_vowels_json_output":        `{"count":42,"total":21000000,"vowels":"aAeEiIoOuUyY"}`,
		"count_vowels_roundtrip_json_mem": "JSON roundtrip: a === b",
	} {
		f, said := foreign(t, code, entry)
		a, err := call(t.Context(), f, request("/", ""), []byte(`{"input": "some ü"}`))
		if err != nil || strings.TrimSpace(a.body.String()) != want {
			t.Errorf("%s: %q, %v\n%s", entry, a.body.String(), err, said.text())
		}
	}
	f, said := foreign(t, code, "count_vowels_typed")
	if _, err := call(t.Context(), f, request("/", ""), []byte(`{`)); codeOf(err) != function.CodeFailed {
		t.Errorf("what is no JSON gives %v", err)
	}
	if !strings.Contains(said.text(), "unexpected end of JSON input") {
		t.Errorf("the log does not say why:\n%s", said.text())
	}
}

// TestPrograms runs programs that know nothing of this host.
func TestPrograms(t *testing.T) {
	dir := filepath.Join(backend.Root(t), "examples", "kits", "programs")
	for language, build := range map[string]func(t *testing.T, to string){
		"c": func(t *testing.T, to string) {
			guest.Run(t, dir, nil, backend.Program(t, "clang"), "--target=wasm32-wasi", "-O2", "-o", to, "c/shout.c")
		},
		"go": func(t *testing.T, to string) {
			guest.Run(t, dir, []string{"GOOS=wasip1", "GOARCH=wasm"}, "go", "build", "-o", to, "go/shout.go")
		},
		"rust": func(t *testing.T, to string) {
			rustc, target := rust(t)
			guest.Run(t, dir, nil, rustc, "--target", target, "-O", "-C", "strip=debuginfo", "-o", to, "rust/shout.rs")
		},
	} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "shout.wasm")
			build(t, file)
			shout(t, read(t, filepath.Dir(file), "shout.wasm"))
		})
	}
}

// rust finds a compiler that has a target for WASI.
func rust(t *testing.T) (rustc, target string) {
	t.Helper()
	for _, rustc := range []string{"rustc", "/usr/bin/rustc"} {
		for _, target := range []string{"wasm32-wasip1", "wasm32-wasi"} {
			libraries, err := exec.Command(rustc, "--print", "target-libdir", "--target", target).Output()
			if err != nil {
				continue
			}
			if _, err := os.Stat(strings.TrimSpace(string(libraries))); err == nil {
				return rustc, target
			}
		}
	}
	if os.Getenv("EDGEHIVE_REQUIRE_ALL") != "" {
		t.Fatal("needs a Rust compiler with a target for WASI")
	}
	t.Skip("needs a Rust compiler with a target for WASI")
	return "", ""
}

func shout(t *testing.T, code []byte) {
	t.Helper()
	f, said := foreign(t, code, "")
	t.Logf("the module has %d KB", len(code)/1000)
	for range 2 {
		a, err := call(t.Context(), f, request("/loud", "x=1"), []byte("hello"))
		if err != nil {
			t.Fatalf("%v\n%s", err, said.text())
		}
		if a.status != http.StatusCreated || a.header.Get("X-Path") != "/loud" || a.header.Get("Content-Type") != "text/plain" ||
			a.body.String() != "POST x=1: HELLO" {
			t.Errorf("%d %v %q", a.status, a.header, a.body.String())
		}
	}
	if _, err := call(t.Context(), f, request("/", ""), nil); codeOf(err) != function.CodeFailed {
		t.Errorf("that it fails gives %v", err)
	}
	if !strings.Contains(said.text(), "nothing to shout") {
		t.Errorf("the log does not say why:\n%s", said.text())
	}
}
