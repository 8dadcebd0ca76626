package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/check"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// usersTable is the table that is always there.
const usersTable = "users"

// errNotMigrated is returned when a database is not yet what its manifest says.
var errNotMigrated = fault.New("not-migrated", "the database is not yet what the manifest declares").
	WithHint("start the server once: edge-hive serve")

// FindUser finds a user of a backend that does not run, by e-mail address. It
// changes nothing; without a database there is no user (admin.ErrNoUser).
func FindUser(ctx context.Context, m *manifest.Manifest, email string) (_ admin.User, err error) {
	if neverMade(m) {
		return admin.User{}, admin.ErrNoUser
	}
	checked, faults := check.Check(m)
	if err := faults.Err(); err != nil {
		return admin.User{}, err
	}
	db, view, err := openStored(ctx, m, checked)
	if err != nil {
		return admin.User{}, err
	}
	defer func() { err = errors.Join(err, view.Close(), db.Close()) }()
	gate, err := data.New(data.Options{Manifest: m, Schema: checked.Schema, Rules: checked.Rules, View: view})
	if err != nil {
		return admin.User{}, fmt.Errorf("build the gate: %w", err)
	}
	return findUser(ctx, gate, checked.Schema, email)
}

// findUser reads a row of the users table by its address, as the service role.
func findUser(ctx context.Context, gate *data.Gate, schema *query.Schema, email string) (admin.User, error) {
	limits := query.DefaultLimits()
	request, bad := query.ParseRequest(schema, schema.Table(usersTable), "limit=1&email=eq."+url.QueryEscape(email), limits)
	if bad != nil {
		return admin.User{}, bad
	}
	answer, err := gate.Select(ctx, &auth.Caller{Role: auth.Service, Claims: "{}"}, data.Read{Table: usersTable, Request: &request})
	if err != nil {
		return admin.User{}, err
	}
	var users []admin.User
	if err := json.Unmarshal(answer.Body, &users); err != nil {
		return admin.User{}, fmt.Errorf("read the user: %w", err)
	}
	if len(users) == 0 {
		return admin.User{}, admin.ErrNoUser
	}
	return users[0], nil
}
