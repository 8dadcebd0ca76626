package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/autotls"
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/engine/sockets"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/observe"
	"github.com/edge-hive/edge-hive/runtime/web/wire"
)

// tlsFront is HTTPS: what of it outlives generations.
type tlsFront struct {
	certificates *autotls.Certificates
	listener     net.Listener
	bounded      *wire.Listener
	server       *http.Server
	packets      net.PacketConn
	http3        *wire.HTTP3 // nil where it is not declared
	vault        *openVault  // of the manifest that serves; nil with files
}

// openVault is where certificates are kept.
type openVault struct {
	autotls.Vault
	of     manifest.CertificateStorage
	folder string
	close  io.Closer // nil for what closes with somebody else
}

// Close gives back what was opened for certificates alone.
func (v *openVault) Close() error {
	if v == nil || v.close == nil {
		return nil
	}
	return v.close.Close()
}

// certificatesFolder is where they are in the data folder.
const certificatesFolder = "certificates"

// bindTLS binds what HTTPS needs; nil without.
func (e *Engine) bindTLS(ctx context.Context, m *manifest.Manifest) (*tlsFront, error) {
	if m.Server.TLS == nil {
		return nil, nil //nolint:nilnil // no TLS is no error
	}
	f := &tlsFront{}
	var err error
	if f.listener, err = e.bind(ctx, m, sockets.HTTPS, m.Server.HTTPS, "server.listen.https"); err != nil {
		return nil, err
	}
	if m.Server.HTTP3 != "" {
		if f.packets, err = e.bindPacket(ctx, m, sockets.HTTP3, m.Server.HTTP3, "server.listen.http3"); err != nil {
			return nil, errors.Join(err, f.listener.Close())
		}
	}
	return f, nil
}

// openTLS begins to look for certificates, and serves what there is: it waits for no
// authority.
func (e *Engine) openTLS(m *manifest.Manifest) error {
	f := e.shared.tls
	f.certificates = autotls.New(autotls.Options{
		Log: e.log.Logger, HTTP: e.shared.httpListener.Addr(), HTTPS: f.listener.Addr(),
		WantsCertificate: func(name string) bool { return e.current.Load().handler.WantsCertificate(name) },
		Pace:             e.options.Pace,
	})
	next, err := e.prepareTLS(m)
	if err != nil {
		return err
	}
	handler := e.secure(f)
	if f.packets != nil {
		packets := f.packets
		f.packets = nil // it is closed with what is made of it
		if f.http3, err = wire.NewHTTP3(packets, f.certificates.TLSConfig(), [32]byte(e.current.Load().keys.Derive("http3")), bounds(m), handler, e.log.Logger); err != nil {
			next.drop()
			return err
		}
	}
	f.server = wire.NewServer(handler, e.log.Logger)
	f.server.ErrorLog = f.certificates.ErrorLog(e.log.Logger)
	f.server.TLSConfig = f.certificates.TLSConfig()
	wire.SpeakHTTP2(f.server, false)
	f.bounded = wire.NewListener(f.listener, bounds(m))
	e.useTLS(next)
	e.awaitCertificates()
	e.serveClients(sockets.HTTPS, f.server, tls.NewListener(f.bounded, f.server.TLSConfig))
	if f.http3 != nil {
		e.accepting.Go(func() {
			err := f.http3.Serve()
			if err != nil && !errors.Is(err, http.ErrServerClosed) && !e.handing.Load() && !e.stopping.Load() {
				e.fail(fmt.Errorf("http3 listener: %w", err))
			}
		})
	}
	return nil
}

// preparedTLS is another manifest's TLS, ready to be used or to be dropped.
type preparedTLS struct {
	settings *autotls.Settings
	vault    *openVault
	own      bool // the vault was opened for it
}

func (p *preparedTLS) drop() {
	if p == nil {
		return
	}
	p.settings.Drop()
	if p.own {
		_ = p.vault.Close() // nothing was locked
	}
}

