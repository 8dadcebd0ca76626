package proxy

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// tunnel is a connection that went over to another protocol: bytes in both
// directions. It holds no generation, and ends when either end does, when its server
// is no longer declared, or when the process ends; a WebSocket is then told so.
type tunnel struct {
	from    *forward
	client  net.Conn
	backend io.ReadWriteCloser
	up      direction // to the server
	down    direction // to the client
	once    sync.Once
}

// farewell is how long the two ends have to close after they were told to.
const farewell = 2 * time.Second

// tunnel answers the upgrade and hands bytes on until an end closes.
func (f *forward) tunnel(backend io.ReadWriteCloser) error {
	result := ResultOK
	defer func() { f.over(f.server, result) }()
	conn, buffered, err := http.NewResponseController(f.to).Hijack()
	if err != nil {
		closeQuietly(backend)
		return fmt.Errorf("take the connection over: %w", err)
	}
	socket := strings.EqualFold(f.to.Header().Get("Upgrade"), "websocket")
	t := &tunnel{from: f, client: conn, backend: backend}
	t.up = direction{to: backend, follow: socket, masked: true}
	t.down = direction{to: conn, follow: socket}
	defer t.cut()
	if err := writeSwitch(buffered.Writer, f.to.Header()); err != nil {
		result = ResultCaller
		return nil // the caller has gone, and nobody is to be told
	}
	if f.from.Detach != nil {
		f.from.Detach(f.in.Context())
	}
	pools := f.proxy.pool.home
	pools.enter(t)
	defer pools.exit(t)
	var other sync.WaitGroup
	other.Go(func() { t.hand(&t.down, backend) })
	t.hand(&t.up, buffered.Reader)
	other.Wait()
	return nil
}

// writeSwitch sends the 101 with its headers.
func writeSwitch(w *bufio.Writer, header http.Header) error {
	if _, err := w.WriteString("HTTP/1.1 101 Switching Protocols\r\n"); err != nil {
		return err
	}
	if err := header.Write(w); err != nil {
		return err
	}
	if _, err := w.WriteString("\r\n"); err != nil {
		return err
	}
	return w.Flush()
}

// hand copies one direction to its end. An end that still wants to listen is told
// that no more comes; after a failure nobody is waited for.
func (t *tunnel) hand(d *direction, source io.Reader) {
	err := pump(d, source)
	half, can := d.to.(interface{ CloseWrite() error })
	if err != nil || d.follow || !can || half.CloseWrite() != nil {
		t.cut()
	}
}

// smallest is the buffer of a direction that is mostly quiet.
const smallest = 4 << 10

// pump copies until the source ends. A direction with much to hand on borrows a
// larger buffer for as long.
func pump(to io.Writer, source io.Reader) error {
	own := make([]byte, smallest)
	buffer := own
	defer func() {
		if len(buffer) > smallest {
			buffers.Put(buffer)
		}
	}()
	for {
		n, err := source.Read(buffer)
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case n == smallest && len(buffer) == smallest:
			buffer = buffers.Get()
		case n < smallest && len(buffer) > smallest:
			buffers.Put(buffer)
			buffer = own
		}
	}
}

func (t *tunnel) of() (route, server string) { return t.from.proxy.pool.route, t.from.server.address }

// leave tells both ends of a WebSocket that this one goes, and closes soon after.
func (t *tunnel) leave() {
	told := t.down.leave()
	told = t.up.leave() || told
	if !told {
		t.cut()
		return
	}
	time.AfterFunc(farewell, t.cut)
}

// cut closes both ends, which ends whoever reads from them.
func (t *tunnel) cut() {
	t.once.Do(func() {
		closeQuietly(t.client)
		closeQuietly(t.backend)
	})
}

// direction is one way of a tunnel.
type direction struct {
	to     io.Writer
	follow bool // it is a WebSocket: where frames end is known
	masked bool

	leaving atomic.Bool
	mu      sync.Mutex
	frames  frames
	said    bool // our Close frame was sent: nothing follows it
}

func (d *direction) Write(p []byte) (int, error) {
	if !d.follow {
		return d.to.Write(p)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.said {
		return len(p), nil
	}
	n := d.frames.advance(p, d.leaving.Load())
	if _, err := d.to.Write(p[:n]); err != nil {
		return 0, err
	}
	if d.leaving.Load() {
		if err := d.say(); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// leave sends a Close frame, now or after the frame that is on its way. It reports
// whether there is anything to send.
func (d *direction) leave() bool {
	if !d.follow {
		return false
	}
	d.leaving.Store(true)
	if d.mu.TryLock() { // else who writes now looks again after it
		defer d.mu.Unlock()
		return d.say() == nil
	}
	return true
}

// say sends the Close frame between two frames; mu is held.
func (d *direction) say() error {
	if d.said || d.frames.closed || !d.frames.between() {
		return nil
	}
	d.said = true
	var mask [4]byte
	_, _ = rand.Read(mask[:]) // never fails
	_, err := d.to.Write(closeFrame(d.masked, mask))
	return err
}
