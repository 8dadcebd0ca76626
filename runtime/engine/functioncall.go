package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/cache/tiered"
	"github.com/edge-hive/edge-hive/runtime/check"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/function/operation"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/outbound"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// FunctionAsk is a call of a function of a backend that does not run.
type FunctionAsk struct {
	Name  string
	Event *function.Event
	// Stored works on the rows of the database; else it has those of the seeds, in
	// memory, and nothing of it is kept.
	Stored bool
	// Log takes what the functions say, why calls failed, and what they published.
	Log *slog.Logger
	// CacheDir keeps compiled code for the next time; "" keeps none.
	CacheDir string
}

// CallFunction calls a function of a checked manifest, made by FunctionAlone: no
// server, no triggers, no schedules. What is wrong with the call is a fault.
func CallFunction(ctx context.Context, m *manifest.Manifest, checked *check.Checked, ask *FunctionAsk, answer function.Answer) (err error) {
	view, closeView, err := viewFor(ctx, m, checked, ask.Stored)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeView()) }()
	answers, err := openCache(m, nil, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, answers.Close()) }()
	gate, err := data.New(data.Options{Manifest: m, Schema: checked.Schema, Rules: checked.Rules, View: view, Cache: answers})
	if err != nil {
		return fmt.Errorf("build the gate: %w", err)
	}
	if !ask.Stored {
		if err := seedAll(ctx, m, checked, gate); err != nil {
			return err
		}
	}
	if ask.Event.Kind == function.KindRequest {
		if err := gate.MayRun(ctx, ask.Event.Caller, ask.Name); err != nil {
			return err
		}
	}
	set, closeSet, err := loadAlone(ctx, m, checked, ask, gate)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeSet()) }()
	return set.Call(ctx, ask.Name, ask.Event, answer)
}

// viewFor is the rows that a call works on.
func viewFor(ctx context.Context, m *manifest.Manifest, checked *check.Checked, stored bool) (store.View, func() error, error) {
	if !stored {
		return openEmpty(ctx, m, checked)
	}
	if neverMade(m) {
		return nil, nil, errNotMigrated.WithHint("make it first: edge-hive apply")
	}
	db, view, err := openStored(ctx, m, checked)
	switch {
	case errors.Is(err, errNotMigrated):
		return nil, nil, errNotMigrated.WithHint("bring it there first: edge-hive apply")
	case isServed(err):
		return nil, nil, fault.New("served", "the database is being served, and its rows are the server's to write").
			WithHint("call the function there, at /api/edge/NAME; or leave --database out")
	case err != nil:
		return nil, nil, err
	}
	return view, func() error { return errors.Join(view.Close(), db.Close()) }, nil
}

// seedAll fills the tables that have a seed, each after those that it refers to.
func seedAll(ctx context.Context, m *manifest.Manifest, checked *check.Checked, gate *data.Gate) error {
	for _, name := range parentsFirst(checked.Schema) {
		table := m.Table(name)
		if table == nil || table.Seed == "" {
			continue
		}
		if _, err := gate.Seed(ctx, name, table.Seed); err != nil {
			return seedFault(m, table, err)
		}
	}
	return nil
}

// FunctionAlone is a manifest without the functions that one function does not
// call, itself or through others, so that it can be called while they are not
// built.
func FunctionAlone(m *manifest.Manifest, name string) *manifest.Manifest {
	needed := *m
	needed.Functions = nil
	var add func(name string)
	add = func(name string) {
		f := m.Function(name)
		if f == nil || needed.Function(name) != nil {
			return
		}
		needed.Functions = append(needed.Functions, *f)
		for _, called := range f.Grants.Functions {
			add(called)
		}
	}
	add(name)
	needed.Routes = slices.DeleteFunc(slices.Clone(m.Routes), func(r manifest.Route) bool {
		return r.Function != nil && needed.Function(r.Function.Name) == nil
	})
	return &needed
}

// loadAlone makes the functions of a manifest ready.
func loadAlone(ctx context.Context, m *manifest.Manifest, checked *check.Checked, ask *FunctionAsk, gate *data.Gate) (*function.Set, func() error, error) {
	definitions, err := definitions(m, checked.Modules, true)
	if err != nil {
		return nil, nil, err
	}
	host, err := function.NewHost(ctx, function.Options{Log: ask.Log, CacheDir: ask.CacheDir})
	if err != nil {
		return nil, nil, fmt.Errorf("prepare to run functions: %w", err)
	}
	end := context.WithoutCancel(ctx)
	operations, closeOperations, err := operationsAlone(m, gate, ask)
	if err != nil {
		return nil, nil, errors.Join(err, host.Close(end))
	}
	var loaded []*function.Function
	for _, d := range definitions {
		d.Operations = operations
		f, err := host.Load(ctx, d)
		if err != nil {
			return nil, nil, errors.Join(err, host.Close(end), closeOperations())
		}
		loaded = append(loaded, f)
	}
	return function.NewSet(loaded...), func() error { return errors.Join(host.Close(end), closeOperations()) }, nil
}

// CallerNamed is a caller by his role, without a user.
func CallerNamed(role string) (*auth.Caller, bool) {
	switch auth.Role(role) {
	case auth.Anon, auth.Authenticated, auth.Service:
		return &auth.Caller{Role: auth.Role(role), Claims: "{}"}, true
	}
	return nil, false
}

// operationsAlone are what functions may ask for where no server runs. Hosts are
// reached as ever; what is published is told to the log, for nobody listens.
func operationsAlone(m *manifest.Manifest, gate *data.Gate, ask *FunctionAsk) (map[string]function.Operation, func() error, error) {
	values, err := tiered.NewValues(m.Cache.MemorySize, time.Now)
	if err != nil {
		return nil, nil, fmt.Errorf("open the cache: %w", err)
	}
	client := outbound.New()
	operations := operation.New(operation.Options{
		Gate: gate, Values: values, Fetcher: client, Publisher: &publishedToLog{gate: gate, log: ask.Log}, Body: m.Limits.Body, Log: ask.Log,
	})
	return operations, func() error { return errors.Join(client.Close(), values.Close()) }, nil
}

// publishedToLog stands for a hub without subscribers.
type publishedToLog struct {
	gate *data.Gate
	log  *slog.Logger
	sent atomic.Int64
}

// Publish is of operation.Publisher.
func (p *publishedToLog) Publish(_ context.Context, caller *auth.Caller, channel, event string, payload json.RawMessage) (string, error) {
	if err := p.gate.MaySend(caller, channel); err != nil {
		return "", err
	}
	p.log.Info("published", "channel", channel, "event", event, "payload", string(payload))
	return strconv.FormatInt(p.sent.Add(1), 10), nil
}
