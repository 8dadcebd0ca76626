package load

import (
	"os"
	"path/filepath"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// mainScript is the source of a function in JavaScript, which is run as it is.
const mainScript = "main.js"

func (d *decoder) functions(n *node) []manifest.Function {
	var all []manifest.Function
	for _, f := range n.list() {
		all = append(all, d.function(f))
	}
	return all
}

func (d *decoder) function(n *node) manifest.Function {
	path := n.path()
	f := manifest.Function{
		Name:    n.name,
		Module:  d.path(n.str("module")),
		Source:  d.path(n.str("source")),
		Entry:   n.str("entry"),
		Service: n.str("as") == "service",
		Call:    d.condition(n.at("access", "call"), path+".access.call"),
		Limits:  functionLimits(n.field("limits")),
		Grants:  grants(n.field("grants")),
		Path:    path,
	}
	if f.Module == "" && f.Source != "" {
		f.Module = moduleOf(f.Source, f.Name)
	}
	for _, c := range n.field("config").list() {
		f.Config = append(f.Config, manifest.Setting{Name: c.name, Value: c.text, Path: c.path()})
	}
	for _, s := range n.field("secrets").list() {
		f.Secrets = append(f.Secrets, manifest.NamedSecret{Name: s.name, Secret: d.secret(s), Path: s.path()})
	}
	for _, t := range n.at("on", "tables").list() {
		f.Tables = append(f.Tables, manifest.TableTrigger{Table: t.name, Events: t.strs("events"), When: t.str("when"), Path: t.path()})
	}
	if s := n.at("on", "schedule"); s != nil {
		f.Schedule = &manifest.Schedule{Cron: s.str("cron"), Zone: s.str("zone"), Missed: s.str("missed"), Path: s.path()}
	}
	return f
}

// moduleOf is the module of a function whose manifest names its source alone.
func moduleOf(source, name string) string {
	script := filepath.Join(source, mainScript)
	if info, err := os.Stat(script); err == nil && info.Mode().IsRegular() {
		return script
	}
	return filepath.Join(source, "build", name+".wasm")
}

func functionLimits(n *node) manifest.FunctionLimits {
	return manifest.FunctionLimits{
		Memory:    n.size("memory"),
		Timeout:   n.duration("timeout"),
		Instances: n.num("instances"),
		Waiting:   n.num("waiting"),
		Answer:    n.size("answer"),
		Log:       n.size("log"),
	}
}

func grants(n *node) manifest.Grants {
	if n == nil {
		return manifest.Grants{}
	}
	g := manifest.Grants{
		Queries:   n.strs("queries"),
		Functions: n.strs("functions"),
		Cache:     n.flag("cache"),
		Fetch:     n.strs("fetch"),
		Publish:   n.strs("publish"),
		Headers:   n.flag("headers"),
		Path:      n.path(),
	}
	for _, t := range n.field("tables").list() {
		grant := manifest.TableGrant{Table: t.name, Path: t.path()}
		for _, operation := range t.list() {
			grant.Operations = append(grant.Operations, operation.text)
		}
		g.Tables = append(g.Tables, grant)
	}
	return g
}
