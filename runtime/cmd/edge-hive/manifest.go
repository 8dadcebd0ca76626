package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/manifest/load"
)

// load reads the manifest and prints what is wrong with it.
func (a *manifestArgs) load(call *call) (*manifest.Manifest, error) {
	m, err := a.read(call)
	return m, call.explain(err)
}

// read reads the manifest; what is wrong with it is a fault.List.
func (a *manifestArgs) read(call *call) (*manifest.Manifest, error) {
	return load.Load(call.ctx, load.Options{Path: a.Path, Tags: a.Tags})
}

// explain prints the faults of an error and gives errFaults in its place; any
// other error it gives back.
func (t *terminal) explain(err error) error {
	var faults fault.List
	var single *fault.Fault
	switch {
	case errors.As(err, &faults):
	case errors.As(err, &single) && single.Code != fault.CodeInternal:
		faults = fault.List{single}
	default:
		return err
	}
	if err := t.printFaults(faults); err != nil {
		return err
	}
	if unread(faults) {
		return errUnread
	}
	return errFaults
}

// unread reports whether faults say that there was no manifest to read.
func unread(faults fault.List) bool {
	return len(faults) == 1 && fault.Is(faults[0], load.CodeNoManifest)
}

// printFaults writes faults for a person, files relative to where he is, and
// how many there are when they do not fit one look.
func (t *terminal) printFaults(faults fault.List) error {
	if err := fault.Render(t.paint(t.err), faults, workingDir()); err != nil {
		return err
	}
	if len(faults) > 3 {
		t.tell("\n%d faults\n", len(faults))
	}
	return nil
}

// workingDir is "" when it is gone: then paths stay whole.
func workingDir() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	return dir
}

// nameOf is what a backend is called where a sentence needs a name.
func nameOf(m *manifest.Manifest) string {
	if m.Name == "" {
		return "the backend"
	}
	return m.Name
}

// socket finds the running server of a manifest. One that is broken now may be
// running still: then the usual data folder beside it is tried.
func (a *manifestArgs) socket(call *call, dataDir string) (*admin.Client, error) {
	if dataDir != "" {
		absolute, err := filepath.Abs(dataDir)
		return admin.NewClient(absolute), err
	}
	m, err := a.read(call)
	if err == nil {
		return admin.NewClient(m.DataDir()), nil
	}
	if usual := a.usualDataDir(); usual != "" {
		if _, statErr := os.Stat(admin.SocketPath(usual)); statErr == nil {
			return admin.NewClient(usual), nil
		}
	}
	return nil, call.explain(err)
}

func (a *manifestArgs) usualDataDir() string {
	absolute, err := filepath.Abs(a.Path)
	if err != nil {
		return ""
	}
	if info, err := os.Stat(absolute); err != nil || !info.IsDir() {
		absolute = filepath.Dir(absolute)
	}
	return filepath.Join(absolute, "data")
}

// notRunning says how to begin, when that is what an error means.
func notRunning(err error) error {
	if errors.Is(err, admin.ErrNotRunning) {
		return hinted(err, "start it with edge-hive serve, or name another manifest or --data folder")
	}
	return err
}
