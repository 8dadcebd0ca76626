package rpc

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"
	surrealdb "github.com/surrealdb/surrealdb.go"
	"github.com/surrealdb/surrealdb.go/pkg/connection/gorillaws"

	library "github.com/surrealdb/surrealdb.go/pkg/connection"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// supported is the major version of the servers that are supported, from .0 on.
const supported = 3

// Where a user may be defined, in the order in which it is looked for.
var levels = [...]string{"ROOT", "NAMESPACE", "DATABASE"}

// account is how we are signed in.
type account struct {
	options *Options

	mu       sync.Mutex
	level    int
	token    string
	lifetime time.Duration // of a session; 0 is for ever
}

// minLifetime is that of the shortest session that is renewed in time.
const minLifetime = time.Second

func (a *account) credentials(level int) map[string]any {
	auth := map[string]any{"user": a.options.User, "pass": a.options.Password}
	if level > 0 {
		auth["NS"] = a.options.Namespace
	}
	if level > 1 {
		auth["DB"] = a.options.Database
	}
	return auth
}

// signIn signs in by password.
func (a *account) signIn(ctx context.Context, db *surrealdb.DB) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	refused := &StatementError{}
	for i := range levels {
		level := (a.level + i) % len(levels)
		token, err := db.SignIn(ctx, a.credentials(level))
		if errors.As(err, &refused) {
			continue
		}
		if err != nil {
			return err
		}
		a.level, a.token, a.lifetime = level, token, unknownLifetime
		return nil
	}
	return fmt.Errorf("there is no user %q with this password on the server, in namespace %q or in database %q (%s)",
		a.options.User, a.options.Namespace, a.options.Database, refused.Message)
}

// unknownLifetime is that of a session until it is asked for.
const unknownLifetime = -1

// learn asks how long a session lasts, once after each sign-in by password.
func (a *account) learn(ctx context.Context, n *connection) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lifetime != unknownLifetime {
		return nil
	}
	list, err := n.query(ctx, "RETURN $session.exp")
	if err != nil {
		return fmt.Errorf("how long the session lasts: %w", err)
	}
	a.lifetime = 0
	if r := wire.NewReader(list[0]); r.Kind() == wire.Int {
		a.lifetime = max(time.Until(time.Unix(r.Int(), 0)), minLifetime)
	}
	return nil
}

// renewal fires when a session has to be renewed, well before its end.
func (a *account) renewal() (fires <-chan time.Time, stop func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lifetime <= 0 {
		return nil, func() {}
	}
	timer := time.NewTimer(a.lifetime * 2 / 3)
	return timer.C, func() { timer.Stop() }
}

// signIn makes a new connection ours: by the token of an earlier sign-in, which
// costs the server no hash of a password, or by password.
func (c *Client) signIn(ctx context.Context, n *connection, prepare func(context.Context, *connection) error) error {
	db, err := surrealdb.FromConnection(ctx, newAdapter(n))
	if err != nil {
		return err
	}
	if prepare != nil {
		if err := checkVersion(ctx, db); err != nil {
			return err
		}
	}
	c.account.mu.Lock()
	token := c.account.token
	c.account.mu.Unlock()
	if token == "" || db.Authenticate(ctx, token) != nil {
		if err := c.account.signIn(ctx, db); err != nil {
			return fmt.Errorf("sign in: %w", err)
		}
	}
	if prepare != nil {
		if err := prepare(ctx, n); err != nil {
			return err
		}
	}
	return c.use(ctx, db, n)
}

// use selects the database.
func (c *Client) use(ctx context.Context, db *surrealdb.DB, n *connection) error {
	if err := db.Use(ctx, c.options.Namespace, c.options.Database); err != nil {
		return fmt.Errorf("use namespace %q, database %q: %w", c.options.Namespace, c.options.Database, err)
	}
	return c.account.learn(ctx, n)
}

// renew begins a session again on a connection that has one. Its live queries
// end with the old session, so they are begun again.
func (c *Client) renew(n *connection) {
	ctx, cancel := context.WithTimeoutCause(c.ctx, signInTime, errSignInTime)
	defer cancel()
	db, err := surrealdb.FromConnection(ctx, newAdapter(n))
	if err == nil {
		err = c.account.signIn(ctx, db)
	}
	if err == nil {
		err = c.use(ctx, db, n)
	}
	if err != nil {
		n.fail(fmt.Errorf("renew the session: %w", err))
		return
	}
	if c.control.current.Load() == n {
		c.lives.outdate(c, n)
		c.restore(n)
	}
}

// checkVersion refuses servers that speak another SurrealQL.
func checkVersion(ctx context.Context, db *surrealdb.DB) error {
	v, err := db.Version(ctx)
	refused := &StatementError{}
	if err != nil && !errors.As(err, &refused) {
		return err
	}
	if err != nil || v == nil {
		return fmt.Errorf("%w: it does not tell its version; %s", ErrUnsupported, needed)
	}
	number, _, _ := strings.Cut(strings.TrimPrefix(v.Version, "surrealdb-"), ".")
	major, err := strconv.Atoi(number)
	if err != nil || major != supported {
		return fmt.Errorf("%w: it is %q; %s", ErrUnsupported, v.Version, needed)
	}
	return nil
}

