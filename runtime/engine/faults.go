package engine

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"

	"github.com/edge-hive/edge-hive/runtime/difference"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// The codes of faults that only a running backend can find.
const (
	codeMigration = "migration-refused"
	codeRestart   = "needs-restart"
	codeSeed      = "bad-seed"
	codeBusy      = "busy"

	codeDataFolder = "data-folder"
)

var errBusy = fault.New(codeBusy, "requests still run that need the tables as they are, so the migration was not begun").
	WithHint("reload again; nothing has changed")

// errOther refuses to carry out another plan than the one that was shown.
var errOther = fault.New(codeBusy, "the manifest that the server reads is another than the one that was planned").
	WithHint("plan again; nothing has changed")

// stepFault places a refused step of a migration in the manifest.
func stepFault(m *manifest.Manifest, step plan.Step) *fault.Fault {
	path := difference.StepPath(m, step)
	return fault.New(codeMigration, step.Reason).WithHint(step.Hint).At(path, m.Positions.At(path))
}

// migrationFault says why the database refused a migration, where that is the
// doing of the manifest or of the rows in it.
func migrationFault(m *manifest.Manifest, err error) error {
	var f *fault.Fault
	var list fault.List
	switch {
	case errors.As(err, &list):
		placed := make(fault.List, len(list))
		for i := range list {
			placed[i] = list[i].At(list[i].Path, m.Positions.At(list[i].Path))
		}
		return placed
	case errors.Is(err, store.ErrMoved):
		return fault.New(codeBusy, "the database's schema changed while the migration was planned").WithHint("reload again").WithCause(err)
	case !errors.As(err, &f) || f.Code == fault.CodeInternal:
		return fmt.Errorf("migrate the database: %w", err)
	case len(f.Positions) > 0:
		return f
	}
	path := f.Path
	if path == "" {
		path = "tables"
	}
	return f.At(path, m.Positions.At(path))
}

// seedFault places what is wrong with a seed file at the table's seed.
func seedFault(m *manifest.Manifest, table *manifest.Table, err error) error {
	f := fault.From(err)
	path := table.Path + ".seed"
	if f.Code == fault.CodeInternal {
		f = fault.Newf(codeSeed, "the seed of table %s could not be read: %v", table.Name, err).WithCause(nil)
	} else {
		f = fault.Newf(codeSeed, "the seed of table %s: %s", table.Name, f.Message).WithDetails(f.Details).WithHint(f.Hint)
	}
	if f.Hint == "" {
		f = f.WithHint("mend the file; the table is made and filled at the next try")
	}
	return f.At(path, m.Positions.At(path))
}

// restartFaults are what a reload cannot change.
func restartFaults(old, next *manifest.Manifest, dev bool) fault.List {
	var faults fault.List
	must := func(same bool, path, what string) {
		if !same {
			faults = append(faults, fault.Newf(codeRestart, "%s cannot change while the server runs", what).
				WithHint("stop the server and start it again").At(path, next.Positions.At(path)))
		}
	}
	must(old.Database.Engine == next.Database.Engine, "database.engine", "the database's engine")
	if old.Database.Engine == next.Database.Engine {
		if named := nameFault(old, next); named != nil {
			faults = append(faults, named)
		} else {
			must(old.Database.Path == next.Database.Path, "database.path", "the database's path")
		}
		serverFaults(&old.Database, &next.Database, must)
		must(old.Database.ChangesKeep == next.Database.ChangesKeep && old.Database.ChangesMax == next.Database.ChangesMax,
			"database.changes", "how long changes are kept")
	}
	must(listenAddress(old, dev) == listenAddress(next, dev), "server.listen.http", "the address to listen on")
	must(sameRedis(old.Cache.Redis, next.Cache.Redis), "cache.redis", "the Redis that nodes share")
	tlsFaults(&old.Server, &next.Server, must)
	must(old.Limits.Statement == next.Limits.Statement, "limits.statement", "the time of a statement")
	must(old.Observe.MetricsListen == next.Observe.MetricsListen, "observe.metrics.listen", "the address of the metrics")
	return faults
}

// tlsFaults are what of TLS a reload cannot change: what is bound, and how it
// begins to speak.
func tlsFaults(old, next *manifest.Server, must func(same bool, path, what string)) {
	must((old.TLS == nil) == (next.TLS == nil), "server.tls", "whether TLS is spoken")
	must(old.HTTPS == next.HTTPS, "server.listen.https", "the address of HTTPS")
	must(old.HTTP3 == next.HTTP3, "server.listen.http3", "the address of HTTP/3")
	must(old.H2C == next.H2C, "server.h2c", "whether HTTP/2 is spoken without TLS")
}

// nameFault tells of a name that the path of a database's file is made of; nil
// where it is not.
func nameFault(old, next *manifest.Manifest) *fault.Fault {
	if _, written := next.Positions["database.path"]; written || old.Name == next.Name || old.Database.Path == next.Database.Path {
		return nil
	}
	return fault.New(codeRestart, "the name cannot change while the server runs: the database's path is made of it").
		WithHint("write database: path: "+strconv.Quote(relative(next.Dir, old.Database.Path))+" to keep the database, or stop the server and begin with an empty one").
		At("name", next.Positions.At("name"))
}

// serverFaults are what of a server's database a reload cannot change.
func serverFaults(old, next *manifest.Database, must func(same bool, path, what string)) {
	must(old.URL == next.URL, "database.url", "the database's address")
	must(old.Namespace == next.Namespace, "database.namespace", "the database's namespace")
	must(old.Name == next.Name, "database.database", "the database's name")
	must(old.User == next.User, "database.user", "the database's user")
	must(sameSecret(old.Password, next.Password), "database.password", "where the database's password is")
	must(old.Roots == next.Roots, "database.roots", "the roots of the database's certificate")
	must(old.Engine == manifest.SQLite || old.Dir == next.Dir, "database.data", "the data folder")
}

func sameSecret(a, b *manifest.Secret) bool {
	return a == b || a != nil && b != nil && a.Env == b.Env && a.File == b.File
}

// relative is a path from dir on, where it is inside.
func relative(dir, path string) string {
	if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return path
}

// devAddress is where a developer finds a backend whose manifest has TLS.
const devAddress = "127.0.0.1:8080"

// listenAddress is where plain HTTP is served; dev binds loopback alone.
func listenAddress(m *manifest.Manifest, dev bool) string {
	if !dev {
		return m.Server.HTTP
	}
	if _, written := m.Positions["server.listen.http"]; m.Server.TLS != nil && !written {
		return devAddress // not the port 80 that TLS would have it redirect from
	}
	_, port, err := net.SplitHostPort(m.Server.HTTP)
	if err != nil {
		return m.Server.HTTP // check refuses it
	}
	return net.JoinHostPort("127.0.0.1", port)
}
