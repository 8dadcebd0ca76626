// Command bench measures the built binary over HTTP on loopback, beside a bare
// net/http program on the same SQLite driver, and beside one on SurrealDB's own
// library, and as a front door beside nginx and Caddy, in the same run and in turns.
// It prints CPU per request and latency, and their ratios; `make bench` calls it.
// It judges nothing: machines differ, ratios of one run do not.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

func main() {
	bare := map[string]func(string, io.Writer) error{
		"bare": serveBare, "bare-surrealdb": serveBareSurreal, "bare-functions": serveBareFunctions,
		"upstream": serveUpstream,
	}
	if len(os.Args) == 3 && bare[os.Args[1]] != nil {
		serve := bare[os.Args[1]]
		if err := serve(os.Args[2], os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, os.Args[1]+":", err)
			os.Exit(1)
		}
		return
	}
	var o options
	flag.StringVar(&o.binary, "binary", "bin/edge-hive", "the built command")
	seconds := flag.Float64("seconds", 1, "seconds of load in each turn")
	flag.IntVar(&o.turns, "turns", 5, "turns of each server and load; medians are printed")
	flag.IntVar(&o.starts, "starts", 9, "starts of each program; medians are printed")
	flag.StringVar(&o.load, "load", "", "only the loads whose name has this in it")
	flag.StringVar(&o.engine, "engine", "", "sqlite, surrealdb, functions or front; all where it is not given")
	flag.IntVar(&o.threads, "threads", max(1, runtime.NumCPU()/2), "threads of each server at the front door")
	flag.Parse()
	o.turn = time.Duration(*seconds * float64(time.Second))

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := measure(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// measure measures the engines that are asked for.
func measure(ctx context.Context, o options, out io.Writer) error {
	switch o.engine {
	case "sqlite":
		return run(ctx, o, out)
	case "surrealdb":
		return runSurreal(ctx, o, out)
	case "functions":
		return runFunctions(ctx, o, out)
	case "front":
		return runFront(ctx, o, out)
	case "":
	default:
		return fmt.Errorf("there is no engine %q", o.engine)
	}
	if err := run(ctx, o, out); err != nil {
		return err
	}
	if err := runFunctions(ctx, o, out); err != nil {
		return err
	}
	if err := runFront(ctx, o, out); err != nil {
		return err
	}
	err := runSurreal(ctx, o, out)
	if errors.Is(err, surrealtest.ErrNone) {
		fmt.Fprintln(out, "SurrealDB is not measured:", err)
		return nil
	}
	return err
}

// options are the flags.
type options struct {
	binary string
	turn   time.Duration
	turns  int
	starts int
	load   string
	engine string
	// threads are those of each server at the front door.
	threads int
}

// run starts both servers, drives every load against them in turns and prints
// the medians, and the turn with the least CPU: where other programs run too,
// that is the one that they disturbed least.
func run(ctx context.Context, o options, out io.Writer) error {
	dir, err := os.MkdirTemp("", "edge-hive-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	hive, err := newHive(ctx, o.binary, filepath.Join(dir, "hive"))
	if err != nil {
		return fmt.Errorf("start %s: %w", o.binary, err)
	}
	defer hive.stop()
	bare, err := newBare(ctx, filepath.Join(dir, "bare"))
	if err != nil {
		return fmt.Errorf("start the bare program: %w", err)
	}
	defer bare.stop()

	if err := reportStart(ctx, o, hive, bare, out); err != nil {
		return err
	}
	if err := reportLoads(ctx, o, hive, bare, loads(), out); err != nil {
		return err
	}
	reportMemory("memory after the loads", hive, bare, out)
	return nil
}

// reportLoads prints how both servers bear the loads that are asked for.
func reportLoads(ctx context.Context, o options, hive, bare *server, list []load, out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "load\tclients\tserver\trequests/s\tp50\tp99\tCPU/request\tover bare\tratio\tleast CPU\tover bare\tratio\t")
	for _, l := range list {
		if !strings.Contains(l.name, o.load) {
			continue
		}
		if err := compare(ctx, o, hive, bare, l, table); err != nil {
			return err
		}
	}
	return table.Flush()
}

// compare drives one load against both servers in turns and prints the medians.
func compare(ctx context.Context, o options, hive, bare *server, l load, table io.Writer) error {
	var hives, bares []measurement
	for range o.turns {
		b, err := drive(ctx, bare, l, l.bare, o.turn)
		if err != nil {
			return fmt.Errorf("%s, bare: %w", l.name, err)
		}
		h, err := drive(ctx, hive, l, l.hive, o.turn)
		if err != nil {
			return fmt.Errorf("%s, edge-hive: %w", l.name, err)
		}
		bares, hives = append(bares, b), append(hives, h)
	}
	b, h := median(bares), median(hives)
	leastB, leastH := leastCPU(bares), leastCPU(hives)
	fmt.Fprintf(table, "%s\t%d\tbare\t%.0f\t%v\t%v\t%v\t\t\t%v\t\t\t\n", l.name, l.clients, b.rate, round(b.p50), round(b.p99), round(b.cpu), round(leastB))
	fmt.Fprintf(table, "\t\tedge-hive\t%.0f\t%v\t%v\t%v\t%v\t%.2f\t%v\t%v\t%.2f\t\n", h.rate, round(h.p50), round(h.p99),
		round(h.cpu), round(h.cpu-b.cpu), ratio(h.cpu, b.cpu), round(leastH), round(leastH-leastB), ratio(leastH, leastB))
	return nil
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(max(b, 1)) }

// reportStart prints the time from process start to the first answer on a
// database that is already there, beside the time of `edge-hive version`, and
// the memory of the servers when nobody has asked for anything yet. The
// programs take turns.
func reportStart(ctx context.Context, o options, hive, bare *server, out io.Writer) error {
	var versions, hives, bares []time.Duration
	for range o.starts {
		version, err := timeCommand(ctx, o.binary, "version")
		if err != nil {
			return err
		}
		for _, s := range []*server{hive, bare} {
			if err := s.restart(ctx); err != nil {
				return err
			}
		}
		versions, hives, bares = append(versions, version), append(hives, hive.started), append(bares, bare.started)
	}
	fmt.Fprintln(out, "start to first answer on a filled database, median (best):")
	fmt.Fprintf(out, "  edge-hive serve %s, edge-hive version %s, bare %s\n", startTimes(hives), startTimes(versions), startTimes(bares))
	time.Sleep(settle)
	reportMemory("memory after a start, idle", hive, bare, out)
	fmt.Fprintln(out)
	return nil
}

// settle is how long a started server may do what it does in the background.
const settle = 2 * time.Second

func reportMemory(when string, hive, bare *server, out io.Writer) {
	if memory := hive.residentKiB(); memory > 0 {
		fmt.Fprintf(out, "%s: edge-hive %.1f MB, bare %.1f MB\n", when, float64(memory)/1024, float64(bare.residentKiB())/1024)
	}
}

// startTimes prints the median and the best.
func startTimes(times []time.Duration) string {
	slices.Sort(times)
	return fmt.Sprintf("%v (%v)", round(times[len(times)/2]), round(times[0]))
}

// median is of each number by itself: a turn in the middle by its CPU may be the
// one in which something else on the machine held everybody up.
func median(turns []measurement) measurement {
	return measurement{
		rate: middle(turns, func(m measurement) float64 { return m.rate }),
		cpu:  middle(turns, func(m measurement) time.Duration { return m.cpu }),
		p50:  middle(turns, func(m measurement) time.Duration { return m.p50 }),
		p99:  middle(turns, func(m measurement) time.Duration { return m.p99 }),
	}
}

func middle[T cmp.Ordered](turns []measurement, number func(measurement) T) T {
	all := make([]T, len(turns))
	for i, m := range turns {
		all[i] = number(m)
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// leastCPU is what a request took in the turn that was disturbed least.
func leastCPU(turns []measurement) time.Duration {
	return slices.MinFunc(turns, func(a, b measurement) int { return cmp.Compare(a.cpu, b.cpu) }).cpu
}

func round(d time.Duration) time.Duration {
	if d < time.Millisecond && d > -time.Millisecond {
		return d.Round(100 * time.Nanosecond)
	}
	return d.Round(10 * time.Microsecond)
}
