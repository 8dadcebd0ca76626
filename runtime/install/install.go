package install

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// The places that are the same on every server.
const (
	unitName        = "edge-hive.service"
	unitFile        = "/etc/systemd/system/" + unitName
	environmentFile = "/etc/edge-hive/environment"
	recordFile      = "/etc/edge-hive/installed.json"
	accountFile     = "/etc/sysusers.d/edge-hive.conf"
)

// What stands where nothing is said.
const (
	DefaultUser   = "edge-hive"
	DefaultDir    = "/srv/edge-hive"
	DefaultBinary = "/usr/local/bin/edge-hive"
)

// readyTime is how long a backend that systemd says is started may take until it
// answers.
const readyTime = time.Minute

// Options say what is installed, and where.
type Options struct {
	// Manifest is valid; Name is what the service shall call it, from its folder on:
	// a file's name, or "." for the folder. Tags are those it was loaded with.
	Manifest *manifest.Manifest
	Name     string
	Tags     []string
	// Imported are the files that its scripts import, absolute.
	Imported []string
	// Executable is the binary that is copied to Binary.
	Executable string

	User, Dir, Binary string
	// Root is the folder that stands for / : an image's. Nothing is started then.
	Root string
	// Idle leaves the service as it is: neither started nor reloaded.
	Idle bool

	// Load loads the manifest that was copied. It must be valid as it was.
	Load func(ctx context.Context, path string) (*manifest.Manifest, error)
	// Backend is the one that may run on a data folder.
	Backend func(dataDir string) Backend
	// Say is told each thing that was done.
	Say func(line string)

	// pretended takes Root for the machine itself, as tests do.
	pretended bool
}

// Backend is how a running backend is asked and told.
type Backend interface {
	// Running gives the addresses that it listens on, and whether it is ready;
	// ErrNotRunning where nothing answers.
	Running(ctx context.Context) (addresses []string, ready bool, err error)
	// Reload makes it read its manifest again, and says how that went.
	Reload(ctx context.Context) (string, error)
	// Upgrade puts the binary that is there now in its place.
	Upgrade(ctx context.Context) error
}

// ErrNotRunning is returned where no backend runs on a data folder.
var ErrNotRunning = errors.New("no backend runs there")

// Problems are all that keeps a backend from being installed, a line each with a
// hint.
type Problems []Problem

// Problem is one thing, and what to do about it.
type Problem struct{ What, Hint string }

// Error is a line each.
func (p Problems) Error() string {
	lines := make([]string, 0, len(p))
	for _, problem := range p {
		lines = append(lines, problem.What+": "+problem.Hint)
	}
	return strings.Join(lines, "\n")
}

// Plan is what is to be done. It was looked at, and nothing is in its way.
type Plan struct {
	o       Options
	data    string // the data folder, as the service sees it
	files   []file
	record  record
	before  record // what the last install left
	steps   []step
	runs    bool     // the service, now
	former  []former // what was replaced, until what runs has taken what is new
	missing []string // secrets without a value
	secrets map[string]string
	changed struct{ binary, files, unit bool }
}

// step is one thing that is done, unless it is as it should be.
type step struct {
	what string
	done bool
	do   func(context.Context) error
}

// Look finds out what is to be done. What is in the way is Problems.
func Look(ctx context.Context, o Options) (*Plan, error) {
	p := &Plan{o: o}
	problems := p.places()
	if len(problems) > 0 {
		return nil, problems // the rest would be about places that are not to be
	}
	problems = append(problems, p.machine(ctx)...)
	var err error
	if p.before, err = readRecord(p.at(recordFile)); err != nil {
		return nil, err
	}
	if err := p.observe(ctx, &problems); err != nil {
		return nil, err
	}
	found, wrong, err := p.named()
	if err != nil {
		return nil, err
	}
	p.files = found
	problems = append(problems, wrong...)
	problems = append(problems, p.ports(ctx)...)
	if len(problems) > 0 {
		return nil, problems
	}
	return p, p.lay()
}

// Lines are what would be done, a line each.
func (p *Plan) Lines() []string {
	var lines []string
	for _, s := range p.steps {
		if !s.done {
			lines = append(lines, s.what)
		}
	}
	if p.o.live() && !p.o.Idle && len(p.missing) == 0 {
		lines = append(lines, "starts the service, or goes over to what is new where it runs")
	}
	return lines
}

