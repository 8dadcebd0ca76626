package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// cors says which web origins may read answers. Credentials (cookies) are never
// allowed: no surface reads them.
type cors struct {
	any  bool
	list map[string]bool // scheme://host[:port], lower case
}

func newCORS(declared manifest.CORS, own string) *cors {
	c := &cors{any: !declared.Declared, list: make(map[string]bool, len(declared.Origins)+1)}
	for _, origin := range declared.Origins {
		c.list[strings.ToLower(strings.TrimSuffix(origin, "/"))] = true
	}
	if own != "" {
		c.list[own] = true
	}
	return c
}

// allows reports whether a page of this origin may call; host is the request's,
// for the server's own pages.
func (c *cors) allows(origin, host string) bool {
	if origin == "null" {
		return false
	}
	if c.any || c.list[origin] || c.list[strings.ToLower(origin)] {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, host)
}

var (
	corsAny     = []string{"*"}
	corsMethods = []string{"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"}
	corsMaxAge  = []string{"3600"}
	corsHeaders = []string{"authorization, apikey, x-client-info, content-type, accept, prefer, range, range-unit, accept-profile, content-profile, " +
		"x-supabase-api-version, x-retry-count, x-upsert, x-metadata, cache-control, content-encoding, x-region, traceparent, tracestate, baggage, " +
		"tus-resumable, upload-length, upload-offset, upload-metadata, upload-defer-length, upload-concat, x-signature, x-http-method-override, " +
		"x-requested-with, x-request-id, if-match, if-none-match, idempotency-key"}
	corsExpose = []string{"content-range, content-location, content-profile, range-unit, preference-applied, location, link, x-total-count, " +
		"x-supabase-api-version, x-sb-error-code, sb-error-code, x-relay-error, content-disposition, etag, tus-resumable, tus-version, tus-extension, " +
		"tus-max-size, upload-offset, upload-length, upload-metadata, upload-expires, x-request-id, " +
		"x-cache, next-page, idempotent-replayed, retry-after, ratelimit-limit, ratelimit-remaining, ratelimit-reset"}
)

var errOrigin = fault.New(codeOrigin, "this origin may not call").WithHint("list it in cors.origins")

// crossOrigin sets the CORS headers and answers preflights. It reports whether
// the request is answered.
func (h *Handler) crossOrigin(x *exchange, r *http.Request) bool {
	x.header["Vary"] = varyOrigin
	origins := r.Header["Origin"]
	if len(origins) == 0 {
		return false
	}
	preflight := r.Method == http.MethodOptions && len(r.Header["Access-Control-Request-Method"]) > 0
	origin := origins[0]
	if len(origins) > 1 || !h.cors.allows(origin, r.Host) {
		if preflight {
			x.route = "preflight"
			x.fail(r, errOrigin)
		}
		return preflight // others are answered; the page may not read it
	}
	if h.cors.any {
		x.header["Access-Control-Allow-Origin"] = corsAny
	} else {
		x.set("Access-Control-Allow-Origin", origin)
	}
	x.header["Access-Control-Expose-Headers"] = corsExpose
	if !preflight {
		return false
	}
	x.route = "preflight"
	x.header["Access-Control-Allow-Methods"] = corsMethods
	if asked := strings.Join(r.Header["Access-Control-Request-Headers"], ", "); asked != "" {
		x.set("Access-Control-Allow-Headers", asked)
	} else {
		x.header["Access-Control-Allow-Headers"] = corsHeaders
	}
	x.header["Access-Control-Max-Age"] = corsMaxAge
	x.WriteHeader(http.StatusNoContent)
	return true
}
