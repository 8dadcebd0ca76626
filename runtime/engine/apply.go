package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"time"

	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/observe"
)

// maxWho bounds the text that says who asked for a migration.
const maxWho = 200

// By says who runs a command, for the history: the command and the user of the
// operating system.
func By(command string) string {
	name := os.Getenv("USER")
	if account, err := user.Current(); err == nil {
		name = account.Username
	}
	if name == "" {
		return command
	}
	text := command + " (" + name + ")"
	return text[:min(len(text), maxWho)]
}

// Migrate brings the database to the manifest as a start would, seeds what it
// made (unless the options leave that out), and closes it again: for a backend that does not run. A manifest of
// another hash than the one given is refused, "" is any; who stands in the
// history. What is wrong with the manifest, or with the rows, is a fault.
func Migrate(ctx context.Context, o Options, who, hash string) (_ Outcome, err error) {
	began := time.Now()
	if o.Log == nil {
		o.Log = io.Discard
	}
	e := newEngine(ctx, o)
	e.offline = true
	if e.log, err = observe.NewLog(o.Log, "warn", "text"); err != nil {
		return Outcome{}, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	d, err := e.draft(ctx)
	if err != nil {
		return Outcome{}, err
	}
	if hash != "" && hash != d.manifest.Hash {
		return Outcome{}, errOther
	}
	d.who = who
	e.shared = newShared()
	if err = e.shared.openStore(ctx, d.manifest, e.log.Logger); err != nil {
		if isServed(err) {
			return Outcome{}, servedFault(d.manifest)
		}
		return Outcome{}, err
	}
	g, did, err := e.build(ctx, d, 1)
	if err != nil {
		return Outcome{}, err
	}
	out := Outcome{Result: admin.Swapped, Hash: g.hash(), Steps: did.steps, Backup: did.backup, Took: time.Since(began)}
	if len(did.steps) == 0 {
		out.Result = admin.Unchanged
	}
	return out, errors.Join(g.close(), g.closeCache(nil))
}

// sayDrift logs what somebody changed in the database by hand and no migration
// has mended. What is grave has kept the database from being opened.
func (e *Engine) sayDrift(ctx context.Context) error {
	found, err := e.shared.store.Drift(ctx)
	if err != nil {
		return fmt.Errorf("compare the database with its schema: %w", err)
	}
	for _, d := range found {
		e.log.Warn("the database was changed by hand", "what", d.What, "hint", d.Hint)
	}
	return nil
}
