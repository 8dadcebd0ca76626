package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// HTTP3 serves HTTP/3 on a UDP socket, with the bounds that connections over TCP
// have. What was sent with the first packet, before the handshake, is not taken:
// anybody could send it again.
type HTTP3 struct {
	conn      net.PacketConn
	transport *quic.Transport
	listener  *quic.EarlyListener
	server    *http3.Server
	doors     *Listener // counts; it accepts nothing
	running   atomic.Int64

	ending sync.Once
	ended  error
}

// busy is how many connections there may be before clients have to prove their
// address, which costs a round trip.
const busy = 256

var errBound = errors.New("over a bound")

// NewHTTP3 makes a server on a socket, which is closed with it. By the key, which is to
// be the same in every process that serves the address, clients whose connection this
// process does not know are told at once: it was that of a process before.
func NewHTTP3(conn net.PacketConn, config *tls.Config, key [32]byte, bounds Bounds, handler http.Handler, logger *slog.Logger) (*HTTP3, error) {
	h := &HTTP3{conn: conn, doors: NewListener(nil, bounds)}
	h.transport = &quic.Transport{
		Conn:                conn,
		StatelessResetKey:   (*quic.StatelessResetKey)(&key),
		VerifySourceAddress: func(net.Addr) bool { return h.doors.Open() >= busy },
		ConnContext: func(ctx context.Context, client *quic.ClientInfo) (context.Context, error) {
			from := udpPeer(client.RemoteAddr)
			if !h.doors.enter(from) {
				h.doors.refused.Add(1)
				return nil, errBound
			}
			context.AfterFunc(ctx, func() { h.doors.exit(from) })
			return ctx, nil
		},
	}
	var err error
	h.listener, err = h.transport.ListenEarly(http3.ConfigureTLSConfig(config), &quic.Config{
		HandshakeIdleTimeout: readHeaderTimeout, MaxIdleTimeout: idleTimeout,
		MaxIncomingStreams: maxStreams, MaxIncomingUniStreams: 8,
		MaxStreamReceiveWindow: http2Uploading, MaxConnectionReceiveWindow: http2Received,
		Allow0RTT: false,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen for HTTP/3: %w", err), h.transport.Close(), conn.Close())
	}
	h.server = &http3.Server{
		Handler: progressing(h.counted(handler)), MaxHeaderBytes: maxHeaderBytes, IdleTimeout: idleTimeout,
		Logger: slog.New(slog.DiscardHandler), // broken connections and clients: nothing to act on
	}
	return h, nil
}

// Serve serves until Shutdown.
func (h *HTTP3) Serve() error { return h.server.ServeListener(h.listener) }

// SetBounds changes the bounds for connections that come from now on.
func (h *HTTP3) SetBounds(bounds Bounds) { h.doors.SetBounds(bounds) }

// Open is how many connections are open now.
func (h *HTTP3) Open() int { return h.doors.Open() }

// Refused is how many connections were over a bound.
func (h *HTTP3) Refused() uint64 { return h.doors.Refused() }

// Addr is where it listens.
func (h *HTTP3) Addr() net.Addr { return h.conn.LocalAddr() }

// leaveTime is how long clients have to leave once all that they asked for was
// answered. Those that were told, and stay, have nothing to lose.
const leaveTime = 2 * time.Second

// Shutdown tells clients to begin nothing more, answers what runs until the context
// ends, lets them leave, and closes the socket. New connections are refused at once:
// nobody would serve them, and their clients have TCP.
func (h *HTTP3) Shutdown(ctx context.Context) error {
	h.ending.Do(func() {
		closed := h.listener.Close()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		over := make(chan struct{})
		var idle atomic.Bool
		go func() {
			defer close(over)
			h.awaitIdle(ctx)
			if ctx.Err() == nil {
				idle.Store(true)
				cancel()
			}
		}()
		err := h.server.Shutdown(ctx)
		cancel()
		<-over
		if idle.Load() && errors.Is(err, context.Canceled) {
			err = nil
		}
		h.ended = errors.Join(err, closed, h.transport.Close(), h.conn.Close())
	})
	return h.ended
}

// awaitIdle waits until nothing has run for as long as clients have to leave.
func (h *HTTP3) awaitIdle(ctx context.Context) {
	tick := time.NewTicker(leaveTime / 20)
	defer tick.Stop()
	for since := time.Now(); time.Since(since) < leaveTime; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if h.running.Load() > 0 {
				since = time.Now()
			}
		}
	}
}

// counted counts the requests that run.
func (h *HTTP3) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.running.Add(1)
		defer h.running.Add(-1)
		next.ServeHTTP(w, r)
	})
}

// udpPeer is the address of a packet's sender.
func udpPeer(a net.Addr) netip.Addr {
	if udp, ok := a.(*net.UDPAddr); ok {
		return udp.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// progressing closes streams whose reader takes nothing for as long as one of TCP
// may: there is no connection of ours below that could.
func progressing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := &progressWriter{ResponseWriter: w, control: http.NewResponseController(w)}
		next.ServeHTTP(p, r)
	})
}

// progressWriter moves the deadline on with each piece that is written.
type progressWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	begun   bool // the header is on its way

	mu    sync.Mutex
	until time.Time
}

// WriteHeader leaves out what ends a connection of HTTP/1.1: of HTTP/3 it is no
// header, and clients take an answer that has it for none.
func (p *progressWriter) WriteHeader(status int) {
	for _, name := range []string{"Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Upgrade"} {
		delete(p.Header(), name)
	}
	p.begun = p.begun || status >= http.StatusOK
	p.ResponseWriter.WriteHeader(status)
}

func (p *progressWriter) Write(b []byte) (int, error) {
	if !p.begun {
		p.WriteHeader(http.StatusOK)
	}
	written := 0
	for {
		if err := p.extend(); err != nil {
			return written, err
		}
		n, err := p.ResponseWriter.Write(b[written:min(written+Piece, len(b))])
		written += n
		if err != nil || written == len(b) {
			return written, err
		}
	}
}

func (p *progressWriter) extend() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.until.Sub(now) > Progress-Progress/30 {
		return nil
	}
	p.until = now.Add(Progress)
	return p.control.SetWriteDeadline(p.until)
}

// FlushError sends what is buffered.
func (p *progressWriter) FlushError() error {
	if !p.begun {
		p.WriteHeader(http.StatusOK)
	}
	if err := p.extend(); err != nil {
		return err
	}
	return p.control.Flush()
}

// Unwrap lets http.ResponseController reach the stream.
func (p *progressWriter) Unwrap() http.ResponseWriter { return p.ResponseWriter }
