package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"

	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web"
)

// listen binds every address before anything is served, so that a port that is
// taken is an error of the start.
func (e *Engine) listen(ctx context.Context, m *manifest.Manifest) error {
	s := e.shared
	var err error
	if s.httpListener, err = bind(ctx, m, listenAddress(m, e.options.Dev), "server.listen.http"); err != nil {
		return err
	}
	if address := m.Observe.MetricsListen; address != "" {
		if s.metricsListener, err = bind(ctx, m, address, "observe.metrics.listen"); err != nil {
			return err
		}
	}
	if s.adminListener, err = admin.Listen(ctx, m.DataDir()); err != nil {
		return err
	}
	s.http = web.NewServer(e, e.log.Logger)
	bounded := web.NewListener(s.httpListener, bounds(m))
	s.bounded.Store(bounded)
	e.serve("http", s.http, bounded)
	if s.metricsListener != nil {
		s.metricsServer = web.NewServer(e.metrics.Handler(), e.log.Logger)
		e.serve("metrics", s.metricsServer, s.metricsListener)
	}
	s.adminServer = web.NewServer(e.adminHandler(), e.log.Logger)
	e.serve("admin", s.adminServer, s.adminListener)
	return nil
}

func (e *Engine) serve(name string, s *http.Server, l net.Listener) {
	e.goes(name, func() {
		if err := s.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
			e.fail(fmt.Errorf("%s listener: %w", name, err))
		}
	})
}

// bind listens, or says at the manifest's field why it cannot.
func bind(ctx context.Context, m *manifest.Manifest, address, path string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err == nil {
		return l, nil
	}
	hint := "choose another address"
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		hint = "another program listens there; stop it, or choose another port"
	case errors.Is(err, syscall.EACCES):
		hint = "ports below 1024 need a privilege; choose a higher one"
	}
	return nil, fault.Newf("cannot-listen", "cannot listen on %s", address).WithHint(hint).WithCause(err).At(path, m.Positions.At(path))
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
