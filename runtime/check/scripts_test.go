package check_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/check"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// A script that cannot be loaded is a fault, at its function, with the place.
func TestScripts(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "functions", "lib"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "functions", "lib", "a.js"), []byte("export const a = ;"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := &manifest.Manifest{Dir: dir}
	checked := &check.Checked{Modules: map[string][]byte{}}
	for name, code := range map[string]string{
		"well":   "export default () => 1",
		"broken": "import './lib/a.js'; export default () => 1",
		"heavy":  "const a = []; for (let i = 0; i < 8; i++) a.push(new Uint8Array(1 << 20)); export default () => 1",
	} {
		f := manifest.Function{Name: name, Module: filepath.Join(dir, "functions", name+".js"), Path: "functions." + name}
		f.Limits.Memory = 6 << 20
		m.Functions = append(m.Functions, f)
		checked.Modules[name] = []byte(code)
	}
	m.Functions = append(m.Functions, manifest.Function{Name: "module", Module: filepath.Join(dir, "x.wasm")})
	checked.Modules["module"] = []byte("\x00asm")
	faults, err := check.Scripts(t.Context(), m, checked)
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for _, f := range faults {
		said[f.Path] = f.Message
	}
	if len(said) != 2 || !strings.HasPrefix(said["functions.broken.module"], "functions/lib/a.js:1:18: SyntaxError: ") ||
		!strings.HasPrefix(said["functions.heavy.module"], "functions/heavy.js:1:") || !strings.HasSuffix(said["functions.heavy.module"], "out of memory") {
		t.Errorf("it says %q", said)
	}
}
