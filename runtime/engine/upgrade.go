package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"time"

	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/engine/forward"
	"github.com/edge-hive/edge-hive/runtime/engine/handover"
	"github.com/edge-hive/edge-hive/runtime/engine/sockets"
	"github.com/edge-hive/edge-hive/runtime/fault"
)

// An upgrade puts another process in the place of this one. The new one prepares
// itself beside this one; then requests are held, those that run end, and
// everything that stands behind the listeners is closed; the new one opens it, and
// serves. What still arrives on this one's connections is carried over to it. Where
// the new one fails, an heir in this process opens everything again.

const (
	// prepareTime is how long the new process may take to load, check and compile.
	prepareTime = 2 * time.Minute
	// readyTime is how long it may take to open the database, migrate it and build:
	// requests wait meanwhile.
	readyTime = time.Minute
	// upgradePatience is how long a request waits for all that.
	upgradePatience = drainTime + 2*readyTime
)

// The names of sockets that are in a file.
const (
	adminSocket   = "admin"
	forwardSocket = "forward"
)

// The codes of upgrades that are refused.
const (
	codeUpgrading = "upgrading"
	codeNoUpgrade = "no-upgrade"
)

var (
	errUpgrading = fault.New(codeUpgrading, "an upgrade is under way").WithHint("wait until it is done")
	errFirst     = fault.New(codeNoUpgrade, "the server is process 1 of a container, which ends with it").
			WithHint("upgrade by replacing the container")
	errNoProcess = fault.New(codeNoUpgrade, "on this system sockets cannot be handed to another process").
			WithHint("stop the server and start the new program")
	errNoProgram = fault.New(codeNoUpgrade, "this server was not started by the command, and cannot be replaced").
			WithHint("stop it and start the new program")
)

// Upgraded is what an upgrade did.
type Upgraded struct {
	PID  int           // of the process that serves now
	Held time.Duration // for how long requests waited
	Took time.Duration
}

// note is what the new process is told of what it is handed.
type note struct {
	Sockets []sockets.Socket `json:"sockets"`
	// Certified are the names that clients get a certificate for.
	Certified []string `json:"certified,omitempty"`
}

// Heir is the engine that serves instead of this one, in this process, after an
// upgrade that failed; nil when there is none. It is known once Wait has returned.
func (e *Engine) Heir() *Engine {
	select {
	case <-e.gone:
		return e.heir
	default:
		return nil
	}
}

// Upgrade starts a program in the place of this process, "" for the one that it
// was started with, and returns when that one serves, or this one again. One that
// fails has changed nothing; its error is a *handover.Failure, or a *fault.Fault
// where it was refused before.
func (e *Engine) Upgrade(ctx context.Context, program string) (Upgraded, error) {
	if program == "" {
		program = e.options.Program
	}
	switch {
	case runtime.GOOS == "windows":
		return Upgraded{}, errNoProcess
	case program == "" || e.options.Sockets == nil:
		return Upgraded{}, errNoProgram
	case os.Getpid() == 1:
		return Upgraded{}, errFirst
	case !e.upgrading.CompareAndSwap(false, true):
		e.log.Warn("upgrade refused", "error", errUpgrading)
		return Upgraded{}, errUpgrading
	}
	type outcome struct {
		done Upgraded
		err  error
	}
	ended := make(chan outcome, 1)
	e.upgrades.Go(func() {
		done, err := e.upgrade(program)
		ended <- outcome{done, err}
		away := e.away.Load() != nil
		if !away {
			e.upgrading.Store(false)
		}
		e.settle()
		if away {
			e.lingers()
		}
	})
	// Once begun it is carried out, even if who asked has gone.
	select {
	case o := <-ended:
		return o.done, o.err
	case <-ctx.Done():
		return Upgraded{}, ctx.Err()
	}
}

