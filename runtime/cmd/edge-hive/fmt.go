package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/manifest/load"
)

type fmtCommand struct {
	Paths []string `arg:"" optional:"" name:"path" help:"Files, or folders whose CUE files are meant. Left out: this folder."`
	Check bool     `help:"Change nothing; list what is not in form, and exit 1 if anything is."`
	Diff  bool     `short:"d" help:"Change nothing; show what would change."`
}

// Run brings files into CUE's standard form.
func (c *fmtCommand) Run(call *call) error {
	files, err := c.files()
	if err != nil {
		return err
	}
	var faults error
	changed := 0
	for _, file := range files {
		same, err := c.format(call, file)
		if err != nil {
			if err := call.explain(err); !errors.Is(err, errFaults) {
				return err
			}
			faults = errFaults
			continue
		}
		if !same {
			changed++
		}
	}
	if faults == nil && c.Check && changed > 0 {
		return errFaults
	}
	return faults
}

// files are the CUE files that are meant.
func (c *fmtCommand) files() ([]string, error) {
	paths := c.Paths
	if len(paths) == 0 {
		paths = []string{"."}
	}
	var files []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			if !entry.IsDir() && strings.HasSuffix(entry.Name(), ".cue") {
				files = append(files, filepath.Join(path, entry.Name()))
			}
		}
	}
	if len(files) == 0 {
		return nil, hinted(errors.New("there is no CUE file here"), "name a file or a folder")
	}
	return files, nil
}

// format does one file and reports whether it was in form already.
func (c *fmtCommand) format(call *call, file string) (bool, error) {
	before, err := os.ReadFile(file)
	if err != nil {
		return false, err
	}
	after, err := load.Format(before, file)
	if err != nil || bytes.Equal(before, after) {
		return err == nil, err
	}
	switch {
	case c.Diff:
		call.say("%s", unifiedDiff(file, string(before), string(after)))
	default:
		call.say("%s\n", file)
	}
	if c.Check || c.Diff {
		return false, nil
	}
	return false, replaceFile(file, after)
}

// replaceFile writes a file whole or not at all, its mode kept.
func replaceFile(path string, content []byte) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".edge-hive-fmt-*")
	if err != nil {
		return err
	}
	_, writeErr := f.Write(content)
	err = errors.Join(writeErr, f.Chmod(info.Mode().Perm()), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
