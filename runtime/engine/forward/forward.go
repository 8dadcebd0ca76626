// Package forward carries requests from a process that an upgrade has replaced to
// the one that serves: those that still arrive on its connections, each of which is
// the last on its own. They go over a
// Unix socket that nobody but the backend's user can reach, one connection a
// request, and with them what is known of the client: its address, and what TLS
// has found.
package forward

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"syscall"
	"time"
)

// header carries the facts. What a client sends under this name is overwritten.
const header = "Edge-Hive-Forwarded"

// facts are what a request's connection tells, and its copy's does not.
type facts struct {
	Remote string    `json:"remote"`
	Proto  string    `json:"proto"`
	TLS    *tlsFacts `json:"tls,omitempty"`
}

type tlsFacts struct {
	Version      uint16   `json:"version"`
	Cipher       uint16   `json:"cipher"`
	Name         string   `json:"name,omitempty"`
	Protocol     string   `json:"protocol,omitempty"`
	Resumed      bool     `json:"resumed,omitempty"`
	Certificates [][]byte `json:"certificates,omitempty"`
}

// retry is how long a dial waits where the other side's queue is full.
const retry = 5 * time.Millisecond

// To is the handler that carries requests to the socket. refuse answers those that
// cannot be carried.
func To(path string, refuse http.HandlerFunc, logger *slog.Logger) http.Handler {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, path) },
		// A connection that is used again may be closed by the other side as the
		// request is sent, and a POST is not sent twice.
		DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 1 << 20,
		ExpectContinueTimeout: time.Minute, // the body is asked for when the handler reads it
	}
	proxy := &httputil.ReverseProxy{
		Transport: transport, FlushInterval: -1, ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
		Rewrite: rewrite,
		ModifyResponse: func(r *http.Response) error {
			if r.StatusCode != http.StatusSwitchingProtocols {
				r.Header.Set("Connection", "close") // answers before it (103) have taken what was set
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			w.Header().Set("Connection", "close")
			if r.Context().Err() == nil {
				logger.Warn("a request could not be handed to the new process", "error", err)
			}
			refuse(w, r)
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// An answer may begin before the body has ended, as it may without this hop;
		// where that is not supported, it is so anyway.
		_ = http.NewResponseController(w).EnableFullDuplex()
		if r.Header.Get("Upgrade") != "" {
			w.Header().Del("Connection") // the answer that switches has its own
		}
		proxy.ServeHTTP(w, r)
	})
}

// rewrite leaves the request as the client has sent it.
func rewrite(p *httputil.ProxyRequest) {
	*p.Out.URL = url.URL{Scheme: "http", Host: "edge-hive", Path: p.In.URL.Path, RawPath: p.In.URL.RawPath, RawQuery: p.In.URL.RawQuery, ForceQuery: p.In.URL.ForceQuery}
	if p.In.URL.Opaque != "" || p.In.URL.Path == "*" {
		p.Out.URL.Opaque = p.In.RequestURI // OPTIONS *
	}
	p.Out.Host = p.In.Host
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if values, sent := p.In.Header[name]; sent {
			p.Out.Header[name] = values
		}
	}
	if _, sent := p.In.Header["User-Agent"]; !sent {
		p.Out.Header["User-Agent"] = []string{""} // none is sent
	}
	p.Out.Header.Set(header, encode(p.In))
}

func dial(ctx context.Context, path string) (net.Conn, error) {
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
		if !errors.Is(err, syscall.EAGAIN) {
			return conn, err
		}
		select { // more wait there than the system takes
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(retry):
		}
	}
}

func encode(r *http.Request) string {
	f := facts{Remote: r.RemoteAddr, Proto: r.Proto}
	if t := r.TLS; t != nil {
		f.TLS = &tlsFacts{Version: t.Version, Cipher: t.CipherSuite, Name: t.ServerName, Protocol: t.NegotiatedProtocol, Resumed: t.DidResume}
		for _, certificate := range t.PeerCertificates {
			f.TLS.Certificates = append(f.TLS.Certificates, certificate.Raw)
		}
	}
	text, err := json.Marshal(f)
	if err != nil {
		return "" // plain values cannot fail; From refuses it
	}
	return base64.StdEncoding.EncodeToString(text)
}

// From gives the handler requests as they came to the process that has carried them
// here. It must be reached over the socket alone.
func From(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := decode(r); err != nil {
			http.Error(w, "this socket is for the process before", http.StatusBadRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

var errNoFacts = errors.New("a request without its facts")

func decode(r *http.Request) error {
	text, err := base64.StdEncoding.DecodeString(r.Header.Get(header))
	if err != nil {
		return err
	}
	r.Header.Del(header)
	var f facts
	if err := json.Unmarshal(text, &f); err != nil {
		return err
	}
	major, minor, ok := http.ParseHTTPVersion(f.Proto)
	if !ok || f.Remote == "" {
		return errNoFacts
	}
	r.RemoteAddr, r.Proto, r.ProtoMajor, r.ProtoMinor = f.Remote, f.Proto, major, minor
	if r.Header.Get("Upgrade") == "" {
		r.Header.Del("Connection") // this hop's
	}
	r.Close = false
	if t := f.TLS; t != nil {
		r.TLS = &tls.ConnectionState{
			HandshakeComplete: true, Version: t.Version, CipherSuite: t.Cipher, ServerName: t.Name,
			NegotiatedProtocol: t.Protocol, DidResume: t.Resumed,
		}
		for _, raw := range t.Certificates {
			certificate, err := x509.ParseCertificate(raw)
			if err != nil {
				return err
			}
			r.TLS.PeerCertificates = append(r.TLS.PeerCertificates, certificate)
		}
	}
	return nil
}
