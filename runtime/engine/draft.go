package engine

import (
	"context"
	"slices"

	"github.com/edge-hive/edge-hive/runtime/check"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/manifest/load"
)

// draft loads and checks the manifest, and reads its secret. What is wrong is
// a fault.List, or the fault of the secret.
func (e *Engine) draft(ctx context.Context) (draft, error) {
	m, err := load.Load(ctx, load.Options{Path: e.options.Path, Tags: e.options.Tags})
	if err != nil {
		return draft{}, err
	}
	if e.options.Dev {
		m = forDev(m)
	}
	e.buildMissing(ctx, m)
	checked, faults := check.Check(m)
	if err := faults.Err(); err != nil {
		e.awaitModules(m)
		return draft{}, err
	}
	keys, err := Keys(m)
	if err != nil {
		return draft{}, err
	}
	if file := openSecretFile(m); file != "" {
		e.log.Warn("the secret's file can be read by every user of this machine", "file", file, "hint", "chmod 600")
	}
	functions, err := definitions(m, checked.Modules, !e.offline)
	if err != nil {
		return draft{}, err
	}
	return draft{
		manifest: m, schema: checked.Schema, rules: checked.Rules, keys: keys,
		functionsToLoad: functions, fingerprint: fingerprint(m, functions),
	}, nil
}

// forDev is the manifest as it is served on a developer's own machine: loopback
// alone, and every origin, those of local front ends among them.
func forDev(m *manifest.Manifest) *manifest.Manifest {
	local := *m
	local.Server = manifest.Server{HTTP: listenAddress(m, true), Compress: m.Server.Compress, Use: m.Server.Use}
	// Nobody can show a certificate where there is no TLS.
	local.Middleware = slices.Clone(m.Middleware)
	for i := range local.Middleware {
		local.Middleware[i].Certificate = nil
	}
	local.CORS = manifest.CORS{}
	return &local
}