const needed = "needed is SurrealDB 3.0 or a later 3.x"

// maxConflicts bounds how often what other nodes do at the same time is waited
// for.
const maxConflicts = 10

// prepare makes namespace and database where they are missing, and finds out
// whether we may change them.
func (c *Client) prepare(ctx context.Context, n *connection) error {
	o, level := &c.options, c.account.level
	namespace, database := quote(o.Namespace), quote(o.Database)
	use := "USE NS " + namespace + "; "
	steps := []struct {
		level int
		right string
		text  string
	}{
		{0, "make namespaces", "DEFINE NAMESPACE IF NOT EXISTS " + namespace},
		{1, fmt.Sprintf("make databases in namespace %q", o.Namespace), use + "DEFINE DATABASE IF NOT EXISTS " + database + " STRICT"},
		{
			2, fmt.Sprintf("define tables in namespace %q, database %q", o.Namespace, o.Database),
			use + "USE DB " + database + "; BEGIN; DEFINE ACCESS IF NOT EXISTS _rights ON DATABASE TYPE BEARER FOR USER; THROW '" + mayDefine + "'; COMMIT",
		},
	}
	for _, step := range steps[level:] {
		err := c.prepareStep(ctx, n, step.text)
		refused := &StatementError{}
		switch {
		case err == nil:
		case errors.As(err, &refused) && refused.Kind == "NotAllowed":
			return fmt.Errorf("user %q ON %s may not %s: it needs the role OWNER (%s)", o.User, levels[level], step.right, refused.Message)
		default:
			return fmt.Errorf("%s: %w", step.right, err)
		}
	}
	return nil
}

// mayDefine is thrown, so that nothing is left behind, where a definition would
// have been made.
const mayDefine = "may define"

func (c *Client) prepareStep(ctx context.Context, n *connection, text string) error {
	for attempt := 1; ; attempt++ {
		_, err := n.query(ctx, text)
		failed := &StatementError{}
		if !errors.As(err, &failed) || failed.Kind == "Thrown" && failed.Message == mayDefine {
			if failed.Kind == "Thrown" {
				return nil
			}
			return err
		}
		// Another node that starts at the same time.
		if attempt == maxConflicts || !strings.Contains(failed.Message, "can be retried") {
			return err
		}
		select {
		case <-time.After(time.Duration(attempt) * 10 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// quote writes a name into a text.
func quote(name string) string {
	return "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(name) + "`"
}

// query runs a text without parameters on this connection, for its own needs.
func (n *connection) query(ctx context.Context, text string) ([][]byte, error) {
	result, err := n.ask(ctx, &request{method: "query", text: text, params: [][]byte{noVars}})
	if err != nil {
		return nil, err
	}
	return results(result)
}

// adapter is a connection as surrealdb.go sees it, whose sign-in, version and
// selection of a database are used. The library's own connection is embedded for
// the one method whose type cannot be named outside of it, GetUnmarshaler; it is
// never connected, so what is not overridden here only fails.
type adapter struct {
	*gorillaws.Connection
	connection *connection
}

func newAdapter(n *connection) *adapter {
	return &adapter{Connection: gorillaws.New(library.NewConfig(&url.URL{Scheme: "ws", Host: n.client.endpoint.address})), connection: n}
}

func (a *adapter) Connect(context.Context) error { return a.connection.broken() }

func (a *adapter) Close(context.Context) error { return nil }

func (a *adapter) IsClosed() bool { return a.connection.broken() != nil }

func (a *adapter) Send(ctx context.Context, method string, params ...any) (*library.RPCResponse[cbor.RawMessage], error) {
	return a.Call(ctx, &library.RPCRequest{Method: method, Params: params})
}

func (a *adapter) Call(ctx context.Context, r *library.RPCRequest) (*library.RPCResponse[cbor.RawMessage], error) {
	asked := &request{method: r.Method}
	for _, param := range r.Params {
		b, err := a.Marshaler.Marshal(param)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.Method, err)
		}
		asked.params = append(asked.params, b)
	}
	result, err := a.connection.ask(ctx, asked)
	if err != nil {
		return nil, err
	}
	raw := cbor.RawMessage(result)
	return &library.RPCResponse[cbor.RawMessage]{Result: &raw}, nil
}

func (a *adapter) Use(ctx context.Context, namespace, database string) error {
	_, err := a.Send(ctx, "use", namespace, database)
	return err
}

func (a *adapter) Authenticate(ctx context.Context, token string) error {
	_, err := a.Send(ctx, "authenticate", token)
	return err
}

func (a *adapter) SignIn(ctx context.Context, auth any) (string, error) {
	answer, err := a.Send(ctx, "signin", auth)
	if err != nil {
		return "", err
	}
	return string(wire.NewReader(*answer.Result).String()), nil
}
