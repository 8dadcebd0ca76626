package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/engine/forward"
	"github.com/edge-hive/edge-hive/runtime/engine/handover"
	"github.com/edge-hive/edge-hive/runtime/engine/sockets"
	"github.com/edge-hive/edge-hive/runtime/engine/supervisor"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web/wire"
)

// left is what an engine leaves to its heir: what it has served, whatever the files
// say by now.
type left struct {
	draft draft
	// migration is the last one that it knew. One that came after it is of a process
	// that has answered nobody, and is taken back.
	migration int64
	certified []string
	// beside tells that it stays, as something would be lost with it.
	beside bool
}

// Given is the sockets that a process was started with: by the one before, which
// is given too, or by systemd.
func Given() (*sockets.Set, *handover.Before, error) {
	before, err := handover.FromEnvironment()
	if err != nil {
		return nil, nil, err
	}
	if before == nil {
		s, err := sockets.FromSystemd()
		return s, nil, err
	}
	var n note
	if err := json.Unmarshal(before.Note, &n); err != nil {
		return nil, before, fmt.Errorf("what was handed on: %w", err)
	}
	s, err := sockets.FromFiles(n.Sockets, before.Files)
	return s, before, err
}

// begin is the draft to start from.
func (e *Engine) begin(ctx context.Context) (draft, error) {
	if e.options.left != nil {
		return e.options.left.draft, nil
	}
	return e.draft(ctx)
}

// takeOver opens the store, once it is free. A process that follows another one
// does before what it can do beside that.
func (e *Engine) takeOver(ctx context.Context, d draft) error {
	m := d.manifest
	if e.options.Before != nil {
		if err := e.bindSockets(ctx, m); err != nil {
			return err
		}
		if err := e.rehearse(ctx, d); err != nil {
			return err
		}
		if err := e.options.Before.Prepared(ctx); err != nil {
			return err
		}
	}
	if err := e.shared.openStore(ctx, m, e.log.Logger); err != nil {
		return err
	}
	if err := e.openRedis(ctx, d); err != nil {
		return err
	}
	if l := e.options.left; l != nil {
		return e.takeBack(ctx, l)
	}
	return nil
}

// rehearse builds everything that needs no database, and drops it: what is wrong
// is found before the other process has let go.
func (e *Engine) rehearse(ctx context.Context, d draft) (err error) {
	answers, err := openCache(d.manifest, nil, nil)
	if err != nil {
		return err
	}
	g := &generation{draft: d, cache: answers}
	defer func() { err = errors.Join(err, g.closeCache(nil)) }()
	return e.tryBuild(ctx, g)
}

// succeed tells that this process serves, to the one before and to the supervisor,
// and takes over what reaches the one before.
func (e *Engine) succeed(ctx context.Context, m *manifest.Manifest) error {
	b := e.options.Before
	if b != nil || e.options.left != nil {
		if err := e.serveForwarded(ctx, m); err != nil {
			return err
		}
	}
	e.tell(supervisor.Ready)
	if b != nil {
		if err := b.Ready(); err != nil {
			e.log.Warn("the process before was not told", "error", err) // it has ended
		}
		e.options.Sockets.Own()
	}
	dropped, err := e.options.Sockets.Drop()
	if len(dropped) > 0 {
		e.log.Warn("sockets were given that the manifest does not ask for", "closed", dropped)
	}
	return err
}

// tell tells the supervisor; that it does not hear is no reason to end.
func (e *Engine) tell(what func() error) {
	if err := what(); err != nil {
		e.log.Warn("the supervisor was not told", "error", err)
	}
}

// serveForwarded answers what reaches the process before. Those before that one
// reach it here, too.
func (e *Engine) serveForwarded(ctx context.Context, m *manifest.Manifest) error {
	l, err := e.options.Sockets.Through(forwardSocket, admin.ForwardPath(m.DataDir()), func() (net.Listener, error) {
		return admin.ListenForward(ctx, m.DataDir())
	})
	if err != nil {
		return err
	}
	e.serveClients(forwardSocket, wire.NewServer(forward.From(e), e.log.Logger), l)
	return nil
}

// certified are the names that clients get a certificate for.
func (e *Engine) certified() []string {
	f := e.shared.tls
	if f == nil || f.certificates == nil {
		return nil
	}
	var names []string
	for _, one := range f.certificates.Status() {
		if !one.NotAfter.IsZero() {
			names = append(names, one.Name)
		}
	}
	return names
}

// certifyTime bounds how long the certificates of before are waited for.
const certifyTime = 10 * time.Second

// awaitCertificates waits until those are read that are there, and those that clients
// got from who served before: who connects meanwhile would be turned away else. An
// authority is not waited for.
func (e *Engine) awaitCertificates() {
	ctx, cancel := context.WithTimeout(e.life, certifyTime)
	defer cancel()
	e.shared.tls.certificates.Recalled(ctx)
	var before []string
	switch {
	case e.options.left != nil:
		before = e.options.left.certified
	case e.options.Before != nil:
		var n note
		if err := json.Unmarshal(e.options.Before.Note, &n); err == nil { // Given has read it
			before = n.Certified
		}
	}
	if len(before) == 0 {
		return
	}
	until(ctx, func() bool {
		for _, one := range e.shared.tls.certificates.Status() {
			if one.NotAfter.IsZero() && slices.Contains(before, one.Name) {
				return false
			}
		}
		return true
	})
}

// Failure is why this process cannot follow the one before, as that one tells it.
func Failure(err error) *handover.Failure {
	f := &handover.Failure{Message: err.Error()}
	var faults fault.List
	var single *fault.Fault
	switch {
	case errors.As(err, &faults):
	case errors.As(err, &single) && single.Code != fault.CodeInternal:
		faults = fault.List{single}
		f.Message, f.Hint = single.Message, single.Hint
	default:
		return f
	}
	report, err := json.Marshal(fault.NewReport(faults, ""))
	if err == nil {
		f.Report = report
	}
	return f
}
