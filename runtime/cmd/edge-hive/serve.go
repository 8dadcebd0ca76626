package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/edge-hive/edge-hive/runtime/engine"
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/engine/handover"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

type serveCommand struct {
	manifestArgs
	Watch bool          `help:"Reload when a file of the manifest is saved, or a module of a function is built."`
	Drain time.Duration `placeholder:"TIME" help:"Serve on for that long after SIGTERM, while /ready says no: for load balancers to notice."`
}

// maxDrain bounds what --drain may ask for: supervisors kill what does not end.
const maxDrain = 10 * time.Minute

// Run serves until SIGTERM or Ctrl-C. SIGHUP reloads, SIGUSR2 upgrades.
func (c *serveCommand) Run(call *call) error {
	if c.Drain < 0 || c.Drain > maxDrain {
		return hinted(fmt.Errorf("--drain=%s is not between 0s and %s", c.Drain, maxDrain), "how long does the load balancer take to ask /ready twice?")
	}
	return call.serve(engine.Options{Path: c.Path, Tags: c.Tags, Watch: c.Watch, Log: call.err, Linger: linger, Drain: c.Drain}, nil)
}

// linger is for how long a stop waits for the next request on a connection that had
// one a moment ago: clients that are at work get an answer which ends it, and not a
// connection that is cut as they send.
const linger = time.Second

// upgradeTimes are the usual ones, but in tests.
var upgradeTimes engine.UpgradeTimes

// spareHeap is allocated by a server and never touched, so it is address space
// and no memory. The collector counts it as live: it runs after that much more
// has been allocated, and not every 3 MB, as it would beside the few that a
// small backend has alive. That is a tenth of a cheap request's CPU. A share of
// the live heap (GOGC) would do the same for small backends, but multiply the
// memory of those with a large cache.
const spareHeap = 8 << 20

type devCommand struct {
	manifestArgs
}

// Run serves on loopback, reloads on save, builds functions whose sources are
// saved, and prints what to try.
func (c *devCommand) Run(call *call) error {
	o := engine.Options{Path: c.Path, Tags: c.Tags, Watch: true, Dev: true, Log: call.err}
	refused := "" // what was said last; to watch more files is a reload that says it again
	o.OnReload = func(out engine.Outcome) {
		said := ""
		if out.Result == admin.Refused {
			said = out.Faults.Error()
		}
		if said == "" || said != refused {
			call.sayReload(out)
		}
		refused = said
	}
	o.Build = func(ctx context.Context, f *manifest.Function) {
		if !call.build(ctx, f) {
			call.tell("function %s stays as it was\n", f.Name)
		}
	}
	return call.serve(o, func(e *engine.Engine) {
		m, keys := e.Manifest(), e.Keys()
		call.say("%s is at %s\n\n", nameOf(m), e.URL())
		call.say("%s\n", strings.Join(tryOut(m, e.URL(), keys), "\n"))
		if addr := e.MetricsAddr(); addr != nil {
			call.say("  # metrics\n  %s\n", curl("GET", "http://"+localAddress(addr.String())+"/metrics", "", ""))
		}
		call.say("\n  publishable key  %s\n  secret key       %s\n", keys.Publishable, keys.Secret)
		call.say("\nEdit %s and save: it reloads. Ctrl-C ends it.\n\n", m.Files[0])
	})
}

// sayReload tells a developer what saving did.
func (t *terminal) sayReload(out engine.Outcome) {
	switch out.Result {
	case admin.Refused:
		_ = t.printFaults(out.Faults) // the terminal is gone: the log still says it
		t.tell("\nnot reloaded: generation %d serves on\n", out.Generation)
	case admin.Unchanged:
		t.say("the manifest is as before: generation %d serves on\n", out.Generation)
	case admin.Swapped:
		for _, step := range out.Steps {
			t.say("%s\n", step)
		}
		if out.Backup != "" {
			t.say("backup before it: %s\n", out.Backup)
		}
		t.say("reloaded in %s: generation %d\n", out.Took.Round(time.Millisecond), out.Generation)
	}
}

// serve runs an engine until a signal comes, it fails, or another process has taken
// its place.
func (call *call) serve(o engine.Options, started func(*engine.Engine)) error {
	restrictFiles()
	if o.Build == nil { // dev starts compilers, and waits for them itself
		defer adoptOrphans()()
	}
	defer runtime.KeepAlive(make([]byte, spareHeap))
	// Signals that come while it starts are not lost.
	ctx, stop := signal.NotifyContext(call.ctx, stopSignals()...)
	defer stop()
	told := make(chan os.Signal, 4)
	signal.Notify(told, append(reloadSignals(), upgradeSignals()...)...)
	defer signal.Stop(told)
	o.Version = buildVersion().Version
	o.Program, o.Arguments, o.UpgradeTimes = program(), os.Args[1:], upgradeTimes
	var err error
	if o.Sockets, o.Before, err = engine.Given(); err != nil {
		return call.notFollowing(o.Before, err)
	}
	e, err := engine.Start(ctx, o)
	if err != nil {
		if ctx.Err() != nil && call.ctx.Err() == nil {
			return nil // stopped before it began
		}
		return call.notFollowing(o.Before, err)
	}
	if started != nil {
		started(e)
	}
	for {
		failed := call.accompany(ctx, e, told)
		if heir := e.Heir(); failed == nil && heir != nil && ctx.Err() == nil {
			e = heir // an upgrade has failed: what was served is served on
			continue
		}
		stop() // a second signal ends the process at once
		closeErr := e.Close()
		if failed != nil {
			return failed
		}
		return closeErr
	}
}

// notFollowing says why a process cannot serve: where it was started by an upgrade,
// to the process before, which tells who has asked for it.
func (call *call) notFollowing(before *handover.Before, err error) error {
	if before == nil {
		return call.explain(err)
	}
	if failed := before.Failed(engine.Failure(err)); failed != nil {
		return errors.Join(err, failed)
	}
	return errFaults
}

// accompany does what signals ask for until the engine has ended. The log says how
// it went.
func (call *call) accompany(ctx context.Context, e *engine.Engine, told <-chan os.Signal) error {
	ended := make(chan struct{})
	var asked sync.WaitGroup
	asked.Go(func() {
		for {
			select {
			case <-ended:
				return
			case s := <-told:
				if slices.Contains(upgradeSignals(), s) {
					_, _ = e.Upgrade(ctx, "") // it logs its own error
				} else {
					e.ReloadSoon(ctx)
				}
			}
		}
	})
	failed := e.Wait(ctx)
	close(ended)
	asked.Wait()
	return failed
}

// program is the file that this process was started from, as an upgrade starts it
// again: by the name that it was called by, so that a link that has moved on leads
// to the new one.
func program() string {
	if path, err := exec.LookPath(os.Args[0]); err == nil {
		if path, err = filepath.Abs(path); err == nil {
			return path
		}
	}
	path, err := os.Executable()
	if err != nil {
		return "" // then an upgrade is refused
	}
	return path
}
