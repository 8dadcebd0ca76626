package load

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// decoder makes the plain structs of a tree that was checked and completed. It
// also runs over trees with faults, to find its own; its outcome is then
// dropped.
type decoder struct {
	dir    string
	faults fault.List
}

// notWithin gives the decoder's faults but for those inside of what said tells
// about already.
func (d *decoder) notWithin(said fault.List) fault.List {
	return slices.DeleteFunc(d.faults, func(f *fault.Fault) bool {
		return slices.ContainsFunc(said, func(s *fault.Fault) bool { return s.Code == codeWrongType && below(f.Path, s.Path) })
	})
}

func (d *decoder) manifest(n *node) *manifest.Manifest {
	m := &manifest.Manifest{
		Name:      n.str("name"),
		Server:    d.front(n.field("server")),
		Limits:    limits(n.field("limits")),
		Rates:     rates(n.field("rates")),
		Rules:     d.rules(n.field("rules")),
		Removed:   n.strs("removed"),
		Cache:     d.cache(n.field("cache"), n.str("name")),
		Queries:   d.queries(n.field("queries")),
		Channels:  d.channels(n.field("channels")),
		Functions: d.functions(n.field("functions")),
		Auth:      manifest.Auth{Secret: d.secret(n.at("auth", "secret")), Claims: d.claims(n.at("auth", "claims"))},
		Observe: manifest.Observe{
			MetricsListen: n.str("observe", "metrics", "listen"),
			LogLevel:      n.str("observe", "log", "level"),
			LogFormat:     n.str("observe", "log", "format"),
			LogRequests:   n.at("observe", "log").float("requests"),
			Traces:        d.traces(n.at("observe", "traces")),
		},
	}
	if cors := n.field("cors"); cors != nil {
		m.CORS = manifest.CORS{Declared: true, Origins: cors.strs("origins")}
	}
	for _, s := range n.strs("trustedProxies") {
		if prefix, f := parseNetwork(s); f == nil {
			m.TrustedProxies = append(m.TrustedProxies, prefix)
		}
	}
	m.Database = d.database(n.field("database"), m.Name)
	for _, t := range n.field("tables").list() {
		m.Tables = append(m.Tables, d.table(t))
	}
	m.Middleware = d.middleware(n.field("middleware"))
	for _, r := range n.field("routes").list() {
		m.Routes = append(m.Routes, d.route(r))
	}
	for _, t := range n.field("tests").list() {
		m.Tests = append(m.Tests, decodeTest(t))
	}
	return m
}

// claims decodes what a caller's claims are, nil where that is not declared.
func (d *decoder) claims(n *node) []manifest.Column {
	if n == nil {
		return nil
	}
	all := make([]manifest.Column, 0, len(n.list()))
	for _, c := range n.list() {
		all = append(all, d.column(c))
	}
	return all
}

func limits(n *node) manifest.Limits {
	return manifest.Limits{
		Body:                  n.size("body"),
		Timeout:               n.duration("timeout"),
		Statement:             n.duration("statement"),
		Connections:           n.num("connections"),
		ConnectionsPerAddress: n.num("connectionsPerAddress"),
	}
}

// rates adds the rate "default" where the manifest does not declare it.
func rates(n *node) []manifest.Rate {
	var all []manifest.Rate
	hasDefault := false
	for _, r := range n.list() {
		rate := manifest.Rate{Name: r.name, Per: r.str("per"), Requests: r.num("requests"), Window: r.duration("window")}
		for _, role := range r.field("roles").list() {
			if rate.Roles == nil {
				rate.Roles = map[string]int{}
			}
			rate.Roles[role.name] = role.num("requests")
		}
		hasDefault = hasDefault || r.name == "default"
		all = append(all, rate)
	}
	if !hasDefault {
		all = append(all, manifest.Rate{Name: "default", Per: "caller", Requests: 300, Window: time.Minute})
	}
	return all
}

func (d *decoder) database(n *node, name string) manifest.Database {
	if n.str("engine") == manifest.SurrealDB {
		return d.server(n)
	}
	path := n.str("path")
	if path == "" {
		if name == "" {
			name = "edgehive"
		}
		path = filepath.Join("data", name+".db")
	}
	if f := checkDatabasePath(path, name); f != nil {
		at := n.field("path")
		d.faults = append(d.faults, f.At(at.path(), at.value))
	}
	path = d.path(path)
	return manifest.Database{
		Engine:      n.str("engine"),
		Path:        path,
		Dir:         filepath.Dir(path),
		ChangesKeep: n.at("changes").duration("keep"),
		ChangesMax:  n.at("changes").size("max"),
	}
}

