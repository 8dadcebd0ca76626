package manifest

import "slices"

// The kinds of middleware.
const (
	KindIP          = "ip"
	KindCertificate = "certificate"
	KindRate        = "rate"
	KindBasic       = "basic"
	KindAccess      = "access"
	KindBody        = "body"
	KindInflate     = "inflate"
	KindCache       = "cache"
	KindHeaders     = "headers"
	KindCompress    = "compress"
)

// Kinds are all kinds of middleware, in the one order in which they act.
func Kinds() []string {
	return []string{KindIP, KindCertificate, KindRate, KindBasic, KindAccess, KindBody, KindInflate, KindCache, KindHeaders, KindCompress}
}

// Kinds are those that a middleware is of, in the order in which they act.
func (w *Middleware) Kinds() []string {
	var kinds []string
	for _, one := range []struct {
		kind     string
		declared bool
	}{
		{KindIP, w.IP != nil},
		{KindCertificate, w.Certificate != nil},
		{KindRate, w.Rate != ""},
		{KindBasic, w.Basic != nil},
		{KindAccess, w.Access.Declared},
		{KindBody, w.Body > 0},
		{KindInflate, w.Inflate},
		{KindCache, w.Cache != ""},
		{KindHeaders, !w.Headers.Empty()},
		{KindCompress, w.Compress != nil},
	} {
		if one.declared {
			kinds = append(kinds, one.kind)
		}
	}
	return kinds
}

// Repeats reports whether a route may use several middleware of a kind: then all
// of them must be passed, or act in turn.
func Repeats(kind string) bool {
	return kind == KindIP || kind == KindCertificate || kind == KindAccess || kind == KindHeaders
}

// MiddlewareNamed finds a middleware by its exact name; nil when there is none.
func (m *Manifest) MiddlewareNamed(name string) *Middleware {
	if i := slices.IndexFunc(m.Middleware, func(w Middleware) bool { return w.Name == name }); i >= 0 {
		return &m.Middleware[i]
	}
	return nil
}

// Link is one thing of a chain: a middleware, in one of its kinds.
type Link struct {
	Kind       string
	Middleware *Middleware
}

// Chain is what stands before a request: the middleware that is used, link by
// link, in the order in which they act. Names that are none's are left out.
func (m *Manifest) Chain(use []string) []Link {
	var chain []Link
	for _, kind := range Kinds() {
		for i, name := range use {
			if slices.Contains(use[:i], name) {
				continue // said twice is once
			}
			if w := m.MiddlewareNamed(name); w != nil && slices.Contains(w.Kinds(), kind) {
				chain = append(chain, Link{kind, w})
			}
		}
	}
	return chain
}
