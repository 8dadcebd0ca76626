package javascript

import (
	"context"
	"errors"
	"fmt"

	"github.com/tetratelabs/wazero/api"
)

// Instance is an instance of the engine whose memory is an image's. It serves one
// call at a time, and after each its memory and globals are to be made again what
// they were.
type Instance struct {
	image *Image
	guest *guest
}

// Bind says that a module's memory and globals are the image's.
func (i *Image) Bind(module api.Module) *Instance {
	return &Instance{image: i, guest: &guest{
		module: module, memory: module.Memory(), context: i.context, scratch: i.scratch,
	}}
}

// MachineStack is how many bytes of the host's memory the machine stacks take that
// scripts run on. It may be asked for during a call, by a function of the host.
func (n *Instance) MachineStack() int {
	return n.guest.machine.size()
}

// Renew gives up the machine stacks, and with them what a deep recursion has made
// of them. Between calls only.
func (n *Instance) Renew() {
	g := n.guest
	g.machine = machineStacks{}
	g.outer[exportCall], g.outer[exportRunJob] = nil, nil
}

// Call runs the script's handler for an event. The error is a *Failure where the
// script failed; any other is what ended the instance, which is not to be used
// again.
func (n *Instance) Call(ctx context.Context, host Host) error {
	i, g := n.image, n.guest
	s := &session{guest: g, script: i.script, host: host}
	ctx = context.WithValue(ctx, sessionKey{}, s)
	g.nested = false
	var failure error
	err := enter(func() {
		result, ok := g.apply(ctx, i.dispatch)
		if !ok {
			failure = i.failure(ctx, s, result)
			return
		}
		g.free(ctx, result)
		failure = i.settle(ctx, s, true)
		i.reject(ctx, s)
	})
	switch {
	case errors.Is(err, errMemory):
		return &Failure{Message: errMemory.Error(), Memory: true}
	case err != nil:
		return fmt.Errorf("run %s: %w", i.script.Path, err)
	case errors.Is(failure, errUnsettled):
		return &Failure{Message: failure.Error()}
	case failure != nil:
		var f *Failure
		if errors.As(failure, &f) {
			return f
		}
		return fmt.Errorf("run %s: %w", i.script.Path, failure)
	}
	return nil
}

// reject logs the rejections that nobody listened to. They fail no call: its
// answer may have gone out.
func (i *Image) reject(ctx context.Context, s *session) {
	for _, r := range s.rejected {
		f := i.failure(ctx, s, r.reason)
		text := "a promise was rejected, and nobody listened: " + f.Message
		if f.Stack != "" {
			text += "\n" + f.Stack
		}
		s.host.Log(levelError, text)
	}
	s.rejected = nil
}

const levelError = 3
