// Package operation is what functions may ask of their host, of docs/functions-abi.md:
// rows, the cache, other hosts, channels, other functions, secrets and
// cryptography. Each is done as the call's caller and within the function's
// grants, which are asked before anything else: what is not granted is refused in
// the same words, be it there or not. engine hands the operations to the
// functions of a generation; this package runs no guest, and judges no rows.
package operation

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/cache"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/outbound"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// Options are what operations use. Gate belongs to one generation, the others
// outlive it. What is nil is not there: its operations say so.
type Options struct {
	Gate *data.Gate
	// Values keeps what functions put into the cache: one keyspace for all of them.
	Values    cache.Values
	Fetcher   Fetcher
	Publisher Publisher
	// Body bounds what is written at once, as limits.body does over HTTP; 0 is 1 MiB.
	Body int64
	// Log is told of what was refused for want of a grant; nil is nowhere.
	Log *slog.Logger
}

// Fetcher sends requests: an *outbound.Client.
type Fetcher interface {
	Do(ctx context.Context, r *outbound.Request) (*outbound.Answer, error)
}

// Publisher sends to broadcasts, and gives the cursor behind what was sent: a
// *live.Hub.
type Publisher interface {
	Publish(ctx context.Context, caller *auth.Caller, channel, event string, payload json.RawMessage) (string, error)
}

const (
	defaultBody = 1 << 20
	// maxHead bounds the heads of operations.
	maxHead = 64 << 10
	// noBody is of operations that take no body.
	noBody = 0
)

// operations are the operations of one generation.
type operations struct {
	Options
	rights  sync.Map // *manifest.Grants to *rights: as many as functions are loaded
	denials denials
}

// call is a call with what its function may reach.
type call struct {
	*function.Call
	rights *rights
}

// spec is an operation as it is written here.
type spec struct {
	class function.Class
	body  int64 // bytes at most
	do    func(o *operations, ctx context.Context, c *call, head, body []byte) (function.Reply, error)
}

