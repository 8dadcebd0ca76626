package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// The bounds of connections to servers.
const (
	mostIdle   = 128 // of a server
	idleTime   = 90 * time.Second
	mostHeader = 256 << 10 // of an answer
	expectTime = time.Second
	pingAfter  = 15 * time.Second // of silence on HTTP/2
	pingTime   = 15 * time.Second
)

// connect makes the transports.
func (o *pool) connect(declared *manifest.Proxy, files trust) error {
	security, err := newTLS(files)
	if err != nil {
		return err
	}
	sockets := map[string]string{}
	for _, s := range o.servers {
		if s.socket != "" {
			sockets[net.JoinHostPort(s.authority, "80")] = s.socket
		}
	}
	dialer := &dialer{net: net.Dialer{Timeout: declared.Connect}, sockets: sockets, progress: declared.Answer}
	o.plain = newTransport(dialer, declared, len(o.servers))
	o.plain.TLSClientConfig = security
	o.plain.Protocols.SetHTTP1(true)
	o.plain.Protocols.SetHTTP2(true)
	for _, s := range o.servers {
		s.transport = o.plain
		if len(s.address) > 4 && s.address[:4] == h2cScheme+":" {
			if o.h2c == nil {
				o.h2c = newTransport(dialer, declared, len(o.servers))
				o.h2c.Protocols.SetUnencryptedHTTP2(true)
			}
			s.transport = o.h2c
			o.steady = o.steady.with(s)
		}
	}
	return nil
}

func newTransport(d *dialer, declared *manifest.Proxy, servers int) *http.Transport {
	return &http.Transport{
		DialContext:            d.dial,
		TLSHandshakeTimeout:    declared.Connect,
		ResponseHeaderTimeout:  declared.Answer,
		ExpectContinueTimeout:  expectTime,
		DisableCompression:     true, // what servers compressed is handed on as it is
		MaxIdleConns:           mostIdle * servers,
		MaxIdleConnsPerHost:    mostIdle,
		IdleConnTimeout:        idleTime,
		MaxResponseHeaderBytes: mostHeader,
		Protocols:              new(http.Protocols),
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTime},
	}
}

var errPEM = errors.New("there is no certificate in the file of roots")

func newTLS(files trust) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if files.roots != nil {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(files.roots) {
			return nil, errPEM
		}
	}
	if files.certificate != nil {
		pair, err := tls.X509KeyPair(files.certificate, files.key)
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// dialer connects to servers, also by Unix sockets.
type dialer struct {
	net      net.Dialer
	sockets  map[string]string // paths, by the address that stands for them
	progress time.Duration
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if path, found := d.sockets[address]; found {
		network, address = "unix", path
	}
	conn, err := d.net.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &connection{Conn: conn, progress: d.progress}, nil
}

// connection breaks when its server takes nothing for as long as an answer may take:
// else a body would wait for ever.
type connection struct {
	net.Conn
	progress time.Duration
	until    atomic.Int64 // the write deadline that stands, in Unix nanoseconds
}

func (c *connection) Write(p []byte) (int, error) {
	if c.progress > 0 {
		now := time.Now()
		if until := now.Add(c.progress); until.UnixNano()-c.until.Load() > int64(c.progress/30) {
			c.until.Store(until.UnixNano())
			if err := c.SetWriteDeadline(until); err != nil {
				return 0, err
			}
		}
	}
	return c.Conn.Write(p)
}

// CloseWrite tells the server that no more will come.
func (c *connection) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
