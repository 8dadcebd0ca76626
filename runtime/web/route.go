package web

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web/rates"
)

// route is a declared route, ready to answer.
type route struct {
	site     *Handler
	declared *manifest.Route
	at       fault.Position
	methods  []string    // none: every method
	rate     *rates.Rate // nil: not counted
	limits   limits
	before   laid
	answer   answerer
}

// answerer is what a route does once the request was let in.
type answerer interface {
	answer(x *exchange, r *http.Request)
}

// newRoute prepares a declared route.
func (h *Handler) newRoute(o *Options, declared *manifest.Route) (*route, error) {
	m := o.Manifest
	built := &route{site: h, declared: declared, at: place(m, declared), limits: h.limits}
	if name := declared.RateName(); name != "" {
		named, ok := h.rates[name]
		if !ok {
			return nil, built.fault("unknown-rate", "no rate is named "+name)
		}
		built.rate = named
	}
	if declared.Body > 0 {
		built.limits.body = declared.Body
	}
	if declared.Timeout > 0 {
		built.limits.timeout = declared.Timeout
	}
	if err := built.lay(m); err != nil {
		return nil, err
	}
	switch declared.Method {
	case "":
	case http.MethodGet:
		built.methods = []string{http.MethodGet, http.MethodHead}
	default:
		built.methods = []string{declared.Method}
	}
	var err error
	switch {
	case declared.Static != nil:
		if declared.Method == "" {
			built.methods = []string{http.MethodGet, http.MethodHead}
		}
		built.answer, err = h.newStatic(m, built)
	case declared.Respond != nil:
		built.answer, err = newRespond(built)
	case declared.Redirect != nil:
		built.answer, err = newRedirect(built)
	case declared.Query != nil:
		built.answer = newRouteQuery(built)
	case declared.Function != nil:
		built.answer = h.newRouteFunction(built, declared.Function)
	case declared.Proxy != nil:
		built.answer, err = h.newRouteProxy(built)
	default:
		err = built.fault("bad-route", "the route does nothing")
	}
	if err == nil && built.before.policy != "" {
		built.answer, err = newAnswerCache(h, o, built, built.before.policy)
	}
	if err != nil {
		return nil, err
	}
	return built, nil
}

// ignoresParameters is for those that send a path on as it came.
func (t *route) ignoresParameters() bool {
	return t.declared.Proxy != nil && t.declared.Proxy.Rewrite == ""
}

// fault says what is wrong with the route, and where it stands.
func (t *route) fault(code, message string) *fault.Fault {
	return fault.New(code, message).At(t.declared.Path, t.at)
}

// ServeHTTP takes the request through what stands before the route, then answers
// it.
func (t *route) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := w.(*exchange)
	x.route = t.declared.Pattern
	x.changes = t.before.changes
	if t.before.compressSaid {
		x.compress = t.before.compress
	}
	for _, g := range t.before.guards {
		if !g.admit(x, r) {
			return
		}
	}
	if t.declared.Timeout > 0 {
		// A declared time-out bounds the sending too. A writer without deadlines
		// (a recorder in tests) has no slow client either.
		x.pace = 0
		control := http.NewResponseController(x.ResponseWriter)
		_ = control.SetWriteDeadline(time.Now().Add(t.declared.Timeout))
		defer func() { _ = control.SetWriteDeadline(time.Time{}) }()
	}
	t.answer.answer(x, r)
}

// health says that the process serves, and nothing else.
func health(w http.ResponseWriter, r *http.Request) {
	x := w.(*exchange)
	x.route = "/health"
	x.plain(r, http.StatusOK, "ok")
}

const readyTimeout = 5 * time.Second

// serveReady says whether the process should be sent requests.
func (h *Handler) serveReady(w http.ResponseWriter, r *http.Request) {
	x := w.(*exchange)
	x.route = "/ready"
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	if err := h.ready(ctx); err != nil {
		x.fault = errUnavailable.WithCause(err)
		x.set("Retry-After", "1")
		x.plain(r, http.StatusServiceUnavailable, "not ready")
		return
	}
	word := "ready"
	if h.without != nil {
		if away := h.without(); len(away) > 0 {
			word += ", without " + strings.Join(away, ", ")
		}
	}
	x.plain(r, http.StatusOK, word)
}

// plain answers a word.
func (x *exchange) plain(r *http.Request, status int, word string) {
	x.header["Content-Type"] = typePlain
	x.header["Cache-Control"] = cacheNone
	x.WriteHeader(status)
	if r.Method != http.MethodHead {
		// A client that is gone is noticed by net/http.
		_, _ = x.Write([]byte(word + "\n"))
	}
}

var (
	typePlain = []string{"text/plain; charset=utf-8"}
	cacheNone = []string{"no-store"}
)
