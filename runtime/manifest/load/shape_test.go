package load

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	cueload "cuelang.org/go/cue/load"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/schema"
)

// goldenManifests unpacks the cases that are one file without imports.
func goldenManifests(t *testing.T) map[string]string {
	t.Helper()
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	all := map[string]string{}
	for _, name := range cases {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(archive.Files) == 2 && archive.Files[0].Name == fileName && !strings.Contains(string(archive.Files[0].Data), "import ") {
			all[strings.TrimSuffix(filepath.Base(name), ".txtar")] = string(archive.Files[0].Data)
		}
	}
	return all
}

// TestSchemaAgrees holds our reading of schema/ against CUE's own: what CUE
// accepts of the definitions we accept, and what we find wrong in a manifest's
// shape CUE refuses.
func TestSchemaAgrees(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, schema.Files); err != nil {
		t.Fatal(err)
	}
	ctx := cuecontext.New()
	definition := ctx.BuildInstance(cueload.Instances([]string{"."}, &cueload.Config{Dir: dir, Package: "schema"})[0]).LookupPath(cue.ParsePath("#Manifest"))
	if err := definition.Err(); err != nil {
		t.Fatal(err)
	}
	// CUE cannot say these: formats, and what stands only in Go.
	beyond := []string{codeBadDuration, codeBadSize, codeBadAddress, codeBadURL, codeBadRoute, codeBadPath, codeBuiltIn, codeNotYet, codeBadName}
	// JSON has no bytes; numbers and nesting have bounds of ours; a rule says
	// something; a field with ? sets nothing; a bound that an engine does not
	// have; and CUE lets a text pass for a struct whose fields depend on another.
	stricter := map[string]bool{
		"bytes-wrong": true, "number-huge": true, "too-deep": true, "access-empty": true, "optional-field": true,
		"surreal-max": true, "wrapped-secret": true,
	}
	for name, src := range goldenManifests(t) {
		t.Run(name, func(t *testing.T) {
			user := ctx.CompileString(src)
			if user.Err() != nil {
				return // CUE's own mistakes are not the schema's
			}
			cueErr := definition.Unify(user).Validate(cue.Concrete(true))
			file := filepath.Join(t.TempDir(), fileName)
			_, err := Load(t.Context(), Options{Path: file, Overlay: map[string][]byte{file: []byte(src)}})
			list, _ := err.(fault.List) //nolint:errorlint // the promised type itself
			shapely := slices.ContainsFunc(list, func(f *fault.Fault) bool { return !slices.Contains(beyond, f.Code) })
			switch {
			case err == nil && cueErr != nil:
				t.Errorf("we accept what CUE refuses: %v", cueErr)
			case shapely && cueErr == nil && !stricter[name]:
				t.Errorf("we refuse what CUE accepts: %v", err)
			}
		})
	}
}

// TestReadingAgrees holds the quick way to read plain literals against CUE's.
func TestReadingAgrees(t *testing.T) {
	for name, src := range goldenManifests(t) {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), fileName)
			p, f := locate(file, map[string][]byte{file: []byte(src)})
			if f != nil {
				t.Fatal(f)
			}
			ev := evaluate(p, nil)
			if !ev.whole || len(ev.found) > 0 {
				return // where CUE finds mistakes, the quick way may know more
			}
			quick := (&reader{}).root(ev.value, declare(ev.sources.files))
			slow := (&reader{fromValue: true}).root(ev.value, declare(ev.sources.files))
			same(t, quick, slow)
		})
	}
}

func same(t *testing.T, a, b *node) {
	t.Helper()
	if a.name != b.name || a.kind != b.kind || a.text != b.text || a.label != b.label || len(a.fields) != len(b.fields) {
		t.Errorf("%s: quick %v %q %v with %d, slow %v %q %v with %d", a.path(), a.kind, a.text, a.label, len(a.fields), b.kind, b.text, b.label, len(b.fields))
		return
	}
	for i := range a.fields {
		same(t, a.fields[i], b.fields[i])
	}
}
