package engine

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/pprof"
	"os"
	"time"

	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/fault"
)

// adminHandler answers what is asked over the admin socket.
func (e *Engine) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+admin.PathReload, e.answerReload)
	mux.HandleFunc("POST "+admin.PathUpgrade, e.answerUpgrade)
	mux.HandleFunc("GET "+admin.PathStatus, func(w http.ResponseWriter, r *http.Request) { e.answerJSON(w, e.Status(r.Context())) })
	mux.HandleFunc("GET "+admin.PathUser, e.onGeneration(e.answerUser))
	mux.HandleFunc("GET "+admin.PathManifest, e.answerRunning)
	mux.HandleFunc("GET "+admin.PathBackup, e.answerBackup)
	mux.HandleFunc("GET "+admin.PathExport, e.onGeneration(e.answerExport))
	mux.HandleFunc("POST "+admin.PathImport, e.onGeneration(e.answerImport))
	mux.HandleFunc("POST "+admin.PathExplain, e.onGeneration(e.answerExplain))
	mux.HandleFunc("GET "+admin.PathHistory, e.answerHistory)
	mux.HandleFunc("GET "+admin.PathLetters, e.onGeneration(e.answerLetters))
	mux.HandleFunc("POST "+admin.PathRetry, e.onGeneration(e.answerMove))
	mux.HandleFunc("POST "+admin.PathDiscard, e.onGeneration(e.answerMove))
	mux.HandleFunc(admin.PathPprof, pprof.Index)
	mux.HandleFunc(admin.PathPprof+"cmdline", pprof.Cmdline)
	mux.HandleFunc(admin.PathPprof+"profile", pprof.Profile)
	mux.HandleFunc(admin.PathPprof+"symbol", pprof.Symbol)
	mux.HandleFunc(admin.PathPprof+"trace", pprof.Trace)
	return e.counted(mux)
}

// onGeneration answers by the generation that serves, which lasts as long.
func (e *Engine) onGeneration(answer func(http.ResponseWriter, *http.Request, *generation)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		g, from, err := e.admit(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		defer from.give()
		answer(w, r, g)
	}
}

func (e *Engine) answerReload(w http.ResponseWriter, r *http.Request) {
	who := By("reload")
	if named := r.URL.Query().Get("who"); named != "" && len(named) <= maxWho {
		who = named
	}
	out, err := e.ReloadAs(r.Context(), who, r.URL.Query().Get("hash"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	e.answerJSON(w, admin.ReloadAnswer{Result: out.Result, Generation: out.Generation, Hash: out.Hash, Steps: out.Steps, Backup: out.Backup, Report: fault.NewReport(out.Faults, "")})
}

// Status says how the backend is.
func (e *Engine) Status(ctx context.Context) admin.Status {
	g := e.current.Load()
	m := g.manifest
	s := admin.Status{
		Name: m.Name, Version: e.options.Version, PID: os.Getpid(),
		Started: e.started.UTC(), Uptime: time.Since(e.started).Round(time.Second).String(),
		Generation: g.number,
		Manifest:   admin.Manifest{Path: m.Dir, Tags: e.options.Tags, Hash: m.Hash},
		Listeners:  e.listenerStatus(),
		Database:   admin.Database{Engine: m.Database.Engine, Path: m.Database.Address(), Healthy: e.probe.health(ctx, e.shared.store.Health) == nil},
		Requests:   g.running(), Generations: e.drainingStatus(),
	}
	s.Draining = len(s.Generations)
	if file, log := sizes(m); file >= 0 {
		s.Database.Bytes, s.Database.Log = file, log
	}
	if s.Database.Healthy {
		s.Database.Drift = e.drifts(ctx)
	}
	if len(m.Files) > 0 {
		s.Manifest.Path = m.Files[0]
	}
	c := g.cache.Stats()
	s.Cache = admin.Cache{Entries: c.Entries, Bytes: c.Bytes, MaxBytes: c.MaxBytes, Hits: c.Hits, Misses: c.Misses, Stales: c.Stales, Evictions: c.Evictions}
	s.Redis, s.Cache.Second = e.redisStatus()
	s.TLS = e.tlsStatus()
	s.Functions = e.functionStatus(g)
	s.Triggers = e.triggerStatus(ctx)
	s.Upstreams = e.upstreamStatus()
	s.Sockets = e.shared.realtime.Connections()
	if err := e.ready(ctx); err != nil {
		s.Why = fault.From(err).Message
	} else {
		s.Ready = true
	}
	e.lastMu.Lock()
	s.LastReload = e.last
	e.lastMu.Unlock()
	return s
}

// listenerStatus is what is bound.
func (e *Engine) listenerStatus() []admin.Listener {
	http := admin.Listener{Name: "http", Address: e.Addr().String()}
	if l := e.shared.bounded.Load(); l != nil {
		http.Open, http.Refused = l.Open(), l.Refused()
	}
	list := append([]admin.Listener{http}, e.tlsListeners()...)
	if addr := e.MetricsAddr(); addr != nil {
		list = append(list, admin.Listener{Name: "metrics", Address: addr.String()})
	}
	return list
}

// drifts is what was changed by hand, a line each.
func (e *Engine) drifts(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	found, err := e.shared.store.Drift(ctx)
	if err != nil {
		return nil // what is asked for is how the backend is, not why
	}
	lines := make([]string, 0, len(found))
	for _, d := range found {
		lines = append(lines, d.What+"; "+d.Hint)
	}
	return lines
}

// answerUser finds a user by address, as the service role.
func (e *Engine) answerUser(w http.ResponseWriter, r *http.Request, g *generation) {
	user, err := findUser(r.Context(), g.gate, g.schema, r.URL.Query().Get("email"))
	switch {
	case errors.Is(err, admin.ErrNoUser):
		http.Error(w, err.Error(), http.StatusNotFound)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		e.answerJSON(w, user)
	}
}

func (e *Engine) answerJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		e.log.Debug("admin answer", "error", err)
	}
}
