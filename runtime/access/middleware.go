package access

import (
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// MiddlewareRules is the compiled access of one middleware.
type MiddlewareRules struct {
	Middleware *manifest.Middleware
	Pass       query.Expr // speaks of auth and the time alone
}

// passScope has no rows to ask: what stands before a route is judged without a
// store, before any of it is known.
func passScope() scope {
	return scope{name: "a middleware's access", auth: true, clock: true}
}

func (c *compiler) middleware(declared *manifest.Middleware) *MiddlewareRules {
	return &MiddlewareRules{Middleware: declared, Pass: c.declared(declared.Access, passScope())}
}
