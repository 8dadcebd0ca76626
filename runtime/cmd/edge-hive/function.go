package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/examples/kits"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// functionCommand has what is done with functions.
type functionCommand struct {
	New   functionNewCommand   `cmd:"" help:"Begin a function: a folder with its source and its kit."`
	Build functionBuildCommand `cmd:"" help:"Build the modules of functions from their sources."`
	Run   functionRunCommand   `cmd:"" help:"Call a function offline, and print what it answers."`
	List  functionListCommand  `cmd:"" help:"List the functions: what they are, may reach, and are called by."`

	Dead    functionDeadCommand    `cmd:"" help:"List the dead letters of a function: changes that it has failed for, for good."`
	Retry   functionRetryCommand   `cmd:"" help:"Have dead letters tried again, as if they had not been."`
	Discard functionDiscardCommand `cmd:"" help:"Throw dead letters away."`
}

type functionNewCommand struct {
	Name     string `arg:"" help:"What the function is called: a letter, then letters, digits or _."`
	Lang     string `required:"" enum:"rust,go,ts,js,c" placeholder:"LANG" help:"rust, go, ts (AssemblyScript), js or c."`
	Manifest string `name:"manifest" short:"m" default:"." placeholder:"PATH" help:"The manifest: a file, or a folder with edgehive.cue."`
}

var functionName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,62}$`)

// functionsFolder is where the folders of functions are, beside the manifest.
const functionsFolder = "functions"

// Run makes the folder; it never overwrites.
func (c *functionNewCommand) Run(call *call) error {
	if !functionName.MatchString(c.Name) {
		return hinted(fmt.Errorf("%q is no name for a function", c.Name), "a name is a letter, then up to 62 letters, digits or _")
	}
	language, err := kits.Find(c.Lang)
	if err != nil {
		return err
	}
	beside := c.Manifest
	if info, err := os.Stat(beside); err != nil || !info.IsDir() {
		beside = filepath.Dir(beside)
	}
	dir := filepath.Join(beside, functionsFolder, c.Name)
	entries, err := os.ReadDir(dir)
	switch {
	case err == nil && len(entries) > 0:
		return hinted(fmt.Errorf("%s is there already", dir), "take another name, or remove the folder")
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return err
	}
	if err := language.New(dir, c.Name); err != nil {
		return fmt.Errorf("make %s: %w", dir, err)
	}
	call.say("made %s, in %s:\n", dir, language.Title)
	for _, file := range madeFiles(dir) {
		call.say("  %s\n", file)
	}
	call.say(`
Put this into the manifest:

functions: %[1]s: {
	source: "%[2]s/%[1]s"
	access: call: true
}

then:
`, c.Name, functionsFolder)
	where := ""
	if c.Manifest != "." {
		where = " " + shellQuote(c.Manifest)
	}
	if language.Built() {
		inFlag := ""
		if where != "" {
			inFlag = " -m" + where
		}
		call.say("  edge-hive function build %s%s\n", c.Name, inFlag)
	}
	call.say("  edge-hive dev%s\n  %s\n", where, curl("GET", "http://127.0.0.1:8080/api/edge/"+c.Name, "", ""))
	return nil
}

// madeFiles are those of a function's folder, the kit's as the one folder that
// they are.
func madeFiles(dir string) []string {
	var files []string
	_ = filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		relative, relErr := filepath.Rel(dir, path)
		switch {
		case err != nil || relErr != nil:
			return nil //nolint:nilerr // it is only told of
		case entry.IsDir() && relative == kits.Folder:
			files = append(files, filepath.ToSlash(relative)+"/ (the kit)")
			return filepath.SkipDir
		case !entry.IsDir():
			files = append(files, filepath.ToSlash(relative))
		}
		return nil
	})
	return files
}

// pick gives the functions of a manifest that are named, all without a name.
func pick(m *manifest.Manifest, names []string) ([]*manifest.Function, error) {
	var all []string
	for i := range m.Functions {
		all = append(all, m.Functions[i].Name)
	}
	if len(names) == 0 {
		names = all
	}
	picked := make([]*manifest.Function, 0, len(names))
	for _, name := range names {
		f := m.Function(name)
		if f == nil {
			return nil, hinted(fmt.Errorf("there is no function %q", name), fault.NearestHint(name, all, "declare it in functions: edge-hive function new "+name+" begins one"))
		}
		if !slices.Contains(picked, f) {
			picked = append(picked, f)
		}
	}
	return picked, nil
}

// shownPath is a path as a person would write it here.
func shownPath(path string) string {
	if relative, err := filepath.Rel(workingDir(), path); err == nil && !strings.HasPrefix(relative, "..") {
		return relative
	}
	return path
}

// bytesText is a size for people.
func bytesText(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}
