// Command bench measures the built binary over HTTP on loopback, beside a bare
// net/http program on the same SQLite driver, in the same run and in turns. It
// prints CPU per request and latency, and their ratios; `make bench` calls it.
// It judges nothing: machines differ, ratios of one run do not.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "bare" {
		if err := serveBare(os.Args[2], os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "bare:", err)
			os.Exit(1)
		}
		return
	}
	binary := flag.String("binary", "bin/edge-hive", "the built command")
	seconds := flag.Float64("seconds", 2, "seconds of load in each turn")
	turns := flag.Int("turns", 3, "turns of each server and load; medians are printed")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *binary, time.Duration(*seconds*float64(time.Second)), *turns, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run starts both servers, drives every load against them in turns and prints
// the medians.
func run(ctx context.Context, binary string, turn time.Duration, turns int, out io.Writer) error {
	dir, err := os.MkdirTemp("", "edge-hive-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	hive, err := startHive(ctx, binary, filepath.Join(dir, "hive"))
	if err != nil {
		return fmt.Errorf("start %s: %w", binary, err)
	}
	defer hive.stop()
	bare, err := startBare(ctx, filepath.Join(dir, "bare"))
	if err != nil {
		return fmt.Errorf("start the bare program: %w", err)
	}
	defer bare.stop()

	if err := reportStart(ctx, binary, hive, bare, out); err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "load\tclients\tserver\trequests/s\tCPU/request\tp50\tp99\tCPU over bare\tCPU ratio\t")
	for _, l := range loads() {
		var hives, bares []measurement
		for range turns {
			b, err := drive(ctx, bare, l, l.bare, turn)
			if err != nil {
				return fmt.Errorf("%s, bare: %w", l.name, err)
			}
			h, err := drive(ctx, hive, l, l.hive, turn)
			if err != nil {
				return fmt.Errorf("%s, edge-hive: %w", l.name, err)
			}
			bares, hives = append(bares, b), append(hives, h)
		}
		b, h := median(bares), median(hives)
		fmt.Fprintf(table, "%s\t%d\tbare\t%.0f\t%v\t%v\t%v\t\t\t\n", l.name, l.clients, b.rate, round(b.cpu), round(b.p50), round(b.p99))
		fmt.Fprintf(table, "\t\tedge-hive\t%.0f\t%v\t%v\t%v\t%v\t%.2f\t\n", h.rate, round(h.cpu), round(h.p50), round(h.p99), round(h.cpu-b.cpu), float64(h.cpu)/float64(max(b.cpu, 1)))
	}
	return table.Flush()
}

// reportStart prints the time from process start to the first answer, beside
// the time of `edge-hive version`, and the memory of the idle server.
func reportStart(ctx context.Context, binary string, hive, bare *server, out io.Writer) error {
	version, err := timeCommand(ctx, binary, "version")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "start to first answer: edge-hive %v, `edge-hive version` %v, bare %v\n", round(hive.started), round(version), round(bare.started))
	if memory := hive.residentKiB(); memory > 0 {
		fmt.Fprintf(out, "idle memory: edge-hive %d MB, bare %d MB\n\n", memory/1024, bare.residentKiB()/1024)
	}
	return nil
}

// median picks the turn with the median CPU per request.
func median(turns []measurement) measurement {
	slices.SortFunc(turns, func(a, b measurement) int { return int(a.cpu - b.cpu) })
	return turns[len(turns)/2]
}

func round(d time.Duration) time.Duration {
	if d < time.Millisecond && d > -time.Millisecond {
		return d.Round(100 * time.Nanosecond)
	}
	return d.Round(10 * time.Microsecond)
}
