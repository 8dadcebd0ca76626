package web

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web/address"
)

// limits bound one request.
type limits struct {
	body    int64
	timeout time.Duration
}

// router finds the handler of everything but the data API. Of the routes that fit
// a request what is built in wins, then the one with the more exact host, of these
// the one with the more exact path, of these the one that names the method: so
// there is a tree for each of them, and a request goes through those of its host
// until one has a route for it.
type router struct {
	server   *manifest.Server
	hosts    map[string]trees // by the whole host
	anyLabel map[string]trees // of *.example.com, by what follows the first label
	others   trees
}

func (t *router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := w.(*exchange)
	all := t.of(r.Host)
	if !t.builtInOn(r.Host) {
		if all = all[1:]; len(all) == 0 {
			unknownPath(w, r)
			return
		}
	}
	found := all.find(r)
	if found == nil {
		all.unanswered(x, r)
		return
	}
	found.ServeHTTP(w, r)
}

// builtInOn reports whether the built-in paths answer a request with a Host header.
func (t *router) builtInOn(header string) bool {
	if len(t.server.Hosts) == 0 {
		return true
	}
	host := address.Host(header)
	if t.server.BuiltInOn(host) {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}

// of finds the trees of a Host header.
func (t *router) of(host string) trees {
	if len(t.hosts)+len(t.anyLabel) == 0 {
		return t.others
	}
	name := address.Host(host)
	if found, ok := t.hosts[name]; ok {
		return found
	}
	if _, parent, ok := strings.Cut(name, "."); ok {
		if found, ok := t.anyLabel[parent]; ok {
			return found
		}
	}
	return t.others
}

// layRoutes builds the trees.
func (h *Handler) layRoutes(o Options) error {
	var errs []error
	byHost := map[string]*tree{"": newTree()}
	built := make([]*route, 0, len(o.Manifest.Routes))
	for i := range o.Manifest.Routes {
		made, err := h.newRoute(&o, &o.Manifest.Routes[i])
		if err != nil {
			errs = append(errs, err)
			continue
		}
		built = append(built, made)
	}
	// Of routes on one path those that name more of the method are laid later, and
	// stay.
	slices.SortStableFunc(built, func(a, b *route) int {
		return methodRank(b.declared.Method) - methodRank(a.declared.Method)
	})
	for _, made := range built {
		mine, ok := byHost[made.declared.Host]
		if !ok {
			mine = newTree()
			byHost[made.declared.Host] = mine
		}
		errs = append(errs, lay(mine, made))
	}
	h.routes = h.newRouter(&o.Manifest.Server, h.newBuiltIn(o), byHost)
	return errors.Join(errs...)
}

// newRouter puts the trees of each host in their order.
func (h *Handler) newRouter(server *manifest.Server, builtIn *tree, byHost map[string]*tree) *router {
	rest := trees{byHost[""]}
	if byHost[""].empty() {
		rest = nil
	}
	of := func(mine ...*tree) trees { return slices.Concat(trees{builtIn}, mine, rest) }
	t := &router{server: server, hosts: map[string]trees{}, anyLabel: map[string]trees{}, others: of()}
	for host, mine := range byHost {
		if parent, ok := strings.CutPrefix(host, "*."); ok {
			t.anyLabel[parent] = of(mine)
		}
	}
	for host, mine := range byHost {
		if host == "" || strings.HasPrefix(host, "*.") {
			continue
		}
		t.hosts[host] = of(mine)
		if _, parent, ok := strings.Cut(host, "."); ok && byHost["*."+parent] != nil {
			t.hosts[host] = of(mine, byHost["*."+parent])
		}
	}
	return t
}

// methodRank is how exactly a route names its method: GET, which answers HEAD as
// well, less than HEAD.
func methodRank(method string) int {
	switch method {
	case "":
		return 2
	case http.MethodGet:
		return 1
	}
	return 0
}

// lay puts a route into a tree. chi panics at a pattern that it cannot lay: that
// is a mistake in the manifest.
func lay(on *tree, built *route) (err error) {
	defer func() {
		if thrown := recover(); thrown != nil {
			err = built.fault("bad-route", strings.TrimPrefix(fmt.Sprint(thrown), "chi: "))
		}
	}()
	for _, method := range built.methods {
		on.lay(method, built.declared.URLPath, built)
	}
	if len(built.methods) == 0 {
		on.lay("", built.declared.URLPath, built)
	}
	return nil
}

// notHere are the prefixes of Supabase's wire that this version does not answer.
var notHere = []string{"/auth/v1", "/storage/v1", "/realtime/v1", "/graphql/v1", "/api/auth", "/api/storage"}

// newBuiltIn makes the tree of what needs no route.
func (h *Handler) newBuiltIn(o Options) *tree {
	built := newTree()
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		built.lay(method, "/health", http.HandlerFunc(health))
		built.lay(method, "/ready", http.HandlerFunc(h.serveReady))
	}
	if o.Realtime != nil {
		live := h.realtime(o.Realtime)
		built.lay(http.MethodGet, "/api/realtime/{channel}", live)
		built.lay(http.MethodPost, "/api/realtime/{channel}", live)
	}
	if len(o.OpenAPI.Everyone) > 0 {
		built.lay("", openAPIPath, h.openAPI(o.OpenAPI))
	}
	built.lay("", batchPath, http.HandlerFunc(h.serveBatch))
	built.lay("", "/api", http.HandlerFunc(unknownPath))
	built.lay("", "/api/*", http.HandlerFunc(unknownPath))
	for _, prefix := range notHere {
		built.lay("", prefix, http.HandlerFunc(absent))
		built.lay("", prefix+"/*", http.HandlerFunc(absent))
	}
	return built
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
		x.pace = 0
		if !h.count(x, r, h.fallback, nobody) {
			return
		}
		if x.client.IsValid() && len(h.proxies) > 0 {
			r.RemoteAddr = net.JoinHostPort(x.client.String(), "0")
		}
		next.ServeHTTP(w, r)
	})
}

// nobody is the caller without credentials.
var nobody = auth.Nobody()

// serve judges the request, then hands it to its surface. The data API is found
// by its prefix, without the tree: it is most of all requests.
func (h *Handler) serve(x *exchange, r *http.Request) {
	x.client = h.proxies.Client(r)
	if h.always != nil && !h.always.admit(x, r) {
		return
	}
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
	case path == "*":
		x.route = "none"
		x.header["Allow"] = allowedOfTable
		x.WriteHeader(http.StatusNoContent)
	case !h.routes.builtInOn(r.Host):
		h.routes.ServeHTTP(x, r)
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