func (e *Engine) upgrade(program string) (done Upgraded, err error) {
	select {
	case e.turn <- struct{}{}:
	case <-e.halting.Done():
		return Upgraded{}, errStopping
	}
	defer func() { <-e.turn }()
	if e.stopping.Load() {
		return Upgraded{}, errStopping
	}
	began := time.Now()
	e.log.Info("upgrade", "program", program)
	defer func() {
		done.Took = time.Since(began)
		if err != nil {
			e.log.Error("upgrade failed", "error", err)
			return
		}
		e.log.Info("upgraded: another process serves", "process", done.PID,
			"held", done.Held.Round(time.Millisecond).String(), "took", done.Took.Round(time.Millisecond).String())
	}()
	handed, files, err := e.options.Sockets.Hand()
	if err != nil {
		return Upgraded{}, err
	}
	defer func() {
		if e.next.Load() != nil {
			return // until it has proved itself
		}
		for _, f := range files {
			_ = f.Close() // it is another's, or was given back
		}
	}()
	text, err := json.Marshal(note{Sockets: handed, Certified: e.certified()})
	if err != nil {
		return Upgraded{}, err
	}
	p, err := handover.Start(program, e.options.Arguments, files, text, os.Stderr)
	if err != nil {
		return Upgraded{}, &handover.Failure{Message: err.Error()}
	}
	if err := e.await(usually(e.options.UpgradeTimes.Prepare, prepareTime), "prepared", p.Prepared); err != nil {
		return Upgraded{}, p.Kill(err)
	}
	last, err := e.lastMigration()
	if err != nil {
		return Upgraded{}, p.Kill(err)
	}
	s := &successor{p, handed, files, &left{draft: e.current.Load().draft, migration: last, certified: e.certified()}}
	if isShared(e.current.Load().manifest) {
		err = e.passBeside(s)
	} else {
		held := time.Now()
		err = e.pass(s)
		done.Held = time.Since(held)
	}
	done.PID = p.PID()
	return done, err
}

// lastMigration is the one that the database has seen last; 0 for none.
func (e *Engine) lastMigration() (int64, error) {
	history, err := e.shared.store.History(e.life)
	if err != nil {
		return 0, fmt.Errorf("look at the migrations: %w", err)
	}
	if len(history) == 0 {
		return 0, nil
	}
	return history[len(history)-1].ID, nil
}

// passBeside goes over to a process that serves the same database at the same
// time.
func (e *Engine) passBeside(s *successor) error {
	packets := e.shared.tls != nil && e.shared.tls.http3 != nil
	if packets {
		e.endPackets()
	}
	err := e.await(usually(e.options.UpgradeTimes.Ready, readyTime), "ready", s.process.Go)
	if err == nil {
		e.next.Store(s)
		e.goAway(e.toNext())
		e.endHere()
		return nil
	}
	err = s.process.Kill(err)
	switch {
	case e.halting.Err() != nil:
		return err
	case !packets: // everything is open
		if failed := e.takeBackBeside(s.left); failed != nil {
			e.log.Error("the tables are as the new program left them", "error", failed)
		}
		return err
	}
	defer e.holdBack()()
	e.endHere()
	return errors.Join(err, e.goOn(s.handed, s.files, s.left))
}

// pass goes over to a process that needs the database for itself.
func (e *Engine) pass(s *successor) error {
	e.endPackets()
	defer e.holdBack()()
	e.endHere()
	err := e.await(usually(e.options.UpgradeTimes.Ready, readyTime), "ready", s.process.Go)
	if err == nil {
		e.next.Store(s)
		e.goAway(e.toNext())
		return nil
	}
	err = s.process.Kill(err)
	if e.halting.Err() != nil {
		return err
	}
	return errors.Join(err, e.goOn(s.handed, s.files, s.left))
}

// toNext carries requests to the process that has taken over.
func (e *Engine) toNext() http.Handler {
	return forward.To(admin.ForwardPath(e.current.Load().manifest.DataDir()), refuse, e.log.Logger)
}
