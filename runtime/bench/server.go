package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is one of the two programs, running as a process of its own.
type server struct {
	program []string // with its arguments
	env     []string // beside this process's own
	command *exec.Cmd
	ended   chan error // how the command ended
	address string
	probe   string        // a path that it answers when it is ready
	key     string        // service key, "" for none
	started time.Duration // from its start to its first answer
}

// The bench manifest raises the rates and limits that would stop a benchmark;
// rules, checks and the cache stay on.
const hiveManifest = `manifest: 1
name: "bench"
server: listen: http: %q
limits: {connections: 100000, connectionsPerAddress: 100000}
rates: default: {per: "caller", requests: 1000000000, window: "1m", roles: service_role: requests: 1000000000}
_columns: {
	title: {type: "text", min: 1, required: true}
	year: {type: "int", min: 0, max: 3000}
	price: {type: "decimal", scale: 2, min: 0}
}
tables: authors: {key: type: "int", columns: name: type: "text", access: read: true}
tables: books: {
	key: type: "int"
	columns: {_columns, author: {type: "ref", table: "authors"}}
	indexes: byYear: columns: ["year"]
	access: {read: "year > 0 || auth.role == 'authenticated'", create: "auth.role == 'authenticated'"}
}
tables: cached: {
	key: type: "int"
	columns: _columns
	indexes: byYear: columns: ["year"]
	access: read: "year > 0 || auth.role == 'authenticated'"
	cache: "list"
}
cache: policies: list: ttl: "10m"
observe: log: level: "warn"
`

// newHive starts edge-hive in a new folder and fills its tables.
func newHive(ctx context.Context, binary, dir string) (*server, error) {
	s, err := startHive(ctx, binary, dir, "", nil)
	if err != nil {
		return nil, err
	}
	cached := func(i int) string {
		return fmt.Sprintf(`{"title":"Book number %d","year":%d,"price":%d.50}`, i, firstYear+i%years, i%90)
	}
	if err := errors.Join(s.fillBooks(ctx, bookRows), s.fill(ctx, "cached", 20_000, cached)); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// startHive starts edge-hive in a new folder; more is what its manifest has
// beside the tables.
func startHive(ctx context.Context, binary, dir, more string, env []string) (*server, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	manifest := filepath.Join(dir, "edgehive.cue")
	if err := os.WriteFile(manifest, append(fmt.Appendf(nil, hiveManifest, address), more...), 0o600); err != nil {
		return nil, err
	}
	s := &server{program: []string{binary, "serve", manifest}, env: env, address: address, probe: "/health"}
	if err := s.start(ctx); err != nil {
		return nil, err
	}
	keysOf := exec.CommandContext(ctx, binary, "keys", "--json", manifest)
	keysOf.Env = append(os.Environ(), env...)
	raw, err := keysOf.Output()
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	var keys map[string]any
	if err := json.Unmarshal(raw, &keys); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	s.key, _ = keys["service_role"].(string)
	return s, nil
}

// fillBooks fills the tables of books and their authors.
func (s *server) fillBooks(ctx context.Context, books int) error {
	author := func(i int) string { return fmt.Sprintf(`{"id":%d,"name":"Author number %d"}`, i, i) }
	book := func(i int) string {
		return fmt.Sprintf(`{"title":"Book number %d","year":%d,"price":%d.50,"author":%d}`, i, firstYear+i%years, i%90, 1+i%authorRows)
	}
	return errors.Join(s.fill(ctx, "authors", authorRows, author), s.fill(ctx, "books", books, book))
}

// fill inserts the rows that both servers have, by bulk writes.
func (s *server) fill(ctx context.Context, table string, rows int, row func(i int) string) error {
	const together = 250 // in one write
	for first := 1; first <= rows; first += together {
		var body bytes.Buffer
		for i := first; i < min(first+together, rows+1); i++ {
			separator := ","
			if i == first {
				separator = "["
			}
			body.WriteString(separator)
			body.WriteString(row(i))
		}
		body.WriteString("]")
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.address+"/api/data/"+table, &body)
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer "+s.key)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		if err := answer.Body.Close(); err != nil {
			return err
		}
		if answer.StatusCode != http.StatusCreated {
			return fmt.Errorf("fill %s: %s", table, answer.Status)
		}
	}
	return nil
}

