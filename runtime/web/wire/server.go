// Package wire is what lies below the router: the servers for HTTP/1.1, HTTP/2 and
// HTTP/3, how many connections they hold, and how long a client may say or take
// nothing. The engine makes its listeners and servers here and keeps them across
// generations. It never looks at what a request asks for, and knows no manifest.
package wire

import (
	"log/slog"
	"net/http"
	"time"
)

// The bounds of every connection.
const (
	readHeaderTimeout = 5 * time.Second
	idleTimeout       = 120 * time.Second
	maxHeaderBytes    = 32 << 10
)

// NewServer makes the server that outlives generations: its handler swaps them.
// Serve it on a Listener, which bounds connections and stalled answers. There is
// no time for a whole answer, for streams and downloads last; handlers have
// theirs.
func NewServer(handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:                      handler,
		ReadHeaderTimeout:            readHeaderTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeaderBytes,
		DisableGeneralOptionsHandler: true, // the Handler answers OPTIONS *
		// net/http writes of broken connections and clients: nothing to act on.
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
}
