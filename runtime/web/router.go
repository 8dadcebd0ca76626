package web

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// limits bound one request.
type limits struct {
	body    int64
	timeout time.Duration
}

// router finds the handler of everything but the data API: one tree for each
// declared host, one for all other hosts. Within a tree the more specific path
// wins; of equal paths, the one that names the host.
type router struct {
	hosts map[string]*chi.Mux
	any   *chi.Mux
}

func (t *router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if len(t.hosts) > 0 {
		if mux, ok := t.hosts[hostname(r.Host)]; ok {
			mux.ServeHTTP(w, r)
			return
		}
	}
	t.any.ServeHTTP(w, r)
}

// hostname is a Host header without port and final dot, lower case.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

// layRoutes builds the trees.
func (h *Handler) layRoutes(o Options) error {
	h.routes = &router{hosts: make(map[string]*chi.Mux), any: h.newMux(o)}
	for i := range o.Manifest.Routes {
		if host := o.Manifest.Routes[i].Host; host != "" && h.routes.hosts[host] == nil {
			h.routes.hosts[host] = h.newMux(o)
		}
	}
	var errs []error
	handlers := make([]*route, len(o.Manifest.Routes))
	for i := range o.Manifest.Routes {
		declared := &o.Manifest.Routes[i]
		built, err := h.newRoute(o.Manifest, declared)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		handlers[i] = built
		if declared.Host != "" {
			continue
		}
		errs = append(errs, lay(h.routes.any, built))
		for _, mux := range h.routes.hosts {
			errs = append(errs, lay(mux, built))
		}
	}
	for _, built := range handlers { // those of a host last, for they win
		if built != nil && built.declared.Host != "" {
			errs = append(errs, lay(h.routes.hosts[built.declared.Host], built))
		}
	}
	return errors.Join(errs...)
}

// lay puts a route into a tree. chi panics at a pattern that it cannot lay: that
// is a mistake in the manifest.
func lay(mux *chi.Mux, built *route) (err error) {
	defer func() {
		if thrown := recover(); thrown != nil {
			err = built.fault("bad-route", strings.TrimPrefix(fmt.Sprint(thrown), "chi: "))
		}
	}()
	for _, method := range built.methods {
		mux.Method(method, built.declared.URLPath, built)
	}
	if len(built.methods) == 0 {
		mux.Handle(built.declared.URLPath, built)
	}
	return nil
}

// notHere are the prefixes of Supabase's wire that this version does not answer.
var notHere = []string{"/auth/v1", "/storage/v1", "/realtime/v1", "/graphql/v1", "/api/auth", "/api/storage"}

// newMux makes a tree with the built-in surface in it.
func (h *Handler) newMux(o Options) *chi.Mux {
	mux := chi.NewRouter()
	mux.NotFound(func(w http.ResponseWriter, r *http.Request) {
		x := w.(*exchange)
		x.route = "none"
		x.fail(r, errNoRoute)
	})
	mux.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		x := w.(*exchange)
		x.route = "none"
		x.set("Allow", strings.Join(allowed(mux, r.URL.Path), ", "))
		if r.Method == http.MethodOptions {
			x.WriteHeader(http.StatusNoContent)
			return
		}
		x.fail(r, errMethod(r.Method))
	})
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		mux.MethodFunc(method, "/health", health)
		mux.MethodFunc(method, "/ready", h.serveReady)
	}
	if o.Realtime != nil {
		live := h.realtime(o.Realtime)
		mux.Method(http.MethodGet, "/api/realtime/{channel}", live)
		mux.Method(http.MethodPost, "/api/realtime/{channel}", live)
	}
	if len(o.OpenAPI.Everyone) > 0 {
		mux.Handle(openAPIPath, h.openAPI(o.OpenAPI))
	}
	mux.HandleFunc(batchPath, h.serveBatch)
	mux.HandleFunc("/api", unknownPath)
	mux.HandleFunc("/api/*", unknownPath)
	for _, prefix := range notHere {
		mux.HandleFunc(prefix, absent)
		mux.HandleFunc(prefix+"/*", absent)
	}
	return mux
}

// allowed lists the methods that a path answers to.
func allowed(mux *chi.Mux, path string) []string {
	methods := []string{http.MethodOptions}
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if mux.Match(chi.NewRouteContext(), method, path) {
			methods = append(methods, method)
		}
	}
	return methods
}

var (
	errNoRoute = fault.New(codeNotFound, "there is nothing at this path")
	errAbsent  = fault.New(codeNotHere, "this service is not in this version")
)

func unknownPath(w http.ResponseWriter, r *http.Request) {
	x := w.(*exchange)
	x.route = "none"
	x.fail(r, errNoRoute)
}

func absent(w http.ResponseWriter, r *http.Request) {
	x := w.(*exchange)
	x.route = "none"
	x.fail(r, errAbsent)
}

// realtime wraps the channels' handler: rate by address, for the caller is
// known only to it, and the client's address in r.RemoteAddr.
func (h *Handler) realtime(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := w.(*exchange)
		x.route = "/api/realtime/{channel}"
		if !h.count(x, r, h.fallback, nobody) {
			return
		}
		if x.client.IsValid() && len(h.proxies) > 0 {
			r.RemoteAddr = remoteAddr(x.client)
		}
		next.ServeHTTP(w, r)
	})
}

// nobody is the caller without credentials.
var nobody = auth.Nobody()

// serve judges the request, then hands it to its surface. The data API is found
// by its prefix, without the tree: it is most of all requests.
func (h *Handler) serve(x *exchange, r *http.Request) {
	x.client = h.clientAddr(r)
	if h.crossOrigin(x, r) {
		return
	}
	if f := admit(r); f != nil {
		x.route = "refused"
		x.fail(r, f)
		return
	}
	path := r.URL.Path
	switch {
	case strings.HasPrefix(path, nativePrefix):
		h.serveNative(x, r, path[len(nativePrefix):])
	case strings.HasPrefix(path, restPrefix) || path == restPrefix[:len(restPrefix)-1]:
		h.serveREST(x, r, strings.TrimPrefix(path[len(restPrefix)-1:], "/"))
	case strings.HasPrefix(path, rpcPrefix):
		h.serveQuery(x, r, true, path[len(rpcPrefix):])
	case strings.HasPrefix(path, searchPrefix):
		h.serveSearch(x, r, path[len(searchPrefix):])
	case strings.HasPrefix(path, edgePrefix):
		h.serveFunction(x, r, edgePrefix)
	case strings.HasPrefix(path, functionsPrefix):
		h.serveFunction(x, r, functionsPrefix)
	case strings.HasPrefix(path, exportPrefix):
		h.serveExport(x, r, path[len(exportPrefix):])
	case strings.HasPrefix(path, importPrefix):
		h.serveImport(x, r, path[len(importPrefix):])
	case path == "*":
		x.route = "none"
		x.header["Allow"] = allowedOfTable
		x.WriteHeader(http.StatusNoContent)
	default:
		h.routes.ServeHTTP(x, r)
	}
}

const (
	nativePrefix = "/api/data/"
	restPrefix   = "/rest/v1/"
)

// place is where a route stands in the manifest.
func place(m *manifest.Manifest, r *manifest.Route) fault.Position { return m.Positions.At(r.Path) }