// prepareTLS makes a manifest's TLS ready, and changes nothing; nil without TLS.
func (e *Engine) prepareTLS(m *manifest.Manifest) (*preparedTLS, error) {
	t := m.Server.TLS
	if t == nil || e.shared.tls == nil {
		return nil, nil //nolint:nilnil // no TLS is no error
	}
	p := &preparedTLS{}
	var vault autotls.Vault
	var err error
	if t.Kind != manifest.Files {
		if p.vault, p.own, err = e.openVault(m); err != nil {
			return nil, placed(m, err)
		}
		vault = p.vault
	}
	if p.settings, err = e.shared.tls.certificates.Prepare(t, vault); err != nil {
		if p.own {
			err = errors.Join(placed(m, err), p.vault.Close())
		}
		return nil, placed(m, err)
	}
	return p, nil
}

// useTLS goes over to what was prepared.
func (e *Engine) useTLS(p *preparedTLS) {
	if p == nil {
		return
	}
	f := e.shared.tls
	f.certificates.Use(p.settings)
	if before := f.vault; before != p.vault {
		f.vault = p.vault
		if err := before.Close(); err != nil {
			e.log.Warn("close the storage of certificates", "error", err)
		}
	}
}

// openVault gives where a manifest's certificates are kept: what is open already
// where nothing has changed.
func (e *Engine) openVault(m *manifest.Manifest) (v *openVault, own bool, err error) {
	of, folder := m.Server.TLS.Storage, filepath.Join(m.DataDir(), certificatesFolder)
	if now := e.shared.tls.vault; now != nil && now.folder == folder && sameStorage(now.of, of) {
		return now, false, nil
	}
	v = &openVault{of: of, folder: folder}
	switch of.Kind {
	case manifest.StoreS3:
		bucket, err := autotls.NewS3(&of)
		if err != nil {
			return nil, false, err
		}
		v.Vault, v.close = bucket, bucket
	case manifest.StoreRedis:
		if v.Vault, err = e.redisVault(); err != nil {
			return nil, false, err
		}
	default:
		v.Vault = autotls.NewDisk(folder)
	}
	return v, true, nil
}

// sameStorage compares all but where it stands in the manifest.
func sameStorage(a, b manifest.CertificateStorage) bool {
	for _, s := range []*manifest.CertificateStorage{&a, &b} {
		s.Path = ""
	}
	return reflect.DeepEqual(a, b)
}

// placed gives faults their place in the manifest's files.
func placed(m *manifest.Manifest, err error) error {
	var f *fault.Fault
	if errors.As(err, &f) && f.Path != "" && len(f.Positions) == 0 {
		return f.At(f.Path, m.Positions.At(f.Path))
	}
	return err
}

// secure is what HTTPS answers: the backend, and what clients are told besides.
func (e *Engine) secure(f *tlsFront) http.Handler {
	var alternative []string
	if f.packets != nil {
		if _, port, err := net.SplitHostPort(f.packets.LocalAddr().String()); err == nil {
			alternative = []string{`h3=":` + port + `"; ma=86400`}
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		if alternative != nil && r.ProtoMajor < 3 {
			header["Alt-Svc"] = alternative
		}
		if strict := e.current.Load().strict; strict != nil && f.certificates.AllCertified() {
			header["Strict-Transport-Security"] = strict
		}
		e.ServeHTTP(w, r)
	})
}

// strictTransport is the header that keeps browsers on HTTPS; nil where they are
// not told.
func strictTransport(m *manifest.Manifest) []string {
	t := m.Server.TLS
	if t == nil || t.Kind == manifest.Internal || t.HSTS <= 0 {
		return nil
	}
	return []string{"max-age=" + strconv.FormatInt(int64(t.HSTS/time.Second), 10)}
}

