package web

import (
	"net/http"
	"strconv"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web/coding"
	"github.com/edge-hive/edge-hive/runtime/web/guards"
	"github.com/edge-hive/edge-hive/runtime/web/headers"
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
	changes *headers.Changes
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
	first, err := h.newGuards(m, chain, "")
	if err != nil {
		return err
	}
	h.always = &always{guards: first, changes: headers.New(chain)}
	return nil
}

// newGuards lays those links of a chain that let requests pass or not, but for
// rate and body, which every route has. host is where they stand, "" everywhere.
func (h *Handler) newGuards(m *manifest.Manifest, chain []manifest.Link, host string) ([]guard, error) {
	var made []guard
	for _, link := range chain {
		one, err := h.newGuard(link, host)
		if err != nil {
			at := link.Middleware.Path + "." + link.Kind
			return nil, fault.Newf("bad-middleware", "middleware %s: %v", link.Middleware.Name, err).At(at, m.Positions.At(at))
		}
		if one != nil {
			made = append(made, one)
		}
	}
	return made, nil
}

func (h *Handler) newGuard(link manifest.Link, host string) (guard, error) {
	w := link.Middleware
	switch link.Kind {
	case manifest.KindIP:
		return judge(guards.NewIP(w.IP))
	case manifest.KindCertificate:
		h.wanted.Want(host)
		return judge(guards.NewCertificate(w.Certificate))
	case manifest.KindBasic:
		return judge(guards.NewBasic(h.limiter, h.hashing, w.Basic, h.unread))
	case manifest.KindAccess:
		return &accessGuard{gate: h.gate, name: w.Name}, nil
	}
	return nil, nil
}

// WantsCertificate reports whether a client that names a host at the beginning of TLS
// is asked for a certificate.
func (h *Handler) WantsCertificate(serverName string) bool { return h.wanted.Wants(serverName) }

// judging is a guard that needs nothing of the site.
type judging struct{ guards.Guard }

func judge(g guards.Guard, err error) (guard, error) {
	if err != nil {
		return nil, err
	}
	return judging{g}, nil
}

func (g judging) admit(x *exchange, r *http.Request) bool {
	refusal := g.Judge(r, x.client, x.began)
	if refusal == nil {
		return true
	}
	if refusal.Fault == nil { // nobody is there to be answered
		return false
	}
	if refusal.Retry > 0 {
		x.set("Retry-After", strconv.Itoa(max(seconds(refusal.Retry), 1)))
	}
	if refusal.Challenge != nil {
		x.header["Www-Authenticate"] = refusal.Challenge
	}
	if refusal.Close {
		x.header["Connection"] = connectionClose
	}
	x.fail(r, refusal.Fault)
	return false
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
	encoded := coding.Encoded(r) && (g.inflate || !g.opaque)
	if encoded && !g.inflate {
		x.fail(r, errEncoded)
		return false
	}
	r.Body = http.MaxBytesReader(x.ResponseWriter, r.Body, g.limit)
	if !encoded {
		return true
	}
	if instead := coding.Inflate(r, g.limit); instead != "" {
		x.header["Accept-Encoding"] = inflates
		x.fail(r, errEncoded.WithHint(instead))
		return false
	}
	return true
}

// inflates are the codings of bodies that are undone.
var inflates = []string{"gzip, zstd"}

// laid is what stands before a route.
type laid struct {
	guards  []guard
	changes *headers.Changes
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
	own, err := h.newGuards(m, chain, t.declared.Host)
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
	t.before.guards = append(t.before.guards, beforeRate(own)...)
	t.before.guards = append(t.before.guards, &rateGuard{h, t.rate})
	t.before.guards = append(t.before.guards, own[len(beforeRate(own)):]...)
	t.before.guards = append(t.before.guards, body)
	changes := headers.New(chain)
	if closed {
		changes = headers.Privately().Follow(changes)
	}
	if h.always != nil {
		changes = h.always.changes.Follow(changes)
	}
	t.before.changes = changes
	return nil
}

// beforeRate are the guards that act before a request is counted.
func beforeRate(laid []guard) []guard {
	for i, g := range laid {
		if j, ok := g.(judging); ok {
			switch j.Guard.(type) {
			case *guards.IP, *guards.Certificate:
				continue
			}
		}
		return laid[:i]
	}
	return laid
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