// New makes the operations, by their names.
func New(options Options) map[string]function.Operation {
	o := &operations{Options: options}
	if o.Body <= 0 {
		o.Body = defaultBody
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	body := o.Body
	specs := map[string]spec{
		"db.select": {function.Statement, noBody, (*operations).selectRows},
		"db.insert": {function.Statement, body, (*operations).insertRows},
		"db.update": {function.Statement, body, (*operations).updateRows},
		"db.delete": {function.Statement, noBody, (*operations).deleteRows},
		"db.batch":  {function.Statement, body, (*operations).batch},
		"db.call":   {function.Statement, body, (*operations).callQuery},

		"cache.get":    {function.Other, noBody, (*operations).getValue},
		"cache.set":    {function.Other, cache.MaxValue, (*operations).setValue},
		"cache.delete": {function.Other, noBody, (*operations).deleteValue},
		"cache.add":    {function.Other, noBody, (*operations).addValue},

		"channel.publish": {function.Other, maxPayload, (*operations).publish},
		"fetch":           {function.Fetch, outbound.MaxBody, (*operations).fetch},
		"function.call":   {function.Other, maxInput, (*operations).callFunction},

		"secret.get": {function.Other, noBody, (*operations).secret},
		"config.get": {function.Other, noBody, (*operations).config},

		"crypto.hash":   {function.Other, maxMessage, (*operations).hash},
		"crypto.hmac":   {function.Other, maxMessage, (*operations).hmac},
		"crypto.equal":  {function.Other, maxMessage, (*operations).equal},
		"crypto.sign":   {function.Other, maxMessage, (*operations).sign},
		"crypto.verify": {function.Other, maxMessage, (*operations).verify},
	}
	all := make(map[string]function.Operation, len(specs))
	for name, s := range specs {
		all[name] = function.Operation{Class: s.class, Do: func(ctx context.Context, c *function.Call, head, body []byte) (function.Reply, error) {
			return o.do(ctx, name, &s, c, head, body)
		}}
	}
	return all
}

// do carries an operation out, and says what went wrong as a guest may read it.
func (o *operations) do(ctx context.Context, name string, s *spec, c *function.Call, head, body []byte) (function.Reply, error) {
	switch {
	case len(head) > maxHead:
		return function.Reply{}, fault.Newf(function.CodeOperation, "the head of an operation has at most %d bytes", maxHead)
	case len(body) > 0 && s.body == noBody:
		return function.Reply{}, fault.Newf(function.CodeOperation, "%s takes no body", name).WithHint("what it is to do stands in its head")
	case int64(len(body)) > s.body:
		return function.Reply{}, fault.Newf(function.CodeOperation, "the body of %s has at most %d bytes", name, s.body)
	}
	reply, err := s.do(o, ctx, &call{c, o.rightsOf(c.Definition.Grants)}, head, body)
	if err == nil {
		return reply, nil
	}
	var f *fault.Fault
	if errors.As(err, &f) && (errors.Is(f.Cause, data.ErrUngranted) || f.Code == outbound.CodeDenied && s.class == function.Fetch) {
		o.denied(ctx, name, c, f)
		return function.Reply{}, f.WithCause(nil) // it is nobody's mistake here
	}
	return function.Reply{}, publicFault(err)
}

var (
	errUnavailable = fault.New("unavailable", "the database cannot be reached right now").WithHint("try again in a moment")
	errFull        = fault.New("53100", "there is no room left to write").WithHint("reads go on; writes do when there is room")
	errTime        = fault.New("57014", "the operation did not end in its time").WithHint("ask for less at once")
)

// publicFault turns an error of what lies below into what a guest is told, in the
// words of the API.
func publicFault(err error) error {
	var f *fault.Fault
	switch {
	case errors.As(err, &f) && f.Code != fault.CodeInternal:
		return f
	case errors.Is(err, context.DeadlineExceeded):
		return errTime.WithCause(err)
	case errors.Is(err, store.ErrFull):
		return errFull.WithCause(err)
	case errors.Is(err, store.ErrClosed), errors.Is(err, store.ErrUnavailable):
		return errUnavailable.WithCause(err)
	}
	return fault.From(err)
}

// rights are a function's grants, ready to be asked.
type rights struct {
	gate      *data.Granted // nil where there is no gate
	cache     bool
	functions map[string]bool
	publish   map[string]bool
	fetch     []outbound.Target
}

var operationsByName = map[string]data.Operations{
	"read": data.MayRead, "create": data.MayCreate, "update": data.MayUpdate, "delete": data.MayDelete,
}

// rightsOf makes of grants what is asked for each operation, once. No grants are
// none.
func (o *operations) rightsOf(g *manifest.Grants) *rights {
	if g == nil {
		g = &nothing
	}
	if known, ok := o.rights.Load(g); ok {
		return known.(*rights)
	}
	r := &rights{cache: g.Cache, functions: setOf(g.Functions), publish: setOf(g.Publish)}
	tables := make(map[string]data.Operations, len(g.Tables))
	for i := range g.Tables {
		for _, name := range g.Tables[i].Operations {
			tables[g.Tables[i].Table] |= operationsByName[name]
		}
	}
	if o.Gate != nil {
		r.gate = o.Gate.Within(data.Grants{Tables: tables, Queries: setOf(g.Queries)})
	}
	for _, text := range g.Fetch {
		// check has refused what is none.
		if target, err := outbound.ParseTarget(text); err == nil {
			r.fetch = append(r.fetch, target)
		}
	}
	known, _ := o.rights.LoadOrStore(g, r)
	return known.(*rights)
}

var nothing manifest.Grants

func setOf(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// ungranted is the fault of what a function has no grant for, or of what is not
// there: the two are told apart for nobody.
func ungranted(what, name, hint string) *fault.Fault {
	f := fault.Newf(data.CodeDenied, "permission denied for %s", what)
	if name != "" {
		f = fault.Newf(data.CodeDenied, "permission denied for %s %s", what, fault.Clip(name, shown))
	}
	return f.WithHint(hint).WithCause(data.ErrUngranted)
}

// absent is the fault of an operation whose means are not there, as where a
// function is run without a server.
func absent(what string) *fault.Fault {
	return fault.Newf(function.CodeOperation, "there is no %s here", what).WithHint("it is there where the project is served")
}

// shown is how many bytes of a name a fault repeats.
const shown = 63