// redirect is what plain HTTP answers beside HTTPS.
func (e *Engine) redirect() http.Handler {
	return autotls.Redirect{Certificates: e.shared.tls.certificates, Port: e.publicPort}
}

// publicPort is the port under which clients reach HTTPS of a host, "" for its own:
// as the manifest's url says it for its host, else the one that is listened on.
func (e *Engine) publicPort(host string) string {
	if u, err := url.Parse(e.current.Load().manifest.Server.URL); err == nil && u.Scheme == "https" && strings.EqualFold(u.Hostname(), host) {
		if u.Port() == "443" {
			return ""
		}
		return u.Port()
	}
	_, port, err := net.SplitHostPort(e.shared.tls.listener.Addr().String())
	if err != nil || port == "443" {
		return ""
	}
	return port
}

// setBounds changes how many connections there may be.
func (f *tlsFront) setBounds(b wire.Bounds) {
	if f == nil || f.bounded == nil {
		return
	}
	f.bounded.SetBounds(b)
	if f.http3 != nil {
		f.http3.SetBounds(b)
	}
}

// shutdown answers what runs over HTTP/3 until the context ends; the server over
// TCP is one of the fronts. What was bound and never served is closed.
func (f *tlsFront) shutdown(ctx context.Context) error {
	if f == nil {
		return nil
	}
	var errs []error
	if f.server == nil {
		errs = append(errs, f.listener.Close())
	}
	if f.packets != nil {
		errs = append(errs, f.packets.Close())
	}
	if f.http3 != nil {
		if err := f.http3.Shutdown(ctx); err != nil {
			errs = append(errs, fmt.Errorf("requests over HTTP/3 were cut off: %w", err))
		}
	}
	return errors.Join(unlessClosed(errs)...)
}

// close stops asking for certificates.
func (f *tlsFront) close() error {
	if f == nil {
		return nil
	}
	if f.certificates != nil {
		f.certificates.Close()
	}
	return f.vault.Close()
}

// TLSAddr is where HTTPS is served, nil for nowhere.
func (e *Engine) TLSAddr() net.Addr {
	if e.shared.tls == nil {
		return nil
	}
	return e.shared.tls.listener.Addr()
}

// tlsStatus is how HTTPS is served; nil where it is not.
func (e *Engine) tlsStatus() *admin.TLS {
	t := e.current.Load().manifest.Server.TLS
	f := e.shared.tls
	if t == nil || f == nil || f.certificates == nil {
		return nil
	}
	s := &admin.TLS{Kind: t.Kind}
	for _, one := range f.certificates.Status() {
		c := admin.Certificate{Domain: one.Name, State: one.State, Issuer: one.Issuer, Error: one.Error}
		if !one.NotAfter.IsZero() {
			c.NotAfter = &one.NotAfter
		}
		if !one.NextTry.IsZero() {
			c.Next = &one.NextTry
		}
		s.Certificates = append(s.Certificates, c)
	}
	return s
}

// tlsListeners are what is bound for HTTPS.
func (e *Engine) tlsListeners() []admin.Listener {
	f := e.shared.tls
	if f == nil || f.bounded == nil {
		return nil
	}
	list := []admin.Listener{{Name: sockets.HTTPS, Address: f.listener.Addr().String(), Open: f.bounded.Open(), Refused: f.bounded.Refused()}}
	if f.http3 != nil {
		list = append(list, admin.Listener{Name: sockets.HTTP3, Address: f.http3.Addr().String(), Open: f.http3.Open(), Refused: f.http3.Refused()})
	}
	return list
}

// tlsState is the same for the metrics.
func (e *Engine) tlsState() observe.TLS {
	f := e.shared.tls
	if f == nil || f.certificates == nil {
		return observe.TLS{}
	}
	stats := f.certificates.Stats()
	return observe.TLS{NotAfter: f.certificates.NotAfter(), Renewed: stats.Renewed, Failed: stats.Failed, HandshakeErrors: stats.FailedHandshakes}
}
