package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

// front is a server that is measured at the front door: edge-hive, nginx or Caddy.
type front struct {
	name string
	// plain and secure are the same server, or two of the same program, by HTTP and
	// by HTTPS.
	plain, secure *server
}

// The files that the front door serves; both are what no server would compress.
const (
	smallFile, smallSize = "small.bin", 1 << 10
	largeFile, largeSize = "large.bin", 100 << 10
	proxied              = "/proxy/"
)

// frontLoad is a kind of traffic at the front door.
type frontLoad struct {
	name    string
	clients int
	path    string
	secure  bool
	dial    dialing
}

func frontLoads() []frontLoad {
	return []frontLoad{
		{name: "static 1 KiB", clients: 32, path: "/" + smallFile},
		{name: "static 100 KiB", clients: 32, path: "/" + largeFile},
		{name: "proxy 1 KiB", clients: 32, path: proxied},
		{name: "TLS, static 1 KiB", clients: 32, path: "/" + smallFile, secure: true},
		{name: "TLS, static 100 KiB", clients: 32, path: "/" + largeFile, secure: true},
		{name: "TLS handshake, full", clients: 8, path: "/" + smallFile, secure: true, dial: fullHandshakes},
		{name: "TLS handshake, resumed", clients: 8, path: "/" + smallFile, secure: true, dial: resumedHandshakes},
	}
}

// runFront measures edge-hive as a front door beside nginx and Caddy, where they
// are on this machine, each with the same number of threads.
func runFront(ctx context.Context, o options, out io.Writer) error {
	dir, err := os.MkdirTemp("", "edge-hive-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// nginx' workers drop to another user, who must reach the files.
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	site, err := newFrontSite(dir, o.threads)
	if err != nil {
		return err
	}
	upstream, err := startBare(ctx, "upstream", "", "/")
	if err != nil {
		return fmt.Errorf("start the server behind: %w", err)
	}
	defer func() { _ = upstream.stop() }()
	site.upstream = upstream.address

	fronts, err := startFronts(ctx, o, site, out)
	defer func() {
		for _, f := range fronts {
			_ = f.plain.stop()
			if f.secure.command != f.plain.command {
				_ = f.secure.stop()
			}
		}
	}()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nthe front door, %d of %d threads for each server, %s\n", o.threads, runtime.NumCPU(), runtime.Version())
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(table, "load\tclients\tserver\trequests/s\tp50\tp99\tCPU/request\tleast CPU")
	for _, f := range fronts[1:] {
		fmt.Fprintf(table, "\tover %s, CPU\tleast CPU\tp99", f.name)
	}
	fmt.Fprintln(table, "\t")
	for _, l := range frontLoads() {
		if !strings.Contains(l.name, o.load) {
			continue
		}
		if err := compareFronts(ctx, o, fronts, l, table); err != nil {
			return err
		}
	}
	return table.Flush()
}

// startFronts starts edge-hive, and what of the others there is.
func startFronts(ctx context.Context, o options, site *frontSite, out io.Writer) ([]*front, error) {
	hive, err := site.hive(ctx, o.binary)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", o.binary, err)
	}
	fronts := []*front{hive}
	for _, peer := range []struct {
		name  string
		start func(context.Context, io.Writer) (*front, error)
	}{{"nginx", site.nginx}, {"Caddy", site.caddy}} {
		started, err := peer.start(ctx, out)
		if errors.Is(err, errNotHere) {
			fmt.Fprintf(out, "%s is not measured: %v\n", peer.name, err)
			continue
		}
		if err != nil {
			return fronts, fmt.Errorf("start %s: %w", peer.name, err)
		}
		fronts = append(fronts, started)
	}
	return fronts, nil
}

// compareFronts drives one load against all in turns and prints the medians.
func compareFronts(ctx context.Context, o options, fronts []*front, l frontLoad, table io.Writer) error {
	turns := make([][]measurement, len(fronts))
	next := func(*rand.Rand, string) request { return request{method: "GET", path: l.path} }
	for turn := range o.turns {
		for after := range fronts {
			i := (turn + after) % len(fronts) // nobody is always the first
			f, s := fronts[i], fronts[i].plain
			if l.secure {
				s = f.secure
			}
			dial := l.dial
			if dial == nil {
				dial = kept(l.secure)
			}
			m, err := driveBy(ctx, s, l.clients, dial, next, o.turn)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", l.name, f.name, err)
			}
			turns[i] = append(turns[i], m)
		}
	}
	hive := median(turns[0])
	for i, f := range fronts {
		m := median(turns[i])
		name, clients := "", ""
		if i == 0 {
			name, clients = l.name, fmt.Sprint(l.clients)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%.0f\t%v\t%v\t%v\t%v", name, clients, f.name, m.rate, round(m.p50), round(m.p99), round(m.cpu), round(leastCPU(turns[i])))
		for j := range fronts[1:] {
			if i > 0 {
				fmt.Fprint(table, "\t\t\t")
				continue
			}
			peer := median(turns[j+1])
			fmt.Fprintf(table, "\t%.2f\t%.2f\t%.2f", ratio(hive.cpu, peer.cpu), ratio(leastCPU(turns[0]), leastCPU(turns[j+1])), ratio(hive.p99, peer.p99))
		}
		fmt.Fprintln(table, "\t")
	}
	return nil
}

// serveUpstream answers everything with a kibibyte, as the server behind proxies.
func serveUpstream(addressAndNothing string, _ io.Writer) error {
	body := []byte(strings.Repeat("0123456789abcde\n", smallSize/16))
	server := &http.Server{
		Addr: strings.TrimSpace(addressAndNothing), ReadHeaderTimeout: 5 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/octet-stream")
			_, _ = w.Write(body) // a client that is gone is noticed by net/http
		}),
	}
	return server.ListenAndServe()
}

// write writes a file that anybody may read.
func (s *frontSite) write(name, content string) (string, error) {
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	return path, os.WriteFile(path, []byte(content), 0o644)
}
