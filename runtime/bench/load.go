package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// load is one kind of request, as each server understands it.
type load struct {
	name       string
	clients    int
	hive, bare func(random *rand.Rand, key string) request
}

// request is one HTTP request, written by hand so that the client costs little.
type request struct {
	method, path, body, bearer, prefer string
}

// The rows of the tables: a year has some 830 of the books.
const (
	bookRows   = 100_000
	authorRows = 1000
	firstYear  = 1900
	years      = 120
)

func loads() []load {
	insert := func(path string) func(*rand.Rand, string) request {
		return func(random *rand.Rand, key string) request {
			return request{method: "POST", path: path, bearer: key, body: fmt.Sprintf(`{"title":"Book %d","year":%d,"price":12.50}`, random.Uint32(), firstYear+random.IntN(years))}
		}
	}
	ofYear := func(format, prefer string) func(*rand.Rand, string) request {
		return func(random *rand.Rand, _ string) request {
			return request{method: "GET", path: fmt.Sprintf(format, firstYear+random.IntN(years)), prefer: prefer}
		}
	}
	// mixed is nine reads by key and nine lists for two inserts.
	mixed := func(read, list, write func(*rand.Rand, string) request) func(*rand.Rand, string) request {
		return func(random *rand.Rand, key string) request {
			switch n := random.IntN(20); {
			case n < 9:
				return read(random, key)
			case n < 18:
				return list(random, key)
			}
			return write(random, key)
		}
	}
	const sorted = "/api/data/books?select=id,title,year,price&year=eq.%d&order=price.desc&limit=20"
	const related = "/api/data/books?select=id,title,authors(name)&year=eq.%d&order=id&limit=20"
	byKey := func(format string) func(*rand.Rand, string) request {
		return func(random *rand.Rand, _ string) request {
			return request{method: "GET", path: fmt.Sprintf(format, 1+random.IntN(bookRows))}
		}
	}
	list := func(path string) func(*rand.Rand, string) request {
		return func(*rand.Rand, string) request { return request{method: "GET", path: path} }
	}
	return []load{
		{name: "read by key", clients: 8, hive: byKey("/api/data/books?id=eq.%d"), bare: byKey("/books/%d")},
		{name: "cached list of 20", clients: 8, hive: list("/api/data/cached?order=year.desc&limit=20"), bare: list("/cached")},
		{name: "20 of 100k, filtered, sorted", clients: 8, hive: ofYear(sorted, ""), bare: ofYear("/year/%d", "")},
		{name: "the same, counted", clients: 8, hive: ofYear(sorted, "count=exact"), bare: ofYear("/year/%d?count", "")},
		{name: "20 with their author", clients: 8, hive: ofYear(related, ""), bare: ofYear("/joined/%d", "")},
		{name: "durable insert", clients: 1, hive: insert("/api/data/books"), bare: insert("/books")},
		{name: "durable insert", clients: 64, hive: insert("/api/data/books"), bare: insert("/books")},
		{name: "the same, bare grouping", clients: 64, hive: insert("/api/data/books"), bare: insert("/grouped")},
		{
			name: "mixed 9:9:2", clients: 16,
			hive: mixed(byKey("/api/data/books?id=eq.%d"), ofYear(sorted, ""), insert("/api/data/books")),
			bare: mixed(byKey("/books/%d"), ofYear("/year/%d", ""), insert("/grouped")),
		},
	}
}

// measurement is one turn of a load.
type measurement struct {
	rate          float64 // requests a second
	cpu, p50, p99 time.Duration
}

// drive runs the clients of a load against a server for a while, each over a
// connection of its own.
func drive(ctx context.Context, s *server, l load, next func(*rand.Rand, string) request, turn time.Duration) (measurement, error) {
	return driveBy(ctx, s, l.clients, kept(false), next, turn)
}

// driveBy runs clients against a server for a while. Any answer that is not a
// success ends it with an error.
func driveBy(ctx context.Context, s *server, number int, dialing dialing, next func(*rand.Rand, string) request, turn time.Duration) (measurement, error) {
	ctx, cancel := context.WithTimeout(ctx, turn+10*time.Second)
	defer cancel()
	before, err := s.cpu()
	if err != nil {
		return measurement{}, err
	}
	began := time.Now()
	var (
		mu        sync.Mutex
		latencies []time.Duration
		failed    error
		clients   sync.WaitGroup
	)
	for i := range number {
		clients.Go(func() {
			own, err := client(ctx, s, dialing, next, rand.New(rand.NewPCG(uint64(i), 11)), began.Add(turn))
			mu.Lock()
			defer mu.Unlock()
			latencies = append(latencies, own...)
			failed = errors.Join(failed, err)
		})
	}
	clients.Wait()
	elapsed := time.Since(began)
	after, err := s.cpu()
	if err := errors.Join(failed, err); err != nil {
		return measurement{}, err
	}
	slices.Sort(latencies)
	count := len(latencies)
	return measurement{
		rate: float64(count) / elapsed.Seconds(),
		cpu:  (after - before) / time.Duration(count),
		p50:  latencies[count/2],
		p99:  latencies[count*99/100],
	}, nil
}

// client sends one request after another, each over a connection of its own or
// all over one. With connections of their own the time is that of all of it.
func client(ctx context.Context, s *server, dialing dialing, next func(*rand.Rand, string) request, random *rand.Rand, until time.Time) ([]time.Duration, error) {
	dial, once := dialing(s.address)
	var (
		conn      net.Conn
		reader    = bufio.NewReaderSize(nil, 64<<10)
		latencies []time.Duration
		out       []byte
	)
	defer func() {
		if conn != nil {
			_ = conn.Close()
		}
	}()
	for time.Now().Before(until) {
		r := next(random, s.key)
		out = r.append(out[:0])
		began := time.Now()
		if conn == nil {
			var err error
			if conn, err = dial(ctx); err != nil {
				return nil, err
			}
			reader.Reset(conn)
		}
		if !once && len(latencies) == 0 {
			began = time.Now() // the connection is not what is measured
		}
		if _, err := conn.Write(out); err != nil {
			return nil, err
		}
		if err := readAnswer(reader); err != nil {
			return nil, fmt.Errorf("%s %s: %w", r.method, r.path, err)
		}
		if once {
			_ = conn.Close() // the server's answer is here already
			conn = nil
		}
		latencies = append(latencies, time.Since(began))
	}
	return latencies, nil
}

// readAnswer reads one answer, which must be a success of a stated length. It
// looks at no more than it needs: the client shares the machine with the server
// that is measured.
func readAnswer(reader *bufio.Reader) error {
	status, err := reader.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 2")) {
		return fmt.Errorf("answered %q", status)
	}
	length := -1
	if bytes.HasPrefix(status, []byte("HTTP/1.1 204")) {
		length = 0
	}
	for {
		line, err := reader.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == len("\r\n") {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return errors.New("answered without Content-Length")
	}
	_, err = reader.Discard(length)
	return err
}

func (r request) append(out []byte) []byte {
	out = fmt.Appendf(out, "%s %s HTTP/1.1\r\nHost: localhost\r\n", r.method, r.path)
	if r.bearer != "" {
		out = fmt.Appendf(out, "Authorization: Bearer %s\r\n", r.bearer)
	}
	if r.prefer != "" {
		out = fmt.Appendf(out, "Prefer: %s\r\n", r.prefer)
	}
	if r.body != "" {
		out = fmt.Appendf(out, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(r.body))
	}
	out = append(out, "\r\n"...)
	return append(out, r.body...)
}
