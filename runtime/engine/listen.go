package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"

	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/engine/sockets"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web/wire"
)

// listen binds every address before anything is served, so that a port that is
// taken is an error of the start.
func (e *Engine) listen(ctx context.Context, m *manifest.Manifest) error {
	if err := e.bindSockets(ctx, m); err != nil {
		return err
	}
	return e.serveSockets(m)
}

// bindSockets binds them all, where that is not done; nobody is answered yet.
func (e *Engine) bindSockets(ctx context.Context, m *manifest.Manifest) error {
	s := e.shared
	if s.adminListener != nil {
		return nil // before the store was opened: another process has served then
	}
	var err error
	if s.httpListener, err = e.bind(ctx, m, sockets.HTTP, listenAddress(m, e.options.Dev), "server.listen.http"); err != nil {
		return err
	}
	if s.tls, err = e.bindTLS(ctx, m); err != nil {
		return err
	}
	if address := m.Observe.MetricsListen; address != "" {
		if s.metricsListener, err = e.bind(ctx, m, sockets.Metrics, address, "observe.metrics.listen"); err != nil {
			return err
		}
	}
	s.adminListener, err = e.options.Sockets.Through(adminSocket, admin.SocketPath(m.DataDir()), func() (net.Listener, error) {
		return admin.Listen(ctx, m.DataDir())
	})
	return err
}

// serveSockets answers on all that are bound.
func (e *Engine) serveSockets(m *manifest.Manifest) error {
	s := e.shared
	plain := http.Handler(e)
	if s.tls != nil {
		if err := e.openTLS(m); err != nil {
			return err
		}
		plain = e.redirect()
	}
	s.http = wire.NewServer(plain, e.log.Logger)
	if m.Server.H2C {
		wire.SpeakHTTP2(s.http, true)
	}
	bounded := wire.NewListener(s.httpListener, bounds(m))
	s.bounded.Store(bounded)
	e.serveClients("http", s.http, bounded)
	if s.metricsListener != nil {
		s.metricsServer = wire.NewServer(e.metrics.Handler(), e.log.Logger)
		e.serve("metrics", s.metricsServer, s.metricsListener)
	}
	s.adminServer = wire.NewServer(e.adminHandler(), e.log.Logger)
	e.serve("admin", s.adminServer, s.adminListener)
	return nil
}

// serveClients serves a server of clients: its connections are drained at a stop,
// and at an upgrade those that remain go on until they are done. Whatever serves
// clients over TCP is begun here.
func (e *Engine) serveClients(name string, s *http.Server, l net.Listener) {
	s.Handler = e.parting(s.Handler)
	s.BaseContext = func(net.Listener) context.Context { return e.requests }
	s.ConnState = e.connections.changed
	e.shared.fronts = append(e.shared.fronts, front{name, s, l})
	e.serve(name, s, l)
}

// parting says in answers that they are the connection's last, once the process is
// about to end; over HTTP/2 net/http makes that a GOAWAY.
func (e *Engine) parting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if e.stopping.Load() || e.handing.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

func (e *Engine) serve(name string, s *http.Server, l net.Listener) {
	e.accepting.Go(func() {
		err := s.Serve(l)
		if err != nil && !errors.Is(err, http.ErrServerClosed) && !e.handing.Load() && !e.stopping.Load() {
			e.fail(fmt.Errorf("%s listener: %w", name, err))
		}
	})
}

// bind listens on the socket of a name, or says at the manifest's field why it
// cannot.
func (e *Engine) bind(ctx context.Context, m *manifest.Manifest, name, address, path string) (net.Listener, error) {
	l, err := e.options.Sockets.Listen(ctx, name, address)
	if err != nil {
		return nil, cannotListen(m, address, path, err)
	}
	return l, nil
}

// bindPacket is bind for UDP.
func (e *Engine) bindPacket(ctx context.Context, m *manifest.Manifest, name, address, path string) (net.PacketConn, error) {
	c, err := e.options.Sockets.ListenPacket(ctx, name, address)
	if err != nil {
		return nil, cannotListen(m, address, path, err)
	}
	return c, nil
}

func cannotListen(m *manifest.Manifest, address, path string, err error) error {
	hint := "choose another address"
	var other *sockets.OtherAddressError
	switch {
	case errors.As(err, &other):
		hint = other.Error() + "; let the manifest and the .socket unit say the same address"
	case errors.Is(err, syscall.EADDRINUSE):
		hint = "another program listens there; stop it, or choose another port"
	case errors.Is(err, syscall.EACCES):
		hint = "ports below 1024 need a privilege; choose a higher one"
	}
	return fault.Newf("cannot-listen", "cannot listen on %s", address).WithHint(hint).WithCause(err).At(path, m.Positions.At(path))
}

// Addr is where plain HTTP is served, with the port in use.
func (e *Engine) Addr() net.Addr { return e.shared.httpListener.Addr() }

// MetricsAddr is where metrics are served, nil for nowhere.
func (e *Engine) MetricsAddr() net.Addr {
	if e.shared.metricsListener == nil {
		return nil
	}
	return e.shared.metricsListener.Addr()
}

// URL is the backend's address on this machine.
func (e *Engine) URL() string {
	host, port, err := net.SplitHostPort(e.Addr().String())
	if err != nil {
		return "http://" + e.Addr().String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// Keys are the keys of the generation that serves now.
func (e *Engine) Keys() KeyTexts { return Texts(e.current.Load().keys) }

// Manifest is the manifest that serves now; it must not be changed.
func (e *Engine) Manifest() *manifest.Manifest { return e.current.Load().manifest }
