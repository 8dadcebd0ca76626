package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/edge-hive/edge-hive/runtime/engine/handover"
	"github.com/edge-hive/edge-hive/runtime/engine/sockets"
	"github.com/edge-hive/edge-hive/runtime/engine/supervisor"
)

// probation is for how long the process that has taken over must serve before this one
// may end: should it crash within that time, this one serves again.
const probation = 2 * time.Second

// UpgradeTimes are how long the process that an upgrade starts may take; 0 is the usual
// time.
type UpgradeTimes struct {
	Prepare time.Duration // to load, check and compile
	Ready   time.Duration // to open the database, migrate it and build
	Prove   time.Duration // it is watched for, once it serves
}

func usually(asked, usual time.Duration) time.Duration {
	if asked > 0 {
		return asked
	}
	return usual
}

// await waits for the new process, which has a time for it.
func (e *Engine) await(limit time.Duration, what string, wait func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(e.halting, limit)
	defer cancel()
	err := wait(ctx)
	switch {
	case err != nil && e.halting.Err() != nil:
		return errStopping
	case errors.Is(err, context.DeadlineExceeded):
		return &handover.Failure{Message: fmt.Sprintf("the new program was not %s within %s", what, limit)}
	}
	return err
}

// successor is the process that has taken over, and what it takes to serve instead of
// it.
type successor struct {
	process *handover.Process
	handed  []sockets.Socket
	files   []*os.File
	left    *left
}

// crashes watches the successor until its probation is over, or it has ended well: who
// was stopped so soon needs none.
func (s *successor) crashes(ctx context.Context, time time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, time)
	defer cancel()
	crashed := false
	until(ctx, func() bool {
		crashed = s.process.Crashed()
		return s.process.Ended()
	})
	return crashed
}

// release lets go of the successor, and of its sockets.
func (s *successor) release() error {
	err := s.process.Release()
	for _, f := range s.files {
		_ = f.Close() // it is another's, or was given back
	}
	return err
}

// errCrashed is why a process serves again that has handed everything on.
var errCrashed = errors.New("the new program has crashed as it began to serve")

// errDied is why a process ends at once that still had connections to carry to the
// next one.
var errDied = errors.New("the process that had taken over has died")

// lingers waits until the next process has proved itself and no client is left here,
// and ends what has served them.
func (e *Engine) lingers() {
	if s := e.next.Load(); s != nil {
		e.watchOver(e.halting, s)
		if e.away.Load() == nil {
			return // nobody serves: Wait knows why
		}
	}
	ctx, cancel := context.WithTimeout(e.halting, lingerTime)
	defer cancel()
	_ = e.shared.adminServer.Shutdown(ctx) // who asked for the upgrade is answered
	a := e.away.Load()
	died := func() bool { s := e.next.Load(); return s != nil && e.heir == nil && s.process.Crashed() }
	until(ctx, func() bool { return died() || e.connections.left(lingerTime) == 0 && a.running.count() == 0 })
	if died() {
		// Nobody else hears of it, as it was started here: whoever supervises sees this
		// process fail instead, and starts the program anew.
		e.tell(supervisor.Main)
		e.fail(errDied)
		return
	}
	if f := e.forebear; f != nil {
		stop := context.AfterFunc(e.halting, f.halt)
		f.upgrades.Wait()
		stop()
	}
	if e.heir == nil {
		close(e.gone)
	}
}

// watchOver waits until the successor has proved itself. Where it crashes, requests
// are held, and answered by an heir in this process.
func (e *Engine) watchOver(ctx context.Context, s *successor) {
	if s.crashes(ctx, usually(e.options.UpgradeTimes.Prove, probation)) {
		e.log.Error("upgrade failed", "error", errCrashed, "process", s.process.PID())
		e.away.Store(nil)
		release := e.holdBack()
		_ = e.goOn(s.handed, s.files, s.left) // it has told Wait
		release()
	}
	if err := s.release(); err != nil {
		e.log.Warn("let go of the new process", "error", err)
	}
}

// goOn serves again after an upgrade that failed, by an heir that is made of what
// was served.
func (e *Engine) goOn(handed []sockets.Socket, files []*os.File, l *left) error {
	again, err := sockets.FromFiles(stillThere(handed, files))
	if err != nil {
		e.fail(fmt.Errorf("serve on after an upgrade that failed: %w", err))
		return err
	}
	o := e.options
	o.Sockets, o.Before, o.left = again, nil, l
	heir, err := Start(e.halting, o)
	if err != nil {
		err = fmt.Errorf("serve on after an upgrade that failed: %w", err)
		e.fail(err)
		return err
	}
	again.Own()
	heir.forebear = e
	e.heir = heir
	e.goAway(heir)
	close(e.gone)
	return nil
}

// stillThere leaves out sockets in files that somebody has removed: nobody would find
// who listens there.
func stillThere(handed []sockets.Socket, files []*os.File) ([]sockets.Socket, []*os.File) {
	var left []sockets.Socket
	var theirs []*os.File
	for i, s := range handed {
		if filepath.IsAbs(s.Address) {
			if _, err := os.Lstat(s.Address); errors.Is(err, os.ErrNotExist) {
				_ = files[i].Close() // it was asked for nothing
				continue
			}
		}
		left, theirs = append(left, s), append(theirs, files[i])
	}
	return left, slices.Clip(theirs)
}

// ReloadSoon is Reload for who cannot be answered, as a signal: where an upgrade is
// under way, it is done after it, by the process that serves then.
func (e *Engine) ReloadSoon(ctx context.Context) {
	out, _ := e.Reload(ctx) // it logs its own error
	if len(out.Faults) != 1 || out.Faults[0] != errUpgrading {
		return
	}
	e.owed.Store(true)
	if !e.upgrading.Load() || e.away.Load() != nil {
		e.settle()
	}
}

// settle does the reload that was asked for while an upgrade was under way.
func (e *Engine) settle() {
	if !e.owed.CompareAndSwap(true, false) {
		return
	}
	if heir := e.Heir(); heir != nil {
		heir.ReloadSoon(e.halting)
		return
	}
	s := e.next.Load()
	if s == nil {
		e.ReloadSoon(e.halting)
		return
	}
	if err := s.process.Reload(); err != nil {
		e.log.Warn("the new process was not asked to reload", "error", err)
	}
}
