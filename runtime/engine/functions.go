package engine

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/cache"
	"github.com/edge-hive/edge-hive/runtime/cache/tiered"
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/function/javascript"
	"github.com/edge-hive/edge-hive/runtime/function/operation"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/outbound"
)

// What a call may ask of its host; no field of the manifest changes it.
const (
	maxOperations = 1000
	maxStatements = 100
	maxFetches    = 10
)

// functionTime bounds how long the functions of a generation that has ended are
// waited for: longer than any call may take.
const functionTime = 40 * time.Second

// codeSecret is the code of a secret that cannot be read.
const codeSecret = "no-secret"

// definitions are a manifest's functions as they are to be loaded, with their code
// and, where they are to be called, their secrets. modules has their code by name, as check has read it.
func definitions(m *manifest.Manifest, modules map[string][]byte, secrets bool) ([]function.Definition, error) {
	var faults fault.List
	list := make([]function.Definition, 0, len(m.Functions))
	for i := range m.Functions {
		f := &m.Functions[i]
		d := function.Definition{
			Name: f.Name, Code: modules[f.Name], Path: modulePath(m, f), Files: javascript.Folder(m.Dir), Entry: f.Entry, Service: f.Service, Grants: &f.Grants,
			Limits: function.Limits{
				Memory: f.Limits.Memory, Timeout: f.Limits.Timeout, Instances: f.Limits.Instances, Waiting: f.Limits.Waiting,
				Answer: f.Limits.Answer, Log: f.Limits.Log,
				Operations: maxOperations, Statements: maxStatements, Fetches: maxFetches,
			},
			Config: make(map[string]string, len(f.Config)),
		}
		for _, setting := range f.Config {
			d.Config[setting.Name] = setting.Value
		}
		if secrets {
			var missing fault.List
			d.Secrets, missing = readSecrets(m, f)
			faults = append(faults, missing...)
		}
		list = append(list, d)
	}
	return list, faults.Err()
}

// readSecrets reads the secrets of a function, by their names in it.
func readSecrets(m *manifest.Manifest, f *manifest.Function) (map[string]manifest.SecretValue, fault.List) {
	var faults fault.List
	values := make(map[string]manifest.SecretValue, len(f.Secrets))
	for _, named := range f.Secrets {
		value, err := named.Secret.Read()
		if err != nil {
			faults = append(faults, fault.Newf(codeSecret, "the secret %s of function %s cannot be read: %v", named.Name, f.Name, err).
				WithHint("set it, or take it out of the function's secrets").At(named.Path, m.Positions.At(named.Path)))
			continue
		}
		values[named.Name] = value
	}
	return values, faults
}

// modulePath is where a module is from the manifest's folder on, as messages name
// it.
func modulePath(m *manifest.Manifest, f *manifest.Function) string {
	relative, err := filepath.Rel(m.Dir, f.Module)
	if err != nil {
		return filepath.ToSlash(f.Module)
	}
	return filepath.ToSlash(relative)
}

// fingerprint changes with what the manifest's hash does not cover: the code and
// the secrets of functions, and what middleware has in files and secrets.
func fingerprint(m *manifest.Manifest, list []function.Definition) [sha256.Size]byte {
	hash := sha256.New()
	var length [8]byte
	write := func(p []byte) {
		for i := range length {
			length[i] = byte(len(p) >> (8 * i))
		}
		hash.Write(length[:])
		hash.Write(p)
	}
	for i := range list {
		write(list[i].Code)
		for _, name := range slices.Sorted(maps.Keys(list[i].Secrets)) {
			write([]byte(name))
			write([]byte(list[i].Secrets[name].Reveal()))
		}
	}
	for i := range m.Middleware {
		// What cannot be read is a fault when the generation is built.
		if basic := m.Middleware[i].Basic; basic != nil {
			for _, user := range basic.Users {
				value, _ := user.Secret.Read()
				write([]byte(value.Reveal()))
			}
		}
		if certificate := m.Middleware[i].Certificate; certificate != nil {
			roots, _ := os.ReadFile(certificate.Roots)
			write(roots)
		}
	}
	if _, key, declared, _ := readTraces(m); declared {
		write(key[:])
	}
	var sum [sha256.Size]byte
	copy(sum[:], hash.Sum(nil))
	return sum
}

// loadFunctions makes a generation's functions ready. What is wrong with their
// code is placed at them.
func (e *Engine) loadFunctions(ctx context.Context, g *generation, operations map[string]function.Operation) (*function.Set, error) {
	if len(g.functionsToLoad) == 0 {
		return function.NewSet(), nil
	}
	host, err := e.functionHost(ctx, g.manifest)
	if err != nil {
		return nil, err
	}
	g.host = host
	var faults fault.List
	var loaded []*function.Function
	for i := range g.functionsToLoad {
		d := g.functionsToLoad[i]
		d.Operations = operations
		f, err := host.Load(ctx, d)
		if err == nil {
			loaded = append(loaded, f)
			if f.Convention() != function.JavaScript {
				continue
			}
			// Only running it tells whether a script can be loaded.
			if err = f.Warm(ctx); err == nil {
				continue
			}
		}
		var script *javascript.LoadError
		if errors.As(err, &script) {
			err = fault.New(function.CodeModule, script.Error()).WithHint("mend the script; what serves goes on as it is")
		}
		problem := fault.From(err)
		if problem.Code == fault.CodeInternal {
			return nil, errors.Join(fmt.Errorf("load function %s: %w", d.Name, err), function.NewSet(loaded...).Close(ctx))
		}
		path := g.manifest.Functions[i].Path + ".module"
		faults = append(faults, problem.At(path, g.manifest.Positions.At(path)))
	}
	set := function.NewSet(loaded...)
	if len(faults) > 0 {
		return nil, errors.Join(faults, set.Close(ctx))
	}
	return set, nil
}

