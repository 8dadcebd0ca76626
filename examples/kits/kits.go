// Package kits holds the guest kits: what a function in Rust, Go, AssemblyScript,
// C or JavaScript is written with, and how one is begun and built. The commands
// `edge-hive function new` and `function build` are made of it.
//
// A folder of a language has kit/, which is laid as edgehive/ into the folder of
// each function, and template/, the first source. A name that ends in ".template"
// loses that ending, and {{.Name}} in such a file becomes the function's name;
// gitignore.template becomes .gitignore.
package kits

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"text/template"
)

// Files are the kits, as the package's comment says.
//
//go:embed rust go assemblyscript c javascript
var Files embed.FS

// Folder is where the kit lies in the folder of a function.
const Folder = "edgehive"

const ending = ".template"

// Language is one that there is a kit for.
type Language struct {
	// Name is what --lang takes.
	Name string
	// Title is for people.
	Title string
	// Folder is the language's, of Files.
	Folder string
	// Mark is the file that tells that a folder holds a function of this language.
	Mark string
	// build gives the commands that build a folder, and the file that they leave;
	// nil where the source is run as it is.
	build func(ctx context.Context, dir string) (*plan, error)
}

// Languages are all of them.
var Languages = []Language{
	{Name: "rust", Title: "Rust", Folder: "rust", Mark: "Cargo.toml", build: planRust},
	{Name: "go", Title: "Go", Folder: "go", Mark: "go.mod", build: planGo},
	{Name: "ts", Title: "AssemblyScript", Folder: "assemblyscript", Mark: "assembly/index.ts", build: planAssemblyScript},
	{Name: "c", Title: "C", Folder: "c", Mark: "main.c", build: planC},
	{Name: "js", Title: "JavaScript", Folder: "javascript", Mark: "main.js"},
}

// Find gives the language of a name.
func Find(name string) (Language, error) {
	names := make([]string, len(Languages))
	for i, l := range Languages {
		if l.Name == name {
			return l, nil
		}
		names[i] = l.Name
	}
	return Language{}, fmt.Errorf("no kit for %q: there are %s", name, strings.Join(names, ", "))
}

// Of gives the language of the function in a folder.
func Of(dir string) (Language, error) {
	marks := make([]string, len(Languages))
	for i, l := range Languages {
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(l.Mark))); err == nil {
			return l, nil
		}
		marks[i] = fmt.Sprintf("%s (%s)", l.Mark, l.Title)
	}
	return Language{}, fmt.Errorf("%s is in no language that is known here: it has none of %s", dir, strings.Join(marks, ", "))
}

// Built says whether functions of this language are compiled to a module; else
// the manifest's module is the source itself.
func (l Language) Built() bool { return l.build != nil }

// New begins a function: the first source and the kit, in dir, which must be empty
// or not there.
func (l Language) New(dir, name string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is not empty", dir)
	}
	if err := lay(path.Join(l.Folder, "template"), dir, name); err != nil {
		return err
	}
	return l.Lay(dir)
}

// Lay puts the kit into the folder of a function, over the one that is there.
func (l Language) Lay(dir string) error {
	return lay(path.Join(l.Folder, "kit"), filepath.Join(dir, Folder), "")
}

// Laid says whether the folder of a function has its kit.
func Laid(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, Folder))
	return err == nil && info.IsDir()
}

// lay copies a folder of Files.
func lay(from, to, name string) error {
	return fs.WalkDir(Files, from, func(p string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, filepath.FromSlash(strings.TrimPrefix(p, from)))
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		content, err := Files.ReadFile(p)
		if err != nil {
			return err
		}
		if strings.HasSuffix(p, ending) {
			target = strings.TrimSuffix(target, ending)
			if filepath.Base(target) == "gitignore" {
				target = filepath.Join(filepath.Dir(target), ".gitignore")
			}
			if content, err = fill(p, content, name); err != nil {
				return err
			}
		}
		return os.WriteFile(target, content, 0o644)
	})
}

// fill replaces the placeholders of a file.
func fill(p string, content []byte, name string) ([]byte, error) {
	t, err := template.New(p).Option("missingkey=error").Parse(string(content))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, struct{ Name string }{name}); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
