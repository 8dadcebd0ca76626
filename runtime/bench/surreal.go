package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

// surrealBooks is how many books each database on the server has: a year has
// some 80 of them.
const surrealBooks = 10_000

// benchPass and benchSecret are the variables of the manifest's secrets.
const (
	benchPass   = "EDGE_HIVE_BENCH_PASS"
	benchSecret = "EDGE_HIVE_BENCH_SECRET"
)

// runSurreal measures edge-hive beside the bare program on one SurrealDB server
// with its rows on a disk, each in a database of its own with the same tables,
// indexes and events, which edge-hive has made. It prints the medians of the
// turns and, behind them, the best: where other programs run too, that is the
// turn that they disturbed least. The ratio of latency is to be small, that of
// throughput large.
func runSurreal(ctx context.Context, o options, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "edge-hive-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	database, err := surrealtest.Start(ctx, filepath.Join(dir, "rocksdb"), "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer database.Stop()

	hive, err := startOnSurreal(ctx, o.binary, filepath.Join(dir, "hive"), database.URL, "hive")
	if err != nil {
		return fmt.Errorf("start %s on SurrealDB: %w", o.binary, err)
	}
	defer hive.stop()
	bare, err := newBareSurreal(ctx, o.binary, filepath.Join(dir, "bare"), database.URL)
	if err != nil {
		return fmt.Errorf("start the bare program on SurrealDB: %w", err)
	}
	defer bare.stop()

	fmt.Fprintln(out, "\non SurrealDB, beside surrealdb.go: medians, and the best turns")
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "load\tclients\tserver\trequests/s\tratio\tp50\tratio\tp99\tCPU/request\tmost requests/s\tratio\tleast p50\tratio\t")
	defer func() { err = errors.Join(err, table.Flush()) }()
	for _, l := range surrealLoads() {
		if !strings.Contains(l.name, o.load) {
			continue
		}
		if err := compareSurreal(ctx, o, hive, bare, l, table); err != nil {
			return err
		}
	}
	return nil
}

// compareSurreal drives one load against both servers in turns.
func compareSurreal(ctx context.Context, o options, hive, bare *server, l load, table io.Writer) error {
	var hives, bares []measurement
	for range o.turns {
		b, err := drive(ctx, bare, l, l.bare, o.turn/2)
		if err != nil {
			return fmt.Errorf("%s, bare: %w", l.name, err)
		}
		h, err := drive(ctx, hive, l, l.hive, o.turn/2)
		if err != nil {
			return fmt.Errorf("%s, edge-hive: %w", l.name, err)
		}
		bares, hives = append(bares, b), append(hives, h)
	}
	b, h := summed(bares), summed(hives)
	fmt.Fprintf(table, "%s\t%d\tbare\t%.0f\t\t%v\t\t%v\t%v\t%.0f\t\t%v\t\t\n", l.name, l.clients, b.middle.rate, round(b.middle.p50), round(b.middle.p99),
		round(b.middle.cpu), b.most, round(b.least))
	fmt.Fprintf(table, "\t\tedge-hive\t%.0f\t%.2f\t%v\t%.2f\t%v\t%v\t%.0f\t%.2f\t%v\t%.2f\t\n", h.middle.rate, h.middle.rate/b.middle.rate,
		round(h.middle.p50), ratio(h.middle.p50, b.middle.p50), round(h.middle.p99), round(h.middle.cpu), h.most, h.most/b.most, round(h.least), ratio(h.least, b.least))
	return nil
}

// summary is what is printed of the turns of a server.
type summary struct {
	middle measurement
	most   float64
	least  time.Duration
}

func summed(turns []measurement) summary {
	slices.SortFunc(turns, func(a, b measurement) int { return int(a.p50 - b.p50) })
	s := summary{middle: turns[len(turns)/2], least: turns[0].p50}
	for _, m := range turns {
		s.most = max(s.most, m.rate)
	}
	return s
}

// surrealLoads are the loads of both servers on SurrealDB.
func surrealLoads() []load {
	insert := func(path string) func(*rand.Rand, string) request {
		return func(random *rand.Rand, key string) request {
			return request{method: "POST", path: path, bearer: key, body: fmt.Sprintf(`{"title":"Book %d","year":%d,"price":12.50}`, random.Uint32(), firstYear+random.IntN(years))}
		}
	}
	ofYear := func(format string) func(*rand.Rand, string) request {
		return func(random *rand.Rand, _ string) request {
			return request{method: "GET", path: fmt.Sprintf(format, firstYear+random.IntN(years))}
		}
	}
	byKey := func(format string) func(*rand.Rand, string) request {
		return func(random *rand.Rand, _ string) request {
			return request{method: "GET", path: fmt.Sprintf(format, 1+random.IntN(surrealBooks))}
		}
	}
	change := func(format string) func(*rand.Rand, string) request {
		return func(random *rand.Rand, key string) request {
			return request{method: "PATCH", path: fmt.Sprintf(format, 1+random.IntN(surrealBooks)), bearer: key, body: fmt.Sprintf(`{"title":"Book %d"}`, random.Uint32())}
		}
	}
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
	const one = "/api/data/books?select=id,title,year,price&id=eq.%d"
	const sorted = "/api/data/books?select=id,title,year,price&year=eq.%d&order=price.desc&limit=20"
	const related = "/api/data/books?select=id,title,authors(name)&year=eq.%d&order=id&limit=20"
	var list []load
	for _, clients := range []int{1, 64} {
		list = append(list,
			load{name: "read by key", clients: clients, hive: byKey(one), bare: byKey("/books/%d")},
			load{name: "20 of 10k, filtered, sorted", clients: clients, hive: ofYear(sorted), bare: ofYear("/year/%d")},
			load{name: "20 with their author", clients: clients, hive: ofYear(related), bare: ofYear("/joined/%d")},
			load{name: "durable insert", clients: clients, hive: insert("/api/data/books"), bare: insert("/books")},
			load{name: "durable update by key", clients: clients, hive: change("/api/data/books?id=eq.%d"), bare: change("/books/%d")},
		)
	}
	return append(list, load{
		name: "mixed 9:9:2", clients: 16,
		hive: mixed(byKey(one), ofYear(sorted), insert("/api/data/books")),
		bare: mixed(byKey("/books/%d"), ofYear("/year/%d"), insert("/books")),
	})
}

// startOnSurreal starts edge-hive on a database of its own and fills it.
func startOnSurreal(ctx context.Context, binary, dir, url, database string) (*server, error) {
	more := fmt.Sprintf("auth: secret: env: %q\ndatabase: {engine: \"surrealdb\", url: %q, namespace: \"bench\", database: %q, user: \"root\", password: env: %q}\n",
		benchSecret, url, database, benchPass)
	s, err := startHive(ctx, binary, dir, more, []string{benchPass + "=root", benchSecret + "=" + strings.Repeat("0123456789abcdef", 3)})
	if err != nil {
		return nil, err
	}
	if err := s.fillBooks(ctx, surrealBooks); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// newBareSurreal has edge-hive make and fill a database, and starts the bare
// program on it.
func newBareSurreal(ctx context.Context, binary, dir, url string) (*server, error) {
	maker, err := startOnSurreal(ctx, binary, dir, url, "bare")
	if err != nil {
		return nil, err
	}
	if err := maker.stop(); err != nil {
		return nil, err
	}
	return startBare(ctx, "bare-surrealdb", url, "/books/1")
}
