package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/web/proxy"
	"github.com/edge-hive/edge-hive/runtime/web/tracing"
	"github.com/edge-hive/edge-hive/runtime/web/wire"
)

// routeProxy is a declared route whose requests are sent on to other servers.
type routeProxy struct {
	route *route
	proxy *proxy.Proxy
	// origin is what is alike for all requests.
	origin proxy.Origin
}

// newRouteProxy prepares the route. Its servers are shared with the generation
// before, where they are declared alike.
func (h *Handler) newRouteProxy(t *route) (answerer, error) {
	if h.pools == nil {
		h.pools = proxy.NewPools(proxy.Options{Log: h.log})
		h.ownPools = true
	}
	made, err := proxy.New(h.pools, t.declared)
	if err != nil {
		return nil, t.fault("bad-proxy", err.Error()).WithHint("`edge-hive validate` looks at the files that it needs").WithCause(err)
	}
	h.proxied = append(h.proxied, made)
	return &routeProxy{route: t, proxy: made, origin: proxy.Origin{Service: h.isServiceKey, Detach: h.detach}}, nil
}

// closeProxies gives the servers back.
func (h *Handler) closeProxies() {
	for _, p := range h.proxied {
		p.Close()
	}
	h.proxied = nil
	if h.ownPools {
		h.pools.Close()
	}
}

// Proxies reports whether a request may be sent on to another server: then it may
// outlive its generation. Where the built-in paths do not answer, all may be.
func (h *Handler) Proxies(r *http.Request) bool {
	path := r.URL.Path
	return h.forwards && (!strings.HasPrefix(path, "/api/") && !strings.HasPrefix(path, restPrefix) || !h.routes.builtInOn(r.Host))
}

// answer sends the request on. A declared time-out bounds it whole, but for those
// that go over to another protocol, which last.
func (a *routeProxy) answer(x *exchange, r *http.Request) {
	h := a.route.site
	control := http.NewResponseController(x.ResponseWriter)
	if timeout := a.route.declared.Timeout; timeout > 0 {
		if r.Header["Upgrade"] != nil {
			_ = control.SetWriteDeadline(time.Time{}) // a recorder in tests has none
		} else {
			ctx, cancel := context.WithTimeout(r.Context(), timeout)
			defer cancel()
			r = r.WithContext(ctx)
		}
	}
	from := a.origin
	from.ID, from.Client, from.Scheme, from.BodyTime = x.id, x.client, h.schemeOf(x, r), h.bodyTime
	if h.tracer != nil {
		if parent := tracing.Of(r.Context()); parent != nil {
			from.Trace = tries{parent}.begin
		}
	}
	err := a.proxy.Serve(x, r, from)
	if err == nil {
		return
	}
	if !errors.Is(err, proxy.ErrGone) {
		x.fault = a.faultOf(err)
	}
	switch {
	case x.hijacked:
	case x.status != 0: // the answer had begun: the client must not take it for whole
		panic(http.ErrAbortHandler)
	case x.fault == nil: // nobody is there to be answered
	default:
		_ = control.SetWriteDeadline(time.Now().Add(wire.Progress)) // the time-out's has passed
		x.fail(r, x.fault)
		_ = control.SetWriteDeadline(time.Time{})
	}
}

// faultOf is what the client is told.
func (a *routeProxy) faultOf(err error) *fault.Fault {
	var body *proxy.BodyError
	if !errors.As(err, &body) {
		return publicFault(err)
	}
	return bodyFault(err, a.route.limits.body)
}

// isServiceKey reports whether a text is a key or a token of the service role.
func (h *Handler) isServiceKey(text string) bool {
	resolved, err := h.callers.Resolve("", text)
	return err == nil && resolved.Caller != nil && resolved.Caller.IsService()
}

// schemeOf is how the client speaks to us: to the proxy before us, where that is
// trusted to say so.
func (h *Handler) schemeOf(x *exchange, r *http.Request) string {
	if x.request.TLS != nil || len(h.proxies) == 0 {
		return x.scheme()
	}
	said := r.Header["X-Forwarded-Proto"]
	if len(said) != 1 || !strings.EqualFold(said[0], "https") {
		return "http"
	}
	if h.proxies.Sent(x.request) {
		return "https"
	}
	return "http"
}
