// Package load reads a manifest: it runs CUE over the user's files, checks the
// outcome against the definitions in schema/, fills in defaults and gives the
// plain structs of package manifest. It also formats manifests, prints the
// reference, and checks a team's policy. The commands and the engine call it;
// it is the only importer of CUE, keeps nothing of it once a call returns, and
// never opens a database, the network or a secret.
package load

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// maxTime bounds a load. CUE cannot be interrupted: an evaluation that takes
// longer goes on in its goroutine until it ends, and its outcome is dropped.
const maxTime = 5 * time.Second

// Options say what to load.
type Options struct {
	// Path is the manifest's file or folder; "" is the current folder.
	Path string
	// Tags are what -t was given: "prod" or "env=prod".
	Tags []string
	// Overlay holds files that are not, or not like this, on disk, by their
	// absolute path.
	Overlay map[string][]byte
}

// Load reads a manifest. An error is a fault.List of all that is wrong with
// it. Load may be called concurrently.
func Load(ctx context.Context, o Options) (*manifest.Manifest, error) {
	l, err := run(ctx, o)
	if err != nil {
		return nil, err
	}
	return l.manifest, nil
}

// loaded is a manifest, and the tree that it was made of.
type loaded struct {
	manifest *manifest.Manifest
	root     *node
}

// run loads within the time that a load may take.
func run(ctx context.Context, o Options) (*loaded, error) {
	var l *loaded
	err := within(ctx, func() error {
		made, err := load(o)
		l = made
		return err
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// within does what calls CUE, in a bounded time. A panic inside CUE is a fault
// like others. What work writes may be read only if there is no error.
func within(ctx context.Context, work func() error) error {
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		var err error
		defer func() {
			if r := recover(); r != nil {
				err = fault.List{fault.New(codeEvaluation, "CUE cannot work out this manifest").
					WithHint("take the last change back, or make it smaller").
					WithCause(fmt.Errorf("panic while loading: %v", r))}
			}
			done <- err
		}()
		err = work()
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fault.List{fault.Newf(codeTooSlow, "the manifest could not be worked out within %s", maxTime).
			WithHint("a comprehension or definition in it makes too much; make it smaller").WithCause(ctx.Err())}
	}
}

// load does the work: locate, evaluate, read, check, decode.
func load(o Options) (*loaded, error) {
	defs, err := compiled()
	if err != nil {
		return nil, fault.List{fault.Internal(err)}
	}
	p, f := locate(o.Path, o.Overlay)
	if f != nil {
		return nil, fault.List{f}
	}
	ev := evaluate(p, o.Tags)
	if !ev.whole {
		if len(ev.faults) == 0 {
			ev.faults = fault.List{fault.New(codeEvaluation, "CUE cannot load this manifest").
				WithHint("see what it imports and refers to").At("", fault.Position{File: p.files[0], Line: 1, Column: 1})}
		}
		return nil, finish(ev.faults)
	}
	r := &reader{}
	root := r.root(ev.value, declare(ev.sources.files))
	root.label = fault.Position{File: p.files[0], Line: 1, Column: 1}
	if len(root.fields) == 0 && len(ev.found) > 0 {
		return nil, finish(ev.explain(nil, nil))
	}
	optional := optionalFaults(ev.sources.files, root) // before defaults fill it in
	c := newConformer()
	c.value(root, defs.shapes["#Manifest"])
	addUsers(c, root, defs)
	d := &decoder{dir: p.dir}
	m := d.manifest(root)
	own := slices.Concat(c.faults, d.notWithin(c.faults), optional)
	faults := slices.Concat(ev.explain(r.found, own), own)
	if n := root.firstBroken(); n != nil && len(faults) == 0 {
		f := fault.New(codeEvaluation, "CUE cannot work out this value").WithHint("see what it refers to")
		faults = append(faults, f.At(n.path(), n.nearestPlace()))
	}
	if len(faults) > 0 {
		return nil, finish(faults)
	}
	m.Dir, m.Files = p.dir, p.files
	m.Positions = make(manifest.Positions, root.count())
	root.positions(m.Positions)
	sum := sha256.Sum256(root.json(nil))
	m.Hash = hex.EncodeToString(sum[:])
	return &loaded{manifest: m, root: root}, nil
}

// finish sorts faults, drops what is said twice and gives them as an error.
func finish(faults fault.List) error {
	faults.Sort()
	return slices.CompactFunc(faults, sameMistake).Err()
}
