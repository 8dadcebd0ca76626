package surreal

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
)

var errNotYet = errors.New("not in this engine yet")

// Store is a database on a SurrealDB server.
type Store struct {
	options Options
	client  *rpc.Client
	broken  chan struct{}
}

var _ store.Store = (*Store)(nil)

// Open connects to the server and makes our system tables where they are
// missing.
func Open(ctx context.Context, o Options) (*Store, error) {
	o = o.withDefaults()
	client, err := rpc.Dial(ctx, rpc.Options{
		URL: o.URL, Namespace: o.Namespace, Database: o.Database, User: o.User, Password: o.Password, Connections: o.Connections,
	})
	if err != nil {
		return nil, fmt.Errorf("open SurrealDB at %s: %w", o.URL, err)
	}
	return &Store{options: o, client: client, broken: make(chan struct{})}, nil
}

// Inspect implements store.Store.
func (s *Store) Inspect(context.Context) (plan.Schema, error) { return plan.Schema{}, errNotYet }

// Migrate implements store.Store.
func (s *Store) Migrate(context.Context, plan.Plan) error { return errNotYet }

// History implements store.Store.
func (s *Store) History(context.Context) ([]plan.Record, error) { return nil, errNotYet }

// Drift implements store.Store.
func (s *Store) Drift(context.Context) ([]plan.Drift, error) { return nil, errNotYet }

// Changes implements store.Store.
func (s *Store) Changes(context.Context, query.Cursor, int) ([]query.Commit, error) {
	return nil, errNotYet
}

// Position implements store.Store.
func (s *Store) Position(context.Context) (query.Cursor, error) { return query.Cursor{}, errNotYet }

// Watch implements store.Store.
func (s *Store) Watch(context.Context) (<-chan struct{}, error) { return nil, errNotYet }

// Health implements store.Store.
func (s *Store) Health(context.Context) error { return errNotYet }

// Broken implements store.Store: it is never closed, for what a server has
// acknowledged is the server's to keep.
func (s *Store) Broken() <-chan struct{} { return s.broken }

// Backup implements store.Store.
func (s *Store) Backup(context.Context, io.Writer) error { return errNotYet }

// Close implements store.Store.
func (s *Store) Close() error { return s.client.Close() }
