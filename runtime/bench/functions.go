package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// runFunctions measures functions: beside the same route in plain Go and beside the
// bare library, the first calls after a start and a reload, and what many cost.
func runFunctions(ctx context.Context, o options, out io.Writer) error {
	dir, err := os.MkdirTemp("", "edge-hive-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	folder := filepath.Join(dir, "hive")
	hive, err := functionsHive(ctx, o.binary, folder, map[string][]byte{"empty": emptyGuest, "total": totalGuest, "count": countGuest})
	if err != nil {
		return fmt.Errorf("start %s: %w", o.binary, err)
	}
	defer func() { _ = hive.stop() }()
	bare, err := startBare(ctx, "bare-functions", "", "/health")
	if err != nil {
		return fmt.Errorf("start the bare program: %w", err)
	}
	defer func() { _ = bare.stop() }()

	if err := reportFirst(ctx, o, hive, folder, out); err != nil {
		return err
	}
	if err := reportLoads(ctx, o, hive, bare, functionLoads(), out); err != nil {
		return err
	}
	if err := reportFresh(ctx, hive, out); err != nil {
		return err
	}
	reportMemory("memory after the loads", hive, bare, out)
	return reportMany(ctx, o, filepath.Join(dir, "many"), out)
}

// functionsHive starts edge-hive with functions that everyone may call.
func functionsHive(ctx context.Context, binary, dir string, guests map[string][]byte) (*server, error) {
	if err := os.MkdirAll(filepath.Join(dir, "functions"), 0o700); err != nil {
		return nil, err
	}
	var more strings.Builder
	for name, code := range guests {
		if err := os.WriteFile(filepath.Join(dir, "functions", name+".wasm"), code, 0o600); err != nil {
			return nil, err
		}
		fmt.Fprintf(&more, "functions: %s: {module: \"functions/%s.wasm\", access: call: true}\n", name, name)
	}
	return startHive(ctx, binary, dir, more.String(), nil)
}

// basket is what the JSON function is called with: 20 lines, 1 KB.
var basket = "[" + strings.TrimSuffix(strings.Repeat(`{"title":"A book that somebody wants","price":12.5,"quantity":2},`, 20), ",") + "]"

func functionLoads() []load {
	post := func(path, body string) func(*rand.Rand, string) request {
		return func(*rand.Rand, string) request { return request{method: "POST", path: path, body: body} }
	}
	return []load{
		{name: "empty function, plain Go", clients: 8, hive: post("/api/edge/empty", ""), bare: post("/go/empty", "")},
		{name: "empty function, bare wazero", clients: 8, hive: post("/api/edge/empty", ""), bare: post("/wazero/empty", "")},
		{name: "JSON function, plain Go", clients: 8, hive: post("/api/edge/total", basket), bare: post("/go/total", basket)},
		{name: "JSON function, bare wazero", clients: 8, hive: post("/api/edge/total", basket), bare: post("/wazero/total", basket)},
	}
}

// timeCall is how long a call takes over a connection that is open, and its answer.
func timeCall(ctx context.Context, s *server, path, body string) (time.Duration, string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.address+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	began := time.Now()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	took := time.Since(began)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %s: %s", path, response.Status, answer)
	}
	return took, string(answer), err
}

// reportFirst prints how long the first call takes after a start, when the code is
// in the cache on disk, and after a reload with another module.
func reportFirst(ctx context.Context, o options, hive *server, folder string, out io.Writer) error {
	if err := hive.restart(ctx); err != nil {
		return err
	}
	first, _, err := timeCall(ctx, hive, "/api/edge/total", basket)
	if err != nil {
		return err
	}
	second, _, err := timeCall(ctx, hive, "/api/edge/total", basket)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "first call after a start %v, second %v; the start took %v\n", round(first), round(second), round(hive.started))
	if err := os.WriteFile(filepath.Join(folder, "functions", "total.wasm"), variant(1), 0o600); err != nil {
		return err
	}
	began := time.Now()
	if said, err := exec.CommandContext(ctx, o.binary, "reload", filepath.Join(folder, "edgehive.cue")).CombinedOutput(); err != nil {
		return fmt.Errorf("reload: %w: %s", err, said)
	}
	reloaded := time.Since(began)
	if first, _, err = timeCall(ctx, hive, "/api/edge/total", basket); err != nil {
		return err
	}
	fmt.Fprintf(out, "first call after a reload with another module %v; the reload took %v\n\n", round(first), round(reloaded))
	return nil
}

// told is a text in the JSON guest; another number in its place is another module.
const told = "a basket is an array"

// variant is the JSON guest as a module of its own.
func variant(n int) []byte {
	return bytes.Replace(totalGuest, []byte(told), fmt.Appendf(nil, "a basket, not %06d", n)[:len(told)], 1)
}

// reportFresh calls a function that counts its calls: each must be its first.
func reportFresh(ctx context.Context, hive *server, out io.Writer) error {
	const calls = 1000
	for range calls {
		_, answer, err := timeCall(ctx, hive, "/api/edge/count", "")
		if err != nil {
			return err
		}
		if answer != "11" {
			return fmt.Errorf("a call found what one before it had left: %q", answer)
		}
	}
	fmt.Fprintf(out, "fresh state: %d calls, none found what another had left\n", calls)
	return nil
}

// manyFunctions is how many different functions are loaded at once.
const manyFunctions = 1000

// reportMany prints the start and the memory of a backend with many functions, all
// of different code.
func reportMany(ctx context.Context, o options, dir string, out io.Writer) error {
	guests := make(map[string][]byte, manyFunctions)
	for i := range manyFunctions {
		guests[fmt.Sprintf("f%03d", i)] = variant(i + 2)
	}
	hive, err := functionsHive(ctx, o.binary, dir, guests)
	if err != nil {
		return fmt.Errorf("start with %d functions: %w", manyFunctions, err)
	}
	defer func() { _ = hive.stop() }()
	cold := hive.started
	if err := hive.restart(ctx); err != nil {
		return err
	}
	time.Sleep(settle)
	first, _, err := timeCall(ctx, hive, "/api/edge/f500", basket)
	if err != nil {
		return err
	}
	last, _, err := timeCall(ctx, hive, "/api/edge/f999", basket)
	if err != nil {
		return errors.Join(err, hive.stop())
	}
	fmt.Fprintf(out, "%d different functions: first start %v, with compiled code on disk %v; memory %.1f MB; first calls of two %v, %v\n",
		manyFunctions, round(cold), round(hive.started), float64(hive.residentKiB())/1024, round(first), round(last))
	return nil
}