// Missing are the secrets that the manifest takes from the environment and that
// have no value yet.
func (p *Plan) Missing() []string { return p.missing }

// Runs tells that the service ran as it was looked at.
func (p *Plan) Runs() bool { return p.runs }

// DataDir is the data folder, as the service sees it.
func (p *Plan) DataDir() string { return p.data }

// ManifestPath is the manifest as it is installed.
func (p *Plan) ManifestPath() string { return filepath.Join(p.o.Dir, p.o.Name) }

// Do does it.
func (p *Plan) Do(ctx context.Context) error {
	defer usualMask()()
	for _, s := range p.steps {
		if s.done {
			continue
		}
		if err := s.do(ctx); err != nil {
			return p.putBack(ctx, fmt.Errorf("%s: %w", s.what, err))
		}
		p.o.Say(s.what)
	}
	if err := p.verify(ctx); err != nil {
		return p.putBack(ctx, err)
	}
	if err := p.enable(ctx); err != nil {
		return p.putBack(ctx, err)
	}
	if p.o.Idle || !p.o.live() || len(p.missing) > 0 {
		p.taken()
		return nil
	}
	return p.run(ctx)
}

// live tells that the service is of this machine.
func (o *Options) live() bool { return o.Root == "" || o.pretended }

// at is a path of the server, below Root.
func (p *Plan) at(path string) string { return p.o.at(path) }

func (o *Options) at(path string) string { return filepath.Join(o.Root, path) }

// verify loads the manifest at its new place: what it names must be there, and
// where the service sees it.
func (p *Plan) verify(ctx context.Context) error {
	m, err := p.o.Load(ctx, p.at(p.ManifestPath()))
	if err != nil {
		return err
	}
	if wrong := hidden(m, p.at(p.o.Dir)); len(wrong) > 0 {
		return wrong
	}
	return nil
}

// lay makes the steps, in their order.
func (p *Plan) lay() error {
	account, err := p.account()
	if err != nil {
		return err
	}
	p.steps = append(p.steps, account...)
	folders, err := p.folders()
	if err != nil {
		return err
	}
	p.steps = append(p.steps, folders...)
	binary, err := p.binary()
	if err != nil {
		return err
	}
	p.steps = append(p.steps, binary)
	copies, err := p.copies()
	if err != nil {
		return err
	}
	p.steps = append(p.steps, copies...)
	environment, err := p.environment()
	if err != nil {
		return err
	}
	p.steps = append(p.steps, environment)
	unit, err := p.unit()
	if err != nil {
		return err
	}
	p.steps = append(p.steps, unit)
	return p.keep()
}

// folders are made with their modes: the backend's own is the service's to read,
// the data folder to write.
func (p *Plan) folders() ([]step, error) {
	type folder struct {
		path  string
		mode  os.FileMode
		owned bool // by the service
	}
	list := []folder{{p.o.Dir, 0o750, false}, {filepath.Dir(environmentFile), 0o755, false}}
	if p.data == p.o.Dir {
		list[0] = folder{p.o.Dir, 0o700, true}
	} else {
		list = append(list, folder{p.data, 0o700, true})
	}
	var steps []step
	for _, f := range list {
		at := p.at(f.path)
		info, err := os.Stat(at)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		there := err == nil && info.Mode().Perm() == f.mode
		s := step{what: fmt.Sprintf("folder %s (%04o)", f.path, f.mode), done: there}
		s.do = func(context.Context) error {
			if err := os.MkdirAll(at, f.mode); err != nil {
				return err
			}
			return os.Chmod(at, f.mode)
		}
		steps = append(steps, s)
		if f.path == filepath.Dir(environmentFile) {
			continue // root's
		}
		steps = append(steps, p.owner(f.path, f.owned))
	}
	return steps, nil
}

// binary copies the executable.
func (p *Plan) binary() (step, error) {
	to := p.at(p.o.Binary)
	same, err := sameContent(p.o.Executable, to)
	if err != nil {
		return step{}, err
	}
	p.changed.binary = !same
	return step{what: "binary " + p.o.Binary, done: same, do: func(context.Context) error {
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil { //nolint:gosec // G301: the system's folder, for all to read
			return err
		}
		if err := errors.Join(leftovers{}.clear(to), p.replaces(to)); err != nil {
			return err
		}
		return copyFile(p.o.Executable, to, 0o755, -1, -1)
	}}, nil
}
