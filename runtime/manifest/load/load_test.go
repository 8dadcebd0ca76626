package load_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest/load"
)

// TestPolicy runs the cases of testdata/policy: a manifest, policy.cue, and
// what is wanted of them.
func TestPolicy(t *testing.T) {
	cases, err := filepath.Glob("testdata/policy/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, name := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			dir := unpack(t, archive)
			got := "ok\n"
			err = load.Policy(context.Background(), load.Options{Path: filepath.Join(dir, "edgehive.cue")}, filepath.Join(dir, "policy.cue"))
			var list fault.List
			if errors.As(err, &list) {
				var b strings.Builder
				if err := fault.Render(&b, list, dir); err != nil {
					t.Fatal(err)
				}
				got = b.String()
			} else if err != nil {
				t.Fatal(err)
			}
			last := &archive.Files[len(archive.Files)-1]
			if *update {
				last.Data = []byte(got)
				if err := os.WriteFile(name, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if string(last.Data) != got {
				t.Fatalf("got:\n%s\nwant:\n%s", got, last.Data)
			}
		})
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	const secret = "hunter2-is-long-enough-to-sign"
	for _, src := range []string{
		`auth: secret: "` + secret + `"`,
		`auth: secret: ["` + secret + `"]`,
		`auth: secret: env: "` + secret + `"`,
		`auth: secret: {env: "A", value: "` + secret + `"}`,
		`auth: secret: "` + secret + `" & "other"`,
		`auth: secret: {env: "A"} & "` + secret + `"`,
		`auth: secret: "a" | "` + secret + `"`,
		`auth: {password: "` + secret + `"}`,
		`database: {engine: "surrealdb", password: "` + secret + `"}`,
	} {
		_, err := load.Load(context.Background(), overlay(t, "manifest: 1\n"+src+"\n"))
		var list fault.List
		if !errors.As(err, &list) {
			t.Fatalf("%s: %v", src, err)
		}
		var b bytes.Buffer
		if err := fault.RenderJSON(&b, list, ""); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), secret) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the secret is in\n%s", src, b.String())
		}
	}
}

// overlay is a manifest that is not on disk.
func overlay(t testing.TB, src string) load.Options {
	t.Helper()
	file := filepath.Join(t.TempDir(), "edgehive.cue")
	return load.Options{Path: file, Overlay: map[string][]byte{file: []byte(src)}}
}

func TestHash(t *testing.T) {
	hash := func(src string) string {
		m, err := load.Load(context.Background(), overlay(t, src))
		if err != nil {
			t.Fatal(err)
		}
		return m.Hash
	}
	base := hash("manifest: 1\ntables: books: columns: title: type: \"text\"\n")
	if same := hash("// moved\nmanifest: 1\n\ntables: books: {rows: 1000, columns: title: {type: \"text\"}}\nlimits: body: \"1MiB\"\n"); same == base {
		t.Log("defaults written out keep the hash")
	}
	if moved := hash("manifest: 1\n\n\n// a comment\ntables: books: columns: title: {type: \"text\"}\n"); moved != base {
		t.Error("a comment changes the hash")
	}
	if other := hash("manifest: 1\ntables: books: {seed: \"a.csv\", columns: title: type: \"text\"}\n"); other == base {
		t.Error("a seed does not change the hash")
	}
}

func TestPositions(t *testing.T) {
	o := overlay(t, "manifest: 1\ntables: books: {\n\tcolumns: title: type: \"text\"\n\taccess: read: \"true\"\n}\nroutes: \"GET /a.b\": respond: body: \"x\"\n")
	m, err := load.Load(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"tables.books":                   "2:9",
		"tables.books.columns.title":     "3:11",
		"tables.books.access.read":       "4:16",
		"tables.books.access.create":     "4:2",
		`routes."GET /a.b".respond.body`: "6:36",
		`routes."GET /a.b".limits.body`:  "6:9",
		"nowhere":                        "1:1",
	} {
		if got := m.Positions.At(path).String(); got != o.Path+":"+want {
			t.Errorf("%s is at %s, want %s", path, got, want)
		}
	}
}

func TestTooLarge(t *testing.T) {
	_, err := load.Load(context.Background(), overlay(t, "manifest: 1\n// "+strings.Repeat("x", 1<<20)))
	if list, ok := err.(fault.List); !ok || list[0].Code != "too-large" { //nolint:errorlint // the promised type itself
		t.Fatalf("got %v", err)
	}
}

