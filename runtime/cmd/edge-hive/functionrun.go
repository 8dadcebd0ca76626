package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/check"
	"github.com/edge-hive/edge-hive/runtime/engine"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

type functionRunCommand struct {
	Name string `arg:"" name:"function" help:"The function."`
	manifestFlags
	Data     string   `short:"d" sep:"none" placeholder:"TEXT|@FILE|@-" help:"The body; of --event change the change, of --event call the input."`
	Method   string   `placeholder:"METHOD" help:"The method. Left out: POST with --data, else GET."`
	URL      string   `name:"path" default:"/" placeholder:"PATH" help:"What follows the function's name in the path, with its query: '/7?currency=EUR'."`
	Header   []string `short:"H" sep:"none" placeholder:"'NAME: VALUE'" help:"A header of the request. May be said again."`
	Param    []string `sep:"none" placeholder:"NAME=VALUE" help:"A {parameter} of the route. May be said again."`
	Caller   string   `placeholder:"ROLE|JSON" help:"anon, authenticated, service_role, or {\"uid\":\"...\",\"email\":\"...\",\"claims\":{}}. Left out: anon where everyone may call, else service_role."`
	Event    string   `enum:"request,change,schedule,call" default:"request" placeholder:"KIND" help:"What it is called for: request, change, schedule or call."`
	Database bool     `help:"Work on the rows of the database. Left out: on those of the seeds, in memory."`
	Include  bool     `short:"i" help:"Print status and headers before the answer."`
}

// Run calls a function without a server, and prints its answer. Exit codes: 0 it
// has answered, 1 it failed or the manifest has faults, 2 it cannot be done.
func (c *functionRunCommand) Run(call *call) error {
	m, err := c.load(call)
	if err != nil {
		return err
	}
	picked, err := pick(m, []string{c.Name})
	if err != nil {
		return err
	}
	m = engine.FunctionAlone(m, c.Name)
	checked, faults := check.Check(m)
	if err := faults.Err(); err != nil {
		return call.explain(err)
	}
	event, err := c.event(call, picked[0])
	if err != nil {
		return err
	}
	restrictFiles()
	ctx, stop := signal.NotifyContext(call.ctx, stopSignals()...)
	defer stop()
	on := "on the rows of the seeds, in memory"
	if c.Database {
		on = "on the rows of " + m.Database.Address()
	}
	call.tell("%s as %s, %s\n", c.Name, actor(picked[0], event.Caller), on)
	answer := &printedAnswer{out: call.out, include: c.Include}
	began := time.Now()
	err = engine.CallFunction(ctx, m, checked, &engine.FunctionAsk{
		Name: c.Name, Event: event, Stored: c.Database, Log: slog.New(newGuestLog(call.err)), CacheDir: compiledFolder(),
	}, answer)
	took := time.Since(began).Round(time.Microsecond)
	var single *fault.Fault
	var list fault.List
	switch {
	case err == nil:
		answer.end()
		call.tell("%d in %s\n", cmp.Or(answer.status, http.StatusOK), took)
		return nil
	case errors.As(err, &list):
		return call.explain(err)
	case errors.As(err, &single) && single.Code != fault.CodeInternal:
		call.tell("%s: %s [%s]\n", c.Name, single.Message, single.Code)
		if single.Hint != "" {
			call.tell("  %s\n", single.Hint)
		}
		return errFaults
	}
	return err
}

// compiledFolder is where a user's compiled functions are kept from one call to the
// next; "" where he has no place for such.
func compiledFolder() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	dir = filepath.Join(dir, "edge-hive", "compiled")
	if os.MkdirAll(dir, 0o700) != nil {
		return ""
	}
	return dir
}

// actor says as whom a function acts.
func actor(f *manifest.Function, caller *auth.Caller) string {
	if f.Service && !caller.IsService() {
		return named(caller) + ", acting as service_role"
	}
	return named(caller)
}

func (c *functionRunCommand) event(call *call, f *manifest.Function) (*function.Event, error) {
	body, err := c.body(call)
	if err != nil {
		return nil, err
	}
	caller, err := c.caller(f)
	if err != nil {
		return nil, err
	}
	e := &function.Event{Kind: c.Event, Caller: caller, Body: body}
	if c.Event != function.KindRequest && (c.Method != "" || c.URL != "/" || len(c.Header) > 0 || len(c.Param) > 0) {
		return nil, fmt.Errorf("--method, --path, --header and --param are of a request, not of --event %s", c.Event)
	}
	switch c.Event {
	case function.KindChange:
		if !json.Valid(body) {
			return nil, hinted(errors.New("--data is no change"), `write --data '{"table":"orders","op":"update","row":{"id":1},"old":{"id":1}}'`)
		}
		e.Detail, e.Body = body, nil
	case function.KindSchedule:
		cron := "* * * * *"
		if f.Schedule != nil {
			cron = f.Schedule.Cron
		}
		e.Detail, err = json.Marshal(map[string]string{"cron": cron, "due": time.Now().UTC().Truncate(time.Minute).Format("2006-01-02T15:04:05+00:00")})
	case function.KindCall:
		e.Detail, err = json.Marshal(map[string]string{"function": f.Name})
	default:
		e.Request, err = c.request(body)
	}
	return e, err
}