// imported are the files that the generation's scripts have imported, absolute, and
// what is in them.
func (g *generation) imported() map[string][sha256.Size]byte {
	files := map[string][sha256.Size]byte{}
	for i := range g.functionsToLoad {
		f := g.functions.Function(g.functionsToLoad[i].Name)
		if f == nil {
			continue
		}
		for _, name := range f.Imported() {
			path := filepath.Join(g.manifest.Dir, filepath.FromSlash(name))
			content, err := os.ReadFile(path)
			if err == nil { // one that is gone is another by that
				files[path] = sha256.Sum256(content)
			}
		}
	}
	return files
}

// files are those that a generation is made of: the manifest's, and the code of its
// functions.
func (g *generation) files() []string {
	files := slices.Clone(g.manifest.Files)
	for i := range g.manifest.Functions {
		files = append(files, g.manifest.Functions[i].Module)
	}
	files = slices.AppendSeq(files, maps.Keys(g.imports))
	slices.Sort(files)
	return slices.Compact(files)
}

// functionHost is what runs functions, made when the first manifest has some. The
// caller holds e.turn, or starts.
func (e *Engine) functionHost(ctx context.Context, m *manifest.Manifest) (*function.Host, error) {
	if e.shared.functions != nil {
		return e.shared.functions, nil
	}
	o := function.Options{CacheDir: filepath.Join(m.DataDir(), "compiled"), Log: e.log.Logger}
	if e.metrics != nil {
		meter, err := e.metrics.Functions()
		if err != nil {
			return nil, err
		}
		o.Meter = meter
	}
	host, err := function.NewHost(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("prepare to run functions: %w", err)
	}
	e.shared.functions = host
	return host, nil
}

// warm makes an instance of each function ready, so that its first call is as fast
// as others. Whatever fails here fails again at a call, which tells.
func (e *Engine) warm(g *generation) {
	for i := range g.functionsToLoad {
		f := g.functions.Function(g.functionsToLoad[i].Name)
		usage := g.host.Usage()
		if f == nil || usage.Memory > usage.Limit/2 || e.life.Err() != nil || e.current.Load() != g {
			return
		}
		if err := f.Warm(e.life); err != nil {
			e.log.Warn("a function could not be made ready", "function", g.functionsToLoad[i].Name, "error", err)
		}
	}
}

// functionStatus is nil where a generation has no functions.
func (e *Engine) functionStatus(g *generation) *admin.Functions {
	if len(g.functionsToLoad) == 0 {
		return nil
	}
	u := g.host.Usage()
	return &admin.Functions{
		Declared: len(g.functionsToLoad), Modules: u.Modules, Running: u.Running, Waiting: u.Waiting, Idle: u.Idle, Memory: u.Memory, Limit: u.Limit,
	}
}

// closeFunctions ends a generation's functions when their calls have ended.
func (g *generation) closeFunctions() error {
	if g.functions == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), functionTime)
	defer cancel()
	return g.functions.Close(ctx)
}

// valuesSize bounds what functions keep in the cache.
const valuesSize = 64 << 20

// operations are what a generation's functions may ask for.
func (e *Engine) operations(g *generation) (map[string]function.Operation, error) {
	if len(g.functionsToLoad) == 0 {
		return nil, nil
	}
	if e.shared.values == nil {
		values, err := e.openValues()
		if err != nil {
			return nil, err
		}
		e.shared.values, e.shared.outbound = values, outbound.New()
	}
	return operation.New(operation.Options{
		Gate: g.gate, Values: e.shared.values, Fetcher: e.shared.outbound, Publisher: publisher{e},
		Body: g.manifest.Limits.Body, Log: e.log.Logger,
	}), nil
}

// openValues opens what functions keep, which nodes share where they have a Redis.
func (e *Engine) openValues() (cache.Values, error) {
	if e.shared.redis != nil {
		return e.shared.redis.Values(), nil
	}
	values, err := tiered.NewValues(valuesSize, nil)
	if err != nil {
		return nil, fmt.Errorf("open the functions' cache: %w", err)
	}
	return values, nil
}

// publisher is the hub, which begins after the first generation.
type publisher struct{ engine *Engine }

func (p publisher) Publish(ctx context.Context, caller *auth.Caller, channel, event string, payload json.RawMessage) (string, error) {
	return p.engine.shared.hub.Publish(ctx, caller, channel, event, payload)
}