// TestInterpolationIsNotDeep: texts with expressions in them, many of them, do
// not count as nesting.
func TestInterpolationIsNotDeep(t *testing.T) {
	src := "manifest: 1\n_n: \"x\"\n" + strings.Repeat("_a: {b: \"\\(_n)-\\(_n)\", c: {d: \"\\(_n)\"}}\n", 500)
	if _, err := load.Load(context.Background(), overlay(t, src)); err != nil {
		t.Fatal(err)
	}
	for _, deep := range []string{"(", "[", "{a: ", "-", "a: ", "\"\\("} {
		_, err := load.Load(context.Background(), overlay(t, "manifest: 1\nname: "+strings.Repeat(deep, 100000)))
		if list, ok := err.(fault.List); !ok || list[0].Code != "too-deep" { //nolint:errorlint // the promised type itself
			t.Fatalf("%q: got %v", deep, err)
		}
	}
}

func TestTooSlow(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := load.Load(ctx, overlay(t, "manifest: 1\n"))
	if list, ok := err.(fault.List); err != nil && (!ok || list[0].Code != "too-slow") { //nolint:errorlint // as above
		t.Fatalf("got %v", err)
	}
}

func TestImportStaysInside(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "outside", "names.cue"), "package names\n\nshop: \"leaked\"\n")
	project := filepath.Join(dir, "project")
	write(t, filepath.Join(project, "cue.mod", "module.cue"), "module: \"shop.example\"\nlanguage: version: \"v0.9.0\"\n")
	write(t, filepath.Join(project, "edgehive.cue"), "package shop\n\nimport \"shop.example/names\"\n\nmanifest: 1\nname: names.shop\n")
	if err := os.Symlink(filepath.Join(dir, "outside"), filepath.Join(project, "names")); err != nil {
		t.Skip("no symbolic links here")
	}
	m, err := load.Load(context.Background(), load.Options{Path: project})
	if list, ok := err.(fault.List); !ok || list[0].Code != "bad-import" { //nolint:errorlint // as above
		t.Fatalf("got %v, %v", m, err)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWriteDefinitions(t *testing.T) {
	dir := t.TempDir()
	if _, err := load.WriteDefinitions(dir); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "edgehive.cue")
	write(t, file, "package shop\n\nimport \"github.com/edge-hive/edge-hive/schema\"\n\nschema.#Manifest\n\nmanifest: 1\ntables: books: columns: title: {type: \"text\", requird: true}\n")
	_, err := load.Load(context.Background(), load.Options{Path: dir})
	list, _ := err.(fault.List) //nolint:errorlint // as above
	if len(list) != 1 || list[0].Code != "unknown-field" || list[0].Positions[0].Line != 8 {
		t.Fatalf("got %v", err)
	}
	write(t, file, "package shop\n\nimport \"github.com/edge-hive/edge-hive/schema\"\n\nschema.#Manifest & {\n\tmanifest: 1\n\ttables: books: columns: title: schema.#Column & {type: \"text\"}\n}\n")
	m, err := load.Load(context.Background(), load.Options{Path: dir})
	if err != nil || m.Table("books").Column("title") == nil {
		t.Fatalf("got %v, %v", m, err)
	}
}

func TestFormat(t *testing.T) {
	got, err := load.Format([]byte("manifest:   1\n// kept\nname:\"a\"\n"), "x.cue")
	if err != nil || string(got) != "manifest: 1\n// kept\nname: \"a\"\n" {
		t.Fatalf("got %q, %v", got, err)
	}
	_, err = load.Format([]byte("name: \"a\n"), "x.cue")
	if list, ok := err.(fault.List); !ok || list[0].Code != "syntax" || list[0].Positions[0].File != "x.cue" { //nolint:errorlint // as above
		t.Fatalf("got %v", err)
	}
}

func TestReference(t *testing.T) {
	var all strings.Builder
	if err := load.Reference(&all, ""); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"## The manifest", "### onDelete with type \"ref\"", "default \"127.0.0.1:9090\"", "```cue\ntables: books: {", "Exactly one of env and file."} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("the reference has no %q", want)
		}
	}
	for _, noun := range load.Nouns() {
		var one strings.Builder
		if err := load.Reference(&one, noun); err != nil || one.Len() == 0 {
			t.Errorf("%s: %v", noun, err)
		}
	}
	if !slices.Contains(load.Nouns(), "columns") {
		t.Errorf("nouns are %v", load.Nouns())
	}
	var one strings.Builder
	if err := load.Reference(&one, "tabels"); !fault.Is(err, "unknown-noun") || fault.From(err).Hint != "did you mean tables?" {
		t.Errorf("got %v", err)
	}
}
