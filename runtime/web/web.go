// Package web is the HTTP surface of one generation: the router, what stands
// around every request (request id, recovery, paths, origins, rates, limits,
// log), the data API in the PostgREST dialect, and the declared routes. The
// engine builds a Handler for each generation and puts it behind a Server,
// which outlives them. It reaches rows through the gate alone, judges no access
// itself, and takes neither host, scheme nor identity from a request.
package web

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/cache"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/web/address"
	"github.com/edge-hive/edge-hive/runtime/web/files"
	"github.com/edge-hive/edge-hive/runtime/web/guards"
	"github.com/edge-hive/edge-hive/runtime/web/proxy"
	"github.com/edge-hive/edge-hive/runtime/web/rates"
	"github.com/edge-hive/edge-hive/runtime/web/tracing"
	"github.com/edge-hive/edge-hive/runtime/web/wire"
)

// Gate is the way to rows, as data.Gate has it.
type Gate interface {
	Parse(caller *auth.Caller, table, rawQuery string) (*query.Request, error)
	ParseSearch(caller *auth.Caller, table string, body []byte) (*query.Request, error)
	Select(context.Context, *auth.Caller, data.Read) (data.Answer, error)
	Call(context.Context, *auth.Caller, data.Call) (data.Called, error)
	Insert(context.Context, *auth.Caller, data.Write) (data.Written, error)
	Update(context.Context, *auth.Caller, data.Write) (data.Written, error)
	Delete(context.Context, *auth.Caller, data.Write) (data.Written, error)
	Batch(context.Context, *auth.Caller, data.Batch) (data.Batched, error)
	// MayRun judges who may call a function.
	MayRun(ctx context.Context, caller *auth.Caller, function string) error
	// MayPass judges who may pass a middleware that has a rule.
	MayPass(ctx context.Context, caller *auth.Caller, middleware string) error
	// AppendVersions appends the versions of the tables that a named query reads.
	AppendVersions(dst []byte, query string) []byte
	Export(context.Context, *auth.Caller, data.Export, io.Writer) (int, error)
	Import(context.Context, *auth.Caller, data.Import) (data.Imported, error)
}

// Callers tells who a request's credentials say it is, as auth.Keys does.
type Callers interface {
	Resolve(authorization, apikey string) (auth.Resolved, error)
}

// Meter is told of every request. Route is a pattern of ours or of the manifest,
// never a path, so that its values are bounded.
type Meter interface {
	RequestBegan()
	// RequestEnded has the bytes of the answer's body, as they were sent.
	RequestEnded(route, method string, status int, seconds float64, bytes int64)
	// RateLimited counts a request that was over a rate of the manifest.
	RateLimited(rate string)
}

// Options is what a Handler is made of. Manifest, Gate, Callers and Realtime
// belong to its generation; the rest may outlive it.
type Options struct {
	Manifest *manifest.Manifest
	Gate     Gate
	Callers  Callers
	// Realtime answers /api/realtime/CHANNEL. It finds the caller itself (a
	// browser can send a socket's token only in the URL), in r.RemoteAddr the
	// client's address behind trusted proxies, and the channel as the path value
	// "channel". nil: 404.
	Realtime http.Handler
	// Functions runs the manifest's functions; it may be nil where there are none.
	Functions function.Caller
	// OpenAPI is what /api/openapi.json answers. Without it: 404.
	OpenAPI OpenAPI
	// Limiter counts requests. It must outlive reloads; nil makes a new one.
	Limiter *rates.Limiter
	// Hashing bounds how many passwords are hashed at once. It must outlive reloads,
	// too; nil makes a new one.
	Hashing *auth.Hashing
	// Edition changes with what answers and is not in the manifest, such as the code
	// of functions: answers that are kept belong to one.
	Edition string
	// Cache keeps answers of routes. It may outlive reloads; nil where no route has
	// any kept.
	Cache cache.Cache
	// Unread says that nothing will be served: secrets are not read.
	Unread bool
	// Ready is nil while the process may be sent requests: not draining, store
	// healthy. nil: always ready.
	Ready func(context.Context) error
	// Without names what the process goes on without, which it could do better with;
	// /ready mentions it. nil: nothing.
	Without func() []string
	// Detach, when set, is told of requests that go on without their generation:
	// an export whose rows are decided on.
	Detach func(context.Context)
	// Log gets a line for each request: debug when it went well, info when the
	// client was wrong, error when we were. nil: none.
	Log *slog.Logger
	// Meter counts requests; nil: none.
	Meter Meter
	// Proxies keeps the servers of proxies across generations; nil: they live as long
	// as the Handler.
	Proxies *proxy.Pools
	// Tracer records requests in traces; nil: none.
	Tracer tracing.Tracer
}

