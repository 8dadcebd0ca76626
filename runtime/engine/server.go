package engine

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/surreal"
)

const (
	// startPatience is how long a start and a migration wait for a server that
	// does not answer yet, so that the order in which machines and containers
	// start does not matter.
	startPatience = 30 * time.Second
	// askPatience is that of commands that somebody waits for.
	askPatience = 5 * time.Second
	// tryAgainAfter is the time between two tries.
	tryAgainAfter = 500 * time.Millisecond

	codeDatabase = "no-database"
)

// openServer opens a database on a SurrealDB server, and waits for one that does
// not answer. What the server refuses is a fault at once.
func openServer(ctx context.Context, m *manifest.Manifest, logger *slog.Logger, patience time.Duration) (database, error) {
	options, err := serverOptions(m, logger)
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for said := false; ; {
		db, err := tryServer(ctx, options, patience)
		switch {
		case err == nil:
			return db, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case !unreachable(err):
			return nil, refusedFault(m, err)
		}
		if !said && logger != nil {
			logger.Warn("the database does not answer yet", "database", m.Database.Address(), "error", err.Error(), "wait", patience.String())
			said = true
		}
		select {
		case <-time.After(tryAgainAfter):
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-timer.C:
			return nil, fault.Newf(codeDatabase, "the database %s did not answer for %s: %v", m.Database.Address(), patience, err).
				WithHint("start SurrealDB, or mend the url").WithCause(err).At("database.url", m.Positions.At("database.url"))
		}
	}
}

// tryServer opens once. A server that is gone is noticed at once; one that is
// merely slow gets all the time that there is, for another try would begin from
// the start and make it slower.
func tryServer(ctx context.Context, options surreal.Options, patience time.Duration) (database, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	db, err := surreal.Open(ctx, options)
	if err != nil {
		return nil, err
	}
	return db, nil
}

// unreachable reports an error that a later try may not meet.
func unreachable(err error) bool {
	return errors.Is(err, surreal.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)
}

// refusedFault says why a server that answers is of no use.
func refusedFault(m *manifest.Manifest, err error) error {
	var known *fault.Fault
	if errors.As(err, &known) && known.Code != fault.CodeInternal {
		return known.At("database", m.Positions.At("database.url"))
	}
	return fault.Newf(codeDatabase, "the database %s cannot be used: %v", m.Database.Address(), err).
		WithHint("see the url, the user and the password; and what the user may do in this namespace").
		WithCause(err).At("database", m.Positions.At("database.url"))
}

// serverOptions are what a manifest says of its server, its secret read.
func serverOptions(m *manifest.Manifest, logger *slog.Logger) (surreal.Options, error) {
	d := &m.Database
	password, err := d.Password.Read()
	if err != nil {
		return surreal.Options{}, fault.Newf("no-secret", "the password of the database cannot be read: %v", err).
			WithHint("set it, or let this user read it").WithCause(err).At(d.Password.Path, m.Positions.At(d.Password.Path))
	}
	roots, err := readRoots(d.Roots)
	if err != nil {
		return surreal.Options{}, fault.Newf(codeDatabase, "the roots of the database cannot be used: %v", err).
			WithHint("name a file of certificates in PEM: -----BEGIN CERTIFICATE-----").WithCause(err).At("database.roots", m.Positions.At("database.roots"))
	}
	return surreal.Options{
		URL: d.URL, Namespace: d.Namespace, Database: d.Name, User: d.User, Password: password.Reveal(), Roots: roots,
		StatementTimeout: m.Limits.Statement, ChangesKeep: d.ChangesKeep, Logger: logger,
	}, nil
}

// readRoots reads certificates; nil where no file is named.
func readRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // nil is the system's
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, errors.New(file + " holds no certificate")
	}
	return roots, nil
}

// inspectServer is inspect of a database on a server, which others may serve
// meanwhile.
func inspectServer(ctx context.Context, m *manifest.Manifest) (f found, err error) {
	db, err := openServer(ctx, m, nil, askPatience)
	if err != nil {
		return found{}, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	defer func() {
		if err != nil {
			err = fmt.Errorf("look at the database: %w", err)
		}
	}()
	if f.Schema, err = db.Inspect(ctx); err != nil {
		return found{}, err
	}
	if f.Drift, err = db.Drift(ctx); err != nil {
		return found{}, err
	}
	if f.History, err = db.History(ctx); err != nil {
		return found{}, err
	}
	if slices.ContainsFunc(f.Drift, func(d plan.Drift) bool { return d.Grave }) {
		return f, nil
	}
	for i := range f.Schema.Tables {
		t := &f.Schema.Tables[i]
		has, err := db.HasValues(ctx, t.Name, t.Columns[0].Name)
		if err != nil {
			return found{}, err
		}
		if has {
			f.Filled = append(f.Filled, t.Name)
		}
	}
	return f, nil
}
