package web

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
