package kits

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrToolchain is wrapped by the errors of Build that say that a compiler is
// missing, and how to get it.
var ErrToolchain = errors.New("no toolchain")

// plan is how a folder is built.
type plan struct {
	steps  []step
	result string // the module that they leave, relative to the folder
}

// step is a command, run in the folder, with variables beside those of the process.
type step struct {
	args []string
	env  []string
}

// Build compiles the function in dir to the file module, with the kit laid there
// first where it is missing. What the compilers say goes to output.
func Build(ctx context.Context, dir, module string, output io.Writer) error {
	l, err := Of(dir)
	if err != nil {
		return err
	}
	if !l.Built() {
		return fmt.Errorf("%s: %s is run as it is: let module name the source", dir, l.Title)
	}
	if !Laid(dir) {
		if err := l.Lay(dir); err != nil {
			return fmt.Errorf("lay the kit: %w", err)
		}
	}
	p, err := l.build(ctx, dir)
	if err != nil {
		return err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return err
	}
	for _, s := range p.steps {
		command := exec.CommandContext(ctx, s.args[0], s.args[1:]...)
		command.Dir, command.Stdout, command.Stderr = dir, output, output
		command.Env = append(os.Environ(), s.env...)
		if err := command.Run(); err != nil {
			return fmt.Errorf("build %s: %s: %w", dir, strings.Join(s.args, " "), err)
		}
	}
	return move(filepath.Join(dir, p.result), module)
}

// move lays what was built where it belongs, at once: whoever watches the file
// never sees half of it.
func move(built, module string) error {
	content, err := os.ReadFile(built)
	if err != nil {
		return err
	}
	if content, err = slim(content); err != nil {
		return fmt.Errorf("%s: %w", built, err)
	}
	if err := os.MkdirAll(filepath.Dir(module), 0o755); err != nil {
		return err
	}
	half := module + ".part"
	if err := os.WriteFile(half, content, 0o644); err != nil {
		return err
	}
	if err := os.Rename(half, module); err != nil {
		return errors.Join(err, os.Remove(half))
	}
	return nil
}

func missing(text string) error { return fmt.Errorf("%w: %s", ErrToolchain, text) }

// planGo builds with the Go that is at hand, 1.24 or later.
func planGo(context.Context, string) (*plan, error) {
	if _, err := exec.LookPath("go"); err != nil {
		return nil, missing("Go 1.24 or later builds this function: https://go.dev/dl")
	}
	return &plan{
		steps: []step{{
			args: []string{"go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-w", "-o", "function.wasm", "."},
			env:  []string{"GOOS=wasip1", "GOARCH=wasm", "GOWORK=off"},
		}},
		result: "function.wasm",
	}, nil
}

// rustTargets are those that a kit's module can be built for, best first.
var rustTargets = []string{"wasm32-wasip1", "wasm32-wasi", "wasm32-unknown-unknown"}

// planRust builds for the first target that a compiler at hand has: the one that
// cargo would take, or the system's, which may have targets that rustup's has not.
func planRust(ctx context.Context, _ string) (*plan, error) {
	for _, tools := range [][2]string{{"cargo", "rustc"}, {"/usr/bin/cargo", "/usr/bin/rustc"}} {
		if _, err := exec.LookPath(tools[0]); err != nil {
			continue
		}
		for _, target := range rustTargets {
			if !hasTarget(ctx, tools[1], target) {
				continue
			}
			return &plan{
				steps: []step{{
					args: []string{tools[0], "build", "--release", "--target", target, "--target-dir", "target"},
					env:  []string{"RUSTC=" + tools[1], "RUSTFLAGS="},
				}},
				result: filepath.Join("target", target, "release", "function.wasm"),
			}, nil
		}
	}
	return nil, missing("Rust with a WebAssembly target builds this function: https://rustup.rs, then rustup target add wasm32-wasip1")
}

// hasTarget says whether a compiler has the standard library of a target.
func hasTarget(ctx context.Context, rustc, target string) bool {
	out, err := exec.CommandContext(ctx, rustc, "--print", "target-libdir", "--target", target).Output()
	if err != nil {
		return false
	}
	libraries, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "libcore-*.rlib"))
	return err == nil && len(libraries) > 0
}

// planAssemblyScript builds with the compiler that package.json names, which npm
// installs the first time.
func planAssemblyScript(_ context.Context, dir string) (*plan, error) {
	if _, err := exec.LookPath("npm"); err != nil {
		return nil, missing("Node.js with npm builds this function: https://nodejs.org")
	}
	p := &plan{result: "function.wasm"}
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err != nil {
		install := "install"
		if _, err := os.Stat(filepath.Join(dir, "package-lock.json")); err == nil {
			install = "ci"
		}
		p.steps = append(p.steps, step{args: []string{"npm", install, "--no-audit", "--no-fund"}})
	}
	p.steps = append(p.steps, step{args: []string{"npm", "run", "--silent", "build"}})
	return p, nil
}

// planC builds with the WASI SDK, or a clang that finds a libc for WASI.
func planC(ctx context.Context, dir string) (*plan, error) {
	compiler, err := compilerOfC(ctx)
	if err != nil {
		return nil, err
	}
	sources, err := filepath.Glob(filepath.Join(dir, "*.c"))
	if err != nil {
		return nil, err
	}
	// Linking is a step of its own, without -O: with it clang has wasm-opt, where that
	// is at hand, drop the names that stand in the stacks of the log.
	p := &plan{result: "function.wasm"}
	link := []string{
		compiler, "--target=wasm32-wasi", "-mexec-model=reactor", "-Wl,-z,stack-size=65536,--stack-first", "-o", p.result,
	}
	if err := os.MkdirAll(filepath.Join(dir, "target"), 0o755); err != nil {
		return nil, err
	}
	for _, source := range append(sources, filepath.Join(dir, Folder, "edgehive.c")) {
		name := strings.TrimPrefix(source, dir+string(filepath.Separator))
		object := filepath.Join("target", strings.TrimSuffix(filepath.Base(source), ".c")+".o")
		p.steps = append(p.steps, step{args: []string{
			compiler, "--target=wasm32-wasi", "-std=c11", "-O2", "-Wall", "-Wextra", "-c", "-o", object, name,
		}})
		link = append(link, object)
	}
	p.steps = append(p.steps, step{args: link})
	return p, nil
}

func compilerOfC(ctx context.Context) (string, error) {
	if sdk := os.Getenv("WASI_SDK_PATH"); sdk != "" {
		return filepath.Join(sdk, "bin", "clang"), nil
	}
	if _, err := exec.LookPath("clang"); err == nil && reachesWASI(ctx) {
		return "clang", nil
	}
	return "", missing("the WASI SDK (WASI_SDK_PATH), or clang with lld and wasi-libc, builds this function: https://github.com/WebAssembly/wasi-sdk")
}

// reachesWASI says whether clang has what a program for WASI is linked with.
func reachesWASI(ctx context.Context) bool {
	for _, file := range []string{"crt1-reactor.o", "libclang_rt.builtins-wasm32.a"} {
		out, err := exec.CommandContext(ctx, "clang", "--target=wasm32-wasi", "--print-file-name="+file).Output()
		if err != nil {
			return false
		}
		// A file that is not found is printed as it was asked for.
		if filepath.Base(strings.TrimSpace(string(out))) == strings.TrimSpace(string(out)) {
			return false
		}
	}
	return true
}
