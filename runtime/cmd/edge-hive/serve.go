package main

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/engine"
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

type serveCommand struct {
	manifestArgs
	Watch bool `help:"Reload when a file of the manifest is saved, or a module of a function is built."`
}

// Run serves until SIGTERM or Ctrl-C. SIGHUP reloads.
func (c *serveCommand) Run(call *call) error {
	return call.serve(engine.Options{Path: c.Path, Tags: c.Tags, Watch: c.Watch, Log: call.err}, nil)
}

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

// serve runs an engine until a signal comes or it fails.
func (call *call) serve(o engine.Options, started func(*engine.Engine)) error {
	restrictFiles()
	defer runtime.KeepAlive(make([]byte, spareHeap))
	// Signals that come while it starts are not lost.
	ctx, stop := signal.NotifyContext(call.ctx, stopSignals()...)
	defer stop()
	reloads := make(chan os.Signal, 1)
	signal.Notify(reloads, reloadSignals()...)
	defer signal.Stop(reloads)
	o.Version = buildVersion().Version
	e, err := engine.Start(ctx, o)
	if err != nil {
		if ctx.Err() != nil && call.ctx.Err() == nil {
			return nil // stopped before it began
		}
		return call.explain(err)
	}
	if started != nil {
		started(e)
	}
	ended := make(chan struct{})
	reloading := make(chan struct{})
	go func() {
		defer close(reloading)
		reloadOnSignal(ctx, e, reloads, ended)
	}()
	failed := e.Wait(ctx)
	stop() // a second signal ends the process at once
	closeErr := e.Close()
	close(ended)
	<-reloading
	if failed != nil {
		return failed
	}
	return closeErr
}

// reloadOnSignal reloads for each signal until the engine has ended. The log
// says how it went.
func reloadOnSignal(ctx context.Context, e *engine.Engine, signals <-chan os.Signal, ended <-chan struct{}) {
	for {
		select {
		case <-ended:
			return
		case <-signals:
			_, _ = e.Reload(ctx) // it logs its own error
		}
	}
}