// newBare starts the bare program in a new folder; it fills its table itself.
func newBare(ctx context.Context, dir string) (*server, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return startBare(ctx, "bare", filepath.Join(dir, "bare.db"), "/books/1")
}

// startBare starts this program as one of its bare ones, with an address and an
// argument.
func startBare(ctx context.Context, name, argument, probe string) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	s := &server{program: []string{self, name, address + " " + argument}, address: address, probe: probe}
	return s, s.start(ctx)
}

// startPatience is for the first start with many functions, which compiles them.
const startPatience = 5 * time.Minute

// prober asks whether a server answers; a redirect is an answer.
var prober = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// start runs the program and waits until it answers.
func (s *server) start(ctx context.Context) error {
	s.command = exec.CommandContext(ctx, s.program[0], s.program[1:]...)
	s.command.Stderr = os.Stderr
	if s.env != nil {
		s.command.Env = append(os.Environ(), s.env...)
	}
	began := time.Now()
	if err := s.command.Start(); err != nil {
		return err
	}
	s.ended = make(chan error, 1)
	go func(command *exec.Cmd, ended chan<- error) { ended <- command.Wait() }(s.command, s.ended)
	for time.Since(began) < startPatience && ctx.Err() == nil {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+s.probe, nil)
		if err != nil {
			return err
		}
		if answer, err := prober.Do(request); err == nil {
			s.started = time.Since(began)
			return answer.Body.Close()
		}
		select {
		case err := <-s.ended:
			return fmt.Errorf("it ended before it answered: %w", err)
		case <-time.After(time.Millisecond):
		}
	}
	return errors.Join(fmt.Errorf("no answer within %v", startPatience), s.stop())
}

// restart stops the program and starts it on what it left.
func (s *server) restart(ctx context.Context) error {
	// The bare program has no way to stop but the signal, which then is its error.
	if err := s.stop(); err != nil && s.command.ProcessState == nil {
		return err
	}
	return s.start(ctx)
}

func (s *server) stop() error {
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return <-s.ended
}

// at is the same running program at another address.
func (s *server) at(address string) *server {
	other := *s
	other.address = address
	return &other
}

// cpu is the processor time that the process and those that it started used so far
// (from /proc, in steps of 10 ms); an error where there is no /proc.
func (s *server) cpu() (time.Duration, error) {
	own := strconv.Itoa(s.command.Process.Pid)
	used, _, err := processTime(own)
	if err != nil {
		return 0, fmt.Errorf("CPU time needs Linux's /proc: %w", err)
	}
	processes, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	for _, p := range processes {
		if name := p.Name(); name[0] >= '0' && name[0] <= '9' {
			// One that has just ended is none of a server's workers.
			if worker, parent, err := processTime(name); err == nil && parent == own {
				used += worker
			}
		}
	}
	return used, nil
}

// processTime is the processor time of a process, and which one started it.
func processTime(pid string) (used time.Duration, parent string, err error) {
	raw, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0, "", err
	}
	// The second field is the name in parentheses and may hold spaces.
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond, fields[1], errors.Join(err1, err2)
}

// residentKiB is the resident memory, 0 where it cannot be read.
func (s *server) residentKiB() int {
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", s.command.Process.Pid))
	if err != nil {
		return 0
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "VmRSS:"); ok {
			n, _ := strconv.Atoi(strings.Fields(value)[0])
			return n
		}
	}
	return 0
}

// timeCommand is the wall time of a command.
func timeCommand(ctx context.Context, name string, args ...string) (time.Duration, error) {
	began := time.Now()
	err := exec.CommandContext(ctx, name, args...).Run()
	return time.Since(began), err
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}