// server decodes a database on a SurrealDB server, and refuses what is a file's
// alone.
func (d *decoder) server(n *node) manifest.Database {
	if at := n.field("path"); at != nil {
		d.faults = append(d.faults, fault.New(codeBadPath, `"path" does not go with engine "surrealdb", which keeps no file here`).
			WithHint("leave it out; data names the data folder").At(at.path(), at.label))
	}
	if at := n.at("changes", "max"); at != nil && !at.filled {
		d.faults = append(d.faults, fault.New(codeBadValue, "SurrealDB keeps changes by age alone, and knows no bound by size").
			WithHint("leave max out; keep bounds them").At(at.path(), at.label))
	}
	url := n.str("url")
	if at := n.field("roots"); at != nil && strings.HasPrefix(url, "ws:") {
		d.faults = append(d.faults, fault.New(codeBadPath, "roots are for a server with TLS, and the url is one without").
			WithHint("begin the url with wss://, or leave roots out").At(at.path(), at.label))
	}
	dir := n.str("data")
	if dir == "" {
		dir = "data"
	}
	return manifest.Database{
		Engine:      manifest.SurrealDB,
		Dir:         d.path(dir),
		URL:         strings.TrimSuffix(strings.TrimSuffix(url, "/"), "/rpc"),
		Namespace:   n.str("namespace"),
		Name:        n.str("database"),
		User:        n.str("user"),
		Password:    d.secret(n.field("password")),
		Roots:       d.path(n.str("roots")),
		ChangesKeep: n.at("changes").duration("keep"),
	}
}

func (d *decoder) cache(n *node, name string) manifest.Cache {
	c := manifest.Cache{MemorySize: n.field("memory").size("size"), Redis: d.redis(n.field("redis"), name)}
	for _, p := range n.field("policies").list() {
		c.Policies = append(c.Policies, manifest.Policy{Name: p.name, TTL: p.duration("ttl"), Stale: p.duration("stale")})
	}
	return c
}

func (d *decoder) channels(n *node) []manifest.Channel {
	all := make([]manifest.Channel, 0, len(n.list()))
	for _, c := range n.list() {
		all = append(all, manifest.Channel{
			Name:      c.name,
			Table:     c.str("table"),
			Filter:    c.str("filter"),
			Events:    c.strs("events"),
			Access:    d.condition(c.at("access", "read"), c.path()+".access.read"),
			Broadcast: c.flag("broadcast"),
			Send:      d.condition(c.at("access", "send"), c.path()+".access.send"),
			History:   c.num("history"),
			Path:      c.path(),
		})
	}
	return all
}

func (d *decoder) secret(n *node) *manifest.Secret {
	if n == nil || n.kind != object {
		return nil
	}
	s := &manifest.Secret{Env: n.str("env"), Path: n.path()}
	if file := n.str("file"); file != "" {
		s.File = d.path(file)
	}
	return s
}

// path resolves a path against the manifest's folder.
func (d *decoder) path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(d.dir, filepath.FromSlash(p))
}

// list gives the fields or items of a node, none of a missing one.
func (n *node) list() []*node {
	if n == nil {
		return nil
	}
	return n.fields
}

// str gives the text at a path below n, "" where there is none.
func (n *node) str(path ...string) string {
	if f := n.at(path...); f != nil && f.kind == text {
		return f.text
	}
	return ""
}

func (n *node) strs(name string) []string {
	items := n.field(name).list()
	if items == nil {
		return nil
	}
	all := make([]string, 0, len(items))
	for _, item := range items {
		all = append(all, item.text)
	}
	return all
}

// num gives a whole number; the schema's bounds keep it within an int.
func (n *node) num(name string) int {
	if f := n.field(name); f != nil {
		i, _ := strconv.Atoi(f.text)
		return i
	}
	return 0
}

// float gives a number; the schema's bounds keep it small.
func (n *node) float(name string) float64 {
	if f := n.field(name); f != nil {
		v, _ := strconv.ParseFloat(f.text, 64)
		return v
	}
	return 0
}

func (n *node) flag(name string) bool {
	f := n.field(name)
	return f != nil && f.text == "true"
}

// duration and size give 0 where the field is left out.
func (n *node) duration(name string) time.Duration {
	v, _ := parseDuration(n.str(name))
	return v
}

func (n *node) size(name string) int64 {
	v, _ := parseSize(n.str(name))
	return v
}
