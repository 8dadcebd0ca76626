package wire

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/edge-hive/edge-hive/runtime/web/address"
)

// Bounds are how many connections a Listener holds open.
type Bounds struct {
	Total      int
	PerAddress int // an IPv6 client is its /64
	// Trusted are proxies, behind which many clients share an address: only
	// Total holds for them.
	Trusted []netip.Prefix
}

// Listener bounds the connections of a listener, all and per client address:
// what is over a bound is closed at once and counted. It also closes connections
// whose reader has stalled. Safe for concurrent use.
type Listener struct {
	net.Listener

	progress time.Duration // Progress, but for tests
	refused  atomic.Uint64

	mu     sync.Mutex
	bounds Bounds
	total  int
	open   map[netip.Addr]int
}

// NewListener wraps a listener.
func NewListener(inner net.Listener, bounds Bounds) *Listener {
	return &Listener{Listener: inner, progress: Progress, bounds: bounds, open: make(map[netip.Addr]int)}
}

// SetBounds changes the bounds for connections that come from now on.
func (l *Listener) SetBounds(bounds Bounds) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bounds = bounds
}

// Open is how many connections are open now.
func (l *Listener) Open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total
}

// Refused is how many connections were over a bound.
func (l *Listener) Refused() uint64 { return l.refused.Load() }

// Accept gives the next connection that is within the bounds.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		inner, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		client := peer(inner)
		if l.enter(client) {
			return &boundedConn{Conn: inner, progress: l.progress, leave: func() { l.exit(client) }}, nil
		}
		l.refused.Add(1)
		_ = inner.Close() // it was never used
	}
}

func (l *Listener) enter(client netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.total >= l.bounds.Total {
		return false
	}
	if l.open[address.Network(client)] >= l.bounds.PerAddress && !l.trusted(client) {
		return false
	}
	l.total++
	l.open[address.Network(client)]++
	return true
}

func (l *Listener) exit(client netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total--
	held := address.Network(client)
	if l.open[held]--; l.open[held] <= 0 {
		delete(l.open, held)
	}
}

func (l *Listener) trusted(client netip.Addr) bool {
	for _, prefix := range l.bounds.Trusted {
		if prefix.Contains(client) {
			return true
		}
	}
	return false
}

// peer is the address of a connection's other end; all that have none count as
// one.
func peer(conn net.Conn) netip.Addr {
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// boundedConn leaves its listener's count once, and is closed by a reader that
// takes nothing for the time of progress.
type boundedConn struct {
	net.Conn
	progress time.Duration
	leave    func()
	closed   atomic.Bool
	// owned is set when somebody sets deadlines of his own (a WebSocket).
	owned atomic.Bool
	until atomic.Int64 // the write deadline that stands, in Unix nanoseconds
}

const (
	// Progress is how long a client may take nothing of what is sent to it.
	Progress = 30 * time.Second
	// Piece is what must get through within that time, in bytes.
	Piece = 64 << 10
	// filePiece is the same where the kernel copies.
	filePiece = 1 << 20
)

// Close closes the connection and leaves the count.
func (c *boundedConn) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.leave()
	}
	return c.Conn.Close()
}

// CloseWrite tells the client that no more will come, as net/http does before it
// closes a connection with unread input.
func (c *boundedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Write sends in pieces, each of which must make progress.
func (c *boundedConn) Write(p []byte) (int, error) {
	written := 0
	for {
		if err := c.extend(); err != nil {
			return written, err
		}
		n, err := c.Conn.Write(p[written:min(written+Piece, len(p))])
		written += n
		if err != nil || written == len(p) {
			return written, err
		}
	}
}

// ReadFrom lets the kernel copy files, piece by piece.
func (c *boundedConn) ReadFrom(r io.Reader) (int64, error) {
	inner, ok := c.Conn.(io.ReaderFrom)
	if !ok {
		return io.Copy(struct{ io.Writer }{c}, r)
	}
	source, left := r, int64(1<<62)
	if limited, ok := r.(*io.LimitedReader); ok {
		source, left = limited.R, limited.N // nested limits keep the kernel out
		defer func() { limited.N = left }()
	}
	var written int64
	for left > 0 {
		if err := c.extend(); err != nil {
			return written, err
		}
		piece := min(left, filePiece)
		n, err := inner.ReadFrom(&io.LimitedReader{R: source, N: piece})
		written += n
		left -= n
		if err != nil || n < piece {
			return written, err
		}
	}
	return written, nil
}

// extend moves the write deadline on, but not for less than a thirtieth of it,
// for it costs more than a small write's bookkeeping should.
func (c *boundedConn) extend() error {
	if c.owned.Load() {
		return nil
	}
	now := time.Now()
	until := now.Add(c.progress)
	if until.UnixNano()-c.until.Load() < int64(c.progress/30) {
		return nil
	}
	c.until.Store(until.UnixNano())
	return c.Conn.SetWriteDeadline(until)
}

// SetWriteDeadline hands write deadlines to the caller, until he sets none. To
// set none where ours stands, as net/http does after each answer, changes
// nothing: the next write looks after it.
func (c *boundedConn) SetWriteDeadline(t time.Time) error {
	if t.IsZero() && !c.owned.Load() {
		return nil
	}
	c.own(t)
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline is SetWriteDeadline for both directions.
func (c *boundedConn) SetDeadline(t time.Time) error {
	c.own(t)
	return c.Conn.SetDeadline(t)
}

func (c *boundedConn) own(t time.Time) {
	c.owned.Store(!t.IsZero())
	c.until.Store(0)
}