// Handler serves one generation. It is immutable and safe for concurrent use.
// Close it when its last request has ended.
type Handler struct {
	gate     Gate
	callers  Callers
	ready    func(context.Context) error
	without  func() []string
	log      *slog.Logger
	meter    Meter
	detach   func(context.Context)
	limiter  *rates.Limiter
	hashing  *auth.Hashing
	unread   bool
	always   *always // nil: nothing
	wanted   guards.Hosts
	fills    *fills
	cors     *cors
	proxies  address.Trusted
	limits   limits
	compress *compression   // nil: answers stay as they are
	logged   float64        // the share of requests that went well which are logged at info
	tracer   tracing.Tracer // nil: none are traced
	pace     time.Duration  // within which a client of HTTP/2 must take something of an answer
	bodyTime time.Duration  // within which a body must have come
	rates    map[string]*rates.Rate
	fallback *rates.Rate
	routes   *router
	// functions are those that the manifest declares, and runs what runs them.
	functions map[string]bool
	runs      function.Caller
	folders   []*files.Folder
	// proxied are the proxies of routes, and pools what they share; ownPools that it
	// is nobody else's. forwards stays when they are closed.
	proxied  []*proxy.Proxy
	pools    *proxy.Pools
	ownPools bool
	forwards bool
	files    files.Room // of all static routes
}

// New lays the routes. What is wrong with a declared route (a folder that is
// not there, a pattern that cannot be laid) is a *fault.Fault with its place.
func New(o Options) (*Handler, error) {
	if o.Manifest == nil || o.Gate == nil || o.Callers == nil {
		return nil, errors.New("web: Manifest, Gate and Callers are required")
	}
	if o.Manifest.Limits.Body <= 0 || o.Manifest.Limits.Timeout <= 0 {
		return nil, errors.New("web: the manifest's limits are not filled in")
	}
	h := &Handler{
		gate: o.Gate, callers: o.Callers, ready: o.Ready, without: o.Without,
		log: o.Log, meter: o.Meter, detach: o.Detach, limiter: o.Limiter,
		fills:  newFills(),
		limits: limits{body: o.Manifest.Limits.Body, timeout: o.Manifest.Limits.Timeout}, bodyTime: bodyTimeout, pace: wire.Progress,
		compress: newCompression(o.Manifest.Server.Compress), logged: o.Manifest.Observe.LogRequests, tracer: o.Tracer,
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	if h.limiter == nil {
		h.limiter = rates.NewLimiter()
	}
	if h.hashing, h.unread = o.Hashing, o.Unread; h.hashing == nil {
		h.hashing = auth.NewHashing()
	}
	if h.ready == nil {
		h.ready = func(context.Context) error { return nil }
	}
	var err error
	if h.proxies, err = address.ParseTrusted(o.Manifest.TrustedProxies); err != nil {
		return nil, err
	}
	h.cors = newCORS(o.Manifest.CORS, ownOrigin(o.Manifest.Server))
	if h.rates, err = rates.New(o.Manifest.Rates); err != nil {
		return nil, err
	}
	h.fallback = h.rates["default"]
	if len(o.Manifest.Functions) > 0 && o.Functions == nil {
		return nil, errors.New("web: the manifest has functions, and nothing runs them")
	}
	h.runs, h.functions = o.Functions, make(map[string]bool, len(o.Manifest.Functions))
	for i := range o.Manifest.Functions {
		h.functions[o.Manifest.Functions[i].Name] = true
	}
	if err := h.newAlways(o.Manifest); err != nil {
		return nil, err
	}
	if h.tracer != nil {
		h.gate = tracedGate{h.gate}
		if h.runs != nil {
			h.runs = tracedFunctions{h.runs}
		}
	}
	h.pools = o.Proxies
	if err := h.layRoutes(o); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	h.forwards = len(h.proxied) > 0
	return h, nil
}

// Close ends answers that are being made for caches, and releases the folders of
// static routes and the servers of proxies.
func (h *Handler) Close() error {
	h.fills.close()
	h.closeProxies()
	errs := make([]error, 0, len(h.folders))
	for _, folder := range h.folders {
		errs = append(errs, folder.Close())
	}
	h.folders = nil
	return errors.Join(errs...)
}

// ownOrigin is the origin under which the manifest says the backend is reached.
func ownOrigin(s manifest.Server) string {
	u, err := url.Parse(s.URL)
	if err != nil || u.Host == "" {
		return ""
	}
	return strings.ToLower(u.Scheme + "://" + u.Host)
}
