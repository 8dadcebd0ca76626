// Package rpc is the connections to a SurrealDB server: multiplexed requests
// bounded by their contexts, transactions, live queries, and reconnection.
// store/surreal sends its texts through it. It knows no table and no statement.
package rpc

import (
	"context"
	"fmt"

	"github.com/fxamacker/cbor/v2"
	surrealdb "github.com/surrealdb/surrealdb.go"
	"github.com/surrealdb/surrealdb.go/pkg/connection"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// Options say where the server is and who we are there.
type Options struct {
	URL                 string
	Namespace, Database string
	User, Password      string
	Connections         int
}

// Client is a set of connections to one server. Its methods may be called
// concurrently.
type Client struct {
	db *surrealdb.DB
}

// Dial connects and signs in.
func Dial(ctx context.Context, o Options) (*Client, error) {
	db, err := surrealdb.FromEndpointURLString(ctx, o.URL)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if _, err := db.SignIn(ctx, &surrealdb.Auth{Username: o.User, Password: o.Password}); err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	if err := db.Use(ctx, o.Namespace, o.Database); err != nil {
		return nil, fmt.Errorf("use %s/%s: %w", o.Namespace, o.Database, err)
	}
	return &Client{db: db}, nil
}

// StatementError is the error of one statement of a text.
type StatementError struct {
	// Statement is its number, from 0.
	Statement int
	// Kind is the server's word for what kind of error it is: "Thrown",
	// "AlreadyExists", "Query", "Validation", "Internal", ...
	Kind string
	// Message is the server's; of a Thrown one, what was thrown.
	Message string
}

func (e *StatementError) Error() string { return e.Kind + ": " + e.Message }

// Query runs a text with its parameters, a map as wire appends it (nil for
// none), and gives the result of each statement as bytes for a wire.Reader. The
// error is a *StatementError where a statement failed; of those of a
// transaction it is the one that made it fail.
func (c *Client) Query(ctx context.Context, text string, vars []byte) ([][]byte, error) {
	if vars == nil {
		vars = wire.AppendMap(nil, 0)
	}
	var res connection.RPCResponse[cbor.RawMessage]
	if err := surrealdb.Send(ctx, c.db, &res, "query", text, cbor.RawMessage(vars)); err != nil {
		return nil, err
	}
	return results(*res.Result)
}

// Close ends all connections.
func (c *Client) Close() error { return c.db.Close(context.Background()) }
