package web

import (
	"net/http"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web/rates"
)

// guard is one thing that stands before an answer. Guards are laid when a
// generation is built, in the one order in which they act; a request goes through
// them and looks nothing up.
type guard interface {
	// admit reports whether the request may go on; otherwise it is answered.
	admit(x *exchange, r *http.Request) bool
}

// always is what stands before every request, built-in paths included: what
// server.use names. nil is nothing.
type always struct {
	guards  []guard
	changes *headerChanges
}

// admit lets a request in, or answers it.
func (a *always) admit(x *exchange, r *http.Request) bool {
	x.changes = a.changes
	for _, g := range a.guards {
		if !g.admit(x, r) {
			x.route = "refused"
			return false
		}
	}
	return true
}

// newAlways lays what server.use names.
func (h *Handler) newAlways(m *manifest.Manifest) error {
	if len(m.Server.Use) == 0 {
		return nil
	}
	chain := m.Chain(m.Server.Use)
	guards, err := h.newGuards(m, chain, "")
	if err != nil {
		return err
	}
	h.always = &always{guards: guards, changes: newHeaderChanges(chain)}
	return nil
}

// newGuards lays those links of a chain that let requests pass or not, but for
// rate and body, which every route has. host is where they stand, "" everywhere.
func (h *Handler) newGuards(m *manifest.Manifest, chain []manifest.Link, host string) ([]guard, error) {
	var guards []guard
	for _, link := range chain {
		made, err := h.newGuard(link, host)
		if err != nil {
			at := link.Middleware.Path + "." + link.Kind
			return nil, fault.Newf("bad-middleware", "middleware %s: %v", link.Middleware.Name, err).At(at, m.Positions.At(at))
		}
		if made != nil {
			guards = append(guards, made)
		}
	}
	return guards, nil
}

func (h *Handler) newGuard(link manifest.Link, host string) (guard, error) {
	w := link.Middleware
	switch link.Kind {
	case manifest.KindIP:
		return newIPGuard(w.IP)
	case manifest.KindCertificate:
		h.wanted.want(host)
		return newCertificateGuard(w.Certificate)
	case manifest.KindBasic:
		return newBasicGuard(h.limiter, h.hashing, w.Basic, h.unread)
	case manifest.KindAccess:
		return &accessGuard{gate: h.gate, name: w.Name}, nil
	}
	return nil, nil
}

// rateGuard finds the caller that a request's credentials name, and counts it,
// where there is a rate.
type rateGuard struct {
	site *Handler
	rate *rates.Rate
}

func (g *rateGuard) admit(x *exchange, r *http.Request) bool {
	x.caller = g.site.guess(r)
	return g.rate == nil || g.site.count(x, r, g.rate, x.caller)
}

// accessGuard lets those pass for whom a rule holds.
type accessGuard struct {
	gate Gate
	name string
}

func (g *accessGuard) admit(x *exchange, r *http.Request) bool {
	if err := g.gate.MayPass(r.Context(), x.caller, g.name); err != nil {
		x.failWith(r, err)
		return false
	}
	return true
}

// bodyGuard bounds the body, and inflates it where that is declared.
type bodyGuard struct {
	limit   int64
	inflate bool
	opaque  bool // what it is encoded with is for somebody else to know
}

func (g *bodyGuard) admit(x *exchange, r *http.Request) bool {
	if r.ContentLength > g.limit {
		x.header["Connection"] = connectionClose
		x.fail(r, tooLarge(g.limit))
		return false
	}
	if r.Body == nil || r.Body == http.NoBody {
		return true
	}
	encoded := isEncoded(r) && (g.inflate || !g.opaque)
	if encoded && !g.inflate {
		x.fail(r, errEncoded)
		return false
	}
	r.Body = http.MaxBytesReader(x.ResponseWriter, r.Body, g.limit)
	if !encoded {
		return true
	}
	if f := inflate(r, g.limit); f != nil {
		x.header["Accept-Encoding"] = inflates
		x.fail(r, f)
		return false
	}
	return true
}

// laid is what stands before a route.
type laid struct {
	guards  []guard
	changes *headerChanges
	// compress is how its answers are compressed, where the route says so itself.
	compress     *compression
	compressSaid bool
	policy       string // under which answers are kept, "" for none
}

// lay makes a route's chain, once: what every request passes has been passed
// before it.
func (t *route) lay(m *manifest.Manifest) error {
	chain := m.Chain(t.declared.Use)
	h := t.site
	guards, err := h.newGuards(m, chain, t.declared.Host)
	if err != nil {
		return err
	}
	body := &bodyGuard{limit: t.limits.body, opaque: t.declared.Proxy != nil}
	t.before.policy = t.declared.Cache
	closed, known := false, false
	for _, link := range chain {
		w := link.Middleware
		switch link.Kind {
		case manifest.KindIP, manifest.KindCertificate, manifest.KindBasic, manifest.KindAccess:
			closed, known = true, known || link.Kind == manifest.KindBasic
		case manifest.KindRate:
			named, ok := h.rates[w.Rate]
			if !ok {
				return t.fault("unknown-rate", "no rate is named "+w.Rate)
			}
			t.rate = named
		case manifest.KindBody:
			body.limit = w.Body
		case manifest.KindInflate:
			body.inflate = true
		case manifest.KindCache:
			t.before.policy = w.Cache
		case manifest.KindCompress:
			t.before.compress, t.before.compressSaid = newCompression(w.Compress), true
		}
	}
	if known { // all who pass have sent credentials
		t.before.policy = ""
	}
	t.limits.body = body.limit
	t.before.guards = append(t.before.guards, beforeRate(guards)...)
	t.before.guards = append(t.before.guards, &rateGuard{h, t.rate})
	t.before.guards = append(t.before.guards, guards[len(beforeRate(guards)):]...)
	t.before.guards = append(t.before.guards, body)
	changes := newHeaderChanges(chain)
	if closed {
		changes = privately().follow(changes)
	}
	if h.always != nil {
		changes = h.always.changes.follow(changes)
	}
	t.before.changes = changes
	return nil
}

// beforeRate are the guards that act before a request is counted.
func beforeRate(guards []guard) []guard {
	for i, g := range guards {
		switch g.(type) {
		case *ipGuard, *certificateGuard:
		default:
			return guards[:i]
		}
	}
	return guards
}

// guess finds the caller for counting: these routes are open to everyone, so a
// credential that does not hold makes nobody of its bearer.
func (h *Handler) guess(r *http.Request) *auth.Caller {
	authorization, apikey := r.Header.Get("Authorization"), r.Header.Get("Apikey")
	if authorization == "" && apikey == "" {
		return nobody
	}
	resolved, err := h.callers.Resolve(authorization, apikey)
	if err != nil {
		return nobody
	}
	return resolved.Caller
}
