package surreal

import (
	"crypto/x509"
	"log/slog"
	"time"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
)

// Options say where the database is, who we are there, and how much may be used.
type Options struct {
	// URL is ws://HOST:PORT or wss://HOST:PORT; the path /rpc is added.
	URL string
	// Namespace and Database are made where the user may make them.
	Namespace, Database string
	// User and Password are those of a root, namespace or database user.
	User, Password string
	// Roots are trusted for wss; nil is the system's.
	Roots *x509.CertPool
	// Connections is how many there are; requests share them. 0 is 8.
	Connections int
	// StatementTimeout bounds each statement; 0 is 30 seconds.
	StatementTimeout time.Duration
	// ChangesKeep bounds the feed by age; 0 is 24 hours.
	ChangesKeep time.Duration
	// Logger hears what happened outside of any request; nil is silence.
	Logger *slog.Logger
}

// ErrUnavailable is in every error that means that the server cannot be reached
// just now.
var ErrUnavailable = rpc.ErrUnavailable

const (
	defaultStatementTimeout = 30 * time.Second
	defaultChangesKeep      = 24 * time.Hour
	defaultConnections      = 8
)

func (o Options) withDefaults() Options {
	if o.Connections <= 0 {
		o.Connections = defaultConnections
	}
	if o.StatementTimeout <= 0 {
		o.StatementTimeout = defaultStatementTimeout
	}
	if o.ChangesKeep <= 0 {
		o.ChangesKeep = defaultChangesKeep
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}
