package realtime

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/live"
)

// asked is what a request asked for.
type asked struct {
	channel string
	address string // what connections are counted by
	caller  *auth.Caller
	named   bool   // it said who it is
	keys    uint64 // that it was known by
	// later: the first message says who it is, and nothing is subscribed before.
	later  bool
	after  *live.Cursor
	origin bool // a page asks
}

// wantsSocket reports whether the request asks for a WebSocket upgrade.
func wantsSocket(r *http.Request) bool {
	return hasToken(r.Header["Connection"], "upgrade") && hasToken(r.Header["Upgrade"], "websocket")
}

// wantsStream reports whether the request accepts server-sent events by name.
func wantsStream(r *http.Request) bool {
	for _, value := range r.Header["Accept"] {
		for part := range strings.SplitSeq(value, ",") {
			media, _, _ := strings.Cut(part, ";")
			if strings.EqualFold(strings.TrimSpace(media), "text/event-stream") {
				return true
			}
		}
	}
	return false
}

func hasToken(values []string, token string) bool {
	for _, value := range values {
		for part := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}

// open reads the request: the caller from Authorization and apikey, or, since
// browsers can set no header here, from the query; the cursor from Last-Event-ID
// or the query.
func open(callers Callers, r *http.Request) (asked, error) {
	query := r.URL.Query()
	a := asked{
		channel: r.PathValue("channel"),
		address: addressOf(r.RemoteAddr),
		origin:  len(r.Header["Origin"]) > 0,
	}
	authorization, apikey := r.Header.Get("Authorization"), r.Header.Get("Apikey")
	if token := query.Get("token"); authorization == "" && token != "" {
		authorization = "Bearer " + token
	}
	if apikey == "" {
		apikey = query.Get("apikey")
	}
	resolved, err := callers.Resolve(authorization, apikey)
	if err != nil {
		return asked{}, err
	}
	a.caller, a.named = resolved.Caller, resolved.Caller.Role != auth.Anon
	if a.origin && a.caller.IsService() {
		return asked{}, errServiceKey
	}
	a.later = query.Get("auth") == "later"
	text := r.Header.Get("Last-Event-Id")
	if text == "" {
		text = query.Get("after")
	}
	if text == "" {
		return a, nil
	}
	after, err := live.ParseCursor(text)
	if err != nil {
		return asked{}, errCursor
	}
	a.after = &after
	return a, nil
}

// addressOf is what connections of an address are counted by: an IPv4 address,
// or an IPv6 /64.
func addressOf(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		if prefix, err := ip.Prefix(64); err == nil {
			return prefix.String()
		}
	}
	return ip.String()
}

// refuses judges the origin; nil lets it pass. No origin is no browser.
func (s *settings) refuses(r *http.Request) error {
	origins := r.Header["Origin"]
	if len(origins) == 0 {
		return nil
	}
	if len(origins) > 1 || !s.allows(origins[0], r.Host) {
		return errOrigin
	}
	return nil
}

func (s *settings) allows(origin, host string) bool {
	if origin == "null" {
		return false
	}
	if s.any || s.origins[strings.ToLower(origin)] {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, host)
}

// originOf is the origin of a URL, "" for none.
func originOf(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return ""
	}
	return strings.ToLower(u.Scheme + "://" + u.Host)
}
