package surreal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/gate"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
)

// Store is a database on a SurrealDB server.
type Store struct {
	options Options
	client  *rpc.Client
	feed    *feed
	writes  writes
	broken  chan struct{}
	// holder is this store's name in leases.
	holder string
	// gate holds back what comes while tables are changed.
	gate gate.Gate
	// writing counts what is being written, and holds it back while another node
	// changes tables.
	writing writing
	// migrating counts the migrations of this store that run, migrated those that
	// came about; attendance is its place among the nodes.
	migrating  atomic.Int64
	migrated   atomic.Uint64
	attending  sync.Mutex
	attendance *attendance
	// uncertain is true while another node changes more than what it adds.
	uncertain atomic.Bool
	words     *wordKeeper
	// snapshots counts those that are open.
	snapshots atomic.Int64
	// tells has a place for each message that is told just now, told counts them.
	tells   chan struct{}
	told    atomic.Int64
	changed atomic.Uint64 // counts migrations that were not additive
	// retyped is the schema that the last migration left which was not additive:
	// a view on other types would misread the rows. Nil before.
	retyped atomic.Pointer[plan.Schema]
	// searched is the schema that a migration of this process has left, nil before
	// one: full-text indexes that a view asks must be in it as the view knows them.
	searched atomic.Pointer[plan.Schema]
}

var _ store.Store = (*Store)(nil)

// Open connects to the server and makes our system tables where they are
// missing.
func Open(ctx context.Context, o Options) (*Store, error) {
	o = o.withDefaults()
	client, err := rpc.Dial(ctx, rpc.Options{
		URL: o.URL, Namespace: o.Namespace, Database: o.Database, User: o.User, Password: o.Password, Connections: o.Connections,
		Roots: o.Roots, Logger: o.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	s := &Store{options: o, client: client, broken: make(chan struct{}), tells: make(chan struct{}, tellsAtOnce), holder: rand.Text()}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the database at %s: %w", client.Address(), err), client.Close())
	}
	s.feed = newFeed(client, o.ChangesKeep, o.Logger)
	s.words = newWordKeeper(s)
	s.feed.lacking = s.words.note
	return s, nil
}

// Broken implements store.Store: it is never closed, for what a server has
// acknowledged is the server's to keep.
func (s *Store) Broken() <-chan struct{} { return s.broken }

// Backup implements store.Store: it refuses, for the server has copies of its
// own making, of all that it holds.
func (s *Store) Backup(context.Context, io.Writer) error {
	return fault.New("0A000", "a database on a SurrealDB server is copied by the server's own tools").
		WithHint("use surreal export, or edge-hive export for the rows in a form that every engine imports")
}

// closeTime bounds what is done at the end.
const closeTime = 2 * time.Second

// Close implements store.Store.
func (s *Store) Close() error {
	if !s.gate.Close() {
		return nil
	}
	ctx, done := context.WithTimeout(context.Background(), closeTime)
	defer done()
	s.words.stop()
	s.leaveNodes(ctx)
	s.giveBack(ctx)
	s.feed.close()
	return s.client.Close()
}