func (c *functionRunCommand) request(body []byte) (*function.Request, error) {
	path, query, _ := strings.Cut(c.URL, "?")
	if !strings.HasPrefix(path, "/") {
		return nil, hinted(fmt.Errorf("--path %q does not begin with /", c.URL), "it is what follows the function's name: --path /7")
	}
	r := &function.Request{Method: strings.ToUpper(c.Method), Path: path, Query: query, Header: http.Header{}, Params: map[string]string{}}
	if r.Method == "" {
		r.Method = http.MethodGet
		if c.Data != "" {
			r.Method = http.MethodPost
		}
	}
	for _, line := range c.Header {
		name, value, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(name) == "" {
			return nil, hinted(fmt.Errorf("--header %q has no name", line), "write -H 'Name: value'")
		}
		r.Header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	for _, param := range c.Param {
		name, value, ok := strings.Cut(param, "=")
		if !ok {
			return nil, hinted(fmt.Errorf("--param %q has no value", param), "write --param id=7")
		}
		r.Params[name] = value
	}
	if len(body) > 0 && r.Header.Get("Content-Type") == "" && json.Valid(body) {
		r.Header.Set("Content-Type", "application/json")
	}
	return r, nil
}

// body is what --data names.
func (c *functionRunCommand) body(call *call) ([]byte, error) {
	file, isFile := strings.CutPrefix(c.Data, "@")
	switch {
	case c.Data == "":
		return nil, nil
	case !isFile:
		return []byte(c.Data), nil
	case file == "-":
		return io.ReadAll(call.in)
	}
	return os.ReadFile(file)
}

// caller is who calls.
func (c *functionRunCommand) caller(f *manifest.Function) (*auth.Caller, error) {
	said := c.Caller
	if said == "" {
		said = string(auth.Service)
		if open(f.Call) {
			said = string(auth.Anon)
		}
	}
	if c.Event != function.KindRequest && c.Event != function.KindCall {
		said = string(auth.Service)
	}
	if caller, ok := engine.CallerNamed(said); ok {
		return caller, nil
	}
	var user struct {
		Role   auth.Role       `json:"role"`
		UID    string          `json:"uid"`
		Email  string          `json:"email"`
		Claims json.RawMessage `json:"claims"`
	}
	const hint = `write --caller '{"uid":"0197...","email":"ann@example.com","claims":{}}', or anon, authenticated or service_role`
	decoder := json.NewDecoder(strings.NewReader(said))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&user); err != nil {
		return nil, hinted(fmt.Errorf("--caller %q is nobody", said), hint)
	}
	caller := &auth.Caller{Role: cmp.Or(user.Role, auth.Authenticated), UID: user.UID, Email: user.Email, Claims: "{}"}
	if len(user.Claims) > 0 {
		caller.Claims = string(user.Claims)
	}
	if _, ok := engine.CallerNamed(string(caller.Role)); !ok || !strings.HasPrefix(strings.TrimSpace(caller.Claims), "{") {
		return nil, hinted(fmt.Errorf("--caller %q is nobody", said), hint)
	}
	return caller, nil
}

// printedAnswer prints what a function answers, as it comes.
type printedAnswer struct {
	out     io.Writer
	include bool
	status  int
	last    byte
}

// Head is of function.Answer.
func (a *printedAnswer) Head(status int, header http.Header) error {
	a.status = status
	if !a.include {
		return nil
	}
	names := make([]string, 0, len(header))
	for name := range header {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP %d %s\n", status, http.StatusText(status))
	for _, name := range names {
		for _, value := range header[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	_, err := io.WriteString(a.out, b.String()+"\n")
	return err
}

func (a *printedAnswer) Write(p []byte) (int, error) {
	if len(p) > 0 {
		a.last = p[len(p)-1]
	}
	return a.out.Write(p)
}

// Flush is of function.Answer: nothing is held back.
func (a *printedAnswer) Flush() error { return nil }

// end ends the last line, so that what is said next begins on its own.
func (a *printedAnswer) end() {
	to := a.out
	if o, ok := to.(*output); ok {
		to = o.w
	}
	if a.last != 0 && a.last != '\n' && isTerminal(to) {
		_, _ = io.WriteString(a.out, "\n") // whether it failed is found at the end
	}
}
