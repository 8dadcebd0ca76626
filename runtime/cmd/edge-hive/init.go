package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

type initCommand struct {
	Dir string `arg:"" optional:"" default:"." help:"The project's folder; made if it is not there."`
}

const (
	manifestName  = "edgehive.cue"
	gitignoreName = ".gitignore"
	gitignoreText = "# the database, and the keys of this machine\n/data/\n"
)

// manifestText is the manifest of a new project; NAME is replaced.
const manifestText = `// One file, one backend. "edge-hive dev" runs it, "edge-hive schema" explains it.
manifest: 1
name:     "NAME"

// A table is a REST endpoint: /api/data/notes
tables: notes: {
	columns: {
		text: {type: "text", required: true, max: 500}
		done: {type: "bool", default: false}
		created_at: {type: "timestamp", auto: create: "now()"}
	}

	// Who may do what: true is everyone, a rule asks, left out is the service key alone.
	access: {read: true, create: "auth.role == 'authenticated'"}
	cache: "short"
}

// Answers are kept in memory, until a row of the table changes.
cache: policies: short: ttl: "1m"

// Every change as it happens, over WebSocket and SSE: /api/realtime/notes
channels: notes: table: "notes"

routes: "GET /": respond: body: "It works. The notes are at /api/data/notes\n"
`

// Run makes the project's files; it never overwrites one.
func (c *initCommand) Run(call *call) error {
	if err := os.MkdirAll(c.Dir, 0o755); err != nil { //nolint:gosec // a project is no secret
		return err
	}
	absolute, err := filepath.Abs(c.Dir)
	if err != nil {
		return err
	}
	path := filepath.Join(c.Dir, manifestName)
	text := strings.Replace(manifestText, "NAME", projectName(filepath.Base(absolute)), 1)
	if err := writeNew(path, text); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return hinted(fmt.Errorf("%s is there already", path), "choose another folder: edge-hive init DIR")
		}
		return err
	}
	call.say("made %s\n", path)
	ignore := filepath.Join(c.Dir, gitignoreName)
	switch err := writeNew(ignore, gitignoreText); {
	case errors.Is(err, fs.ErrExist):
		call.say("kept %s; it should have the line /data/\n", ignore)
	case err != nil:
		return err
	default:
		call.say("made %s\n", ignore)
	}
	next := "edge-hive dev"
	if c.Dir != "." {
		next += " " + c.Dir
	}
	call.say("\nnext: %s\n", next)
	return nil
}

func writeNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // a project is no secret
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

var notInName = regexp.MustCompile(`[^A-Za-z0-9_-]+`)

// projectName makes a folder's name one that a manifest may have.
func projectName(folder string) string {
	name := strings.Trim(notInName.ReplaceAllString(folder, "-"), "-_0123456789")
	if name == "" {
		return "backend"
	}
	return name[:min(len(name), 63)]
}
