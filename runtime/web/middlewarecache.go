package web

import (
	"context"
	"encoding/binary"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/edge-hive/edge-hive/runtime/cache"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web/coding"
)

const (
	longestCacheQuery = 2 << 10
	// mostKeptBody is the largest body that is kept.
	mostKeptBody = 1 << 20
)

// answerCache keeps whole answers of a route, for callers without credentials.
type answerCache struct {
	site   *Handler
	cache  cache.Cache
	policy cache.Policy
	next   answerer
	route  *route
	prefix []byte // of all keys: the manifest, the edition, and the route in it

	query    string // whose tables' versions are part of the key, "" for none
	encoding bool   // what the handler answers may depend on Accept-Encoding
	headers  headersOfAnswers
}

// newAnswerCache puts a cache around what answers a route.
func newAnswerCache(h *Handler, o *Options, t *route, policy string) (*answerCache, error) {
	i := slices.IndexFunc(o.Manifest.Cache.Policies, func(p manifest.Policy) bool { return p.Name == policy })
	if i < 0 {
		return nil, t.fault("unknown-policy", "no cache policy is named "+policy)
	}
	if o.Cache == nil {
		return nil, errors.New("web: a route is kept, and there is no cache")
	}
	p := o.Manifest.Cache.Policies[i]
	c := &answerCache{
		site: h, cache: o.Cache, policy: cache.Policy{Name: p.Name, TTL: p.TTL, Stale: p.Stale}, next: t.answer, route: t,
		encoding: t.declared.Static != nil || t.declared.Function != nil || t.declared.Proxy != nil,
		headers:  headersOfAnswers{oursAlone: t.declared.Proxy == nil, files: t.declared.Static != nil},
	}
	c.prefix = append(c.prefix, 'w')
	c.prefix = appendText(appendText(appendText(c.prefix, o.Manifest.Hash), o.Edition), t.declared.Pattern)
	if t.declared.Query != nil {
		c.query = t.declared.Query.Name
	}
	return c, nil
}

func appendText(dst []byte, text string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
}

// answer gives what is kept, or has it made: once, however many ask.
func (c *answerCache) answer(x *exchange, r *http.Request) {
	var room [256]byte
	key, ok := c.key(room[:0], x, r)
	if !ok {
		c.bypass(x, r)
		return
	}
	if entry := c.cache.Lookup(key); entry != nil {
		c.send(x, r, entry, cache.Hit)
		return
	}
	m := newMaking(c, x, r)
	entry, status, err := c.cache.Fetch(r.Context(), string(key), c.policy, m.fill)
	switch {
	case err == nil:
		m.leave()
		c.send(x, r, entry, status)
	case m.adopt(err):
		m.wait(x)
	case r.Context().Err() != nil: // nobody waits for an answer
	default: // another's, that may not be shared
		c.bypass(x, r)
	}
}

func (c *answerCache) bypass(x *exchange, r *http.Request) {
	x.set("X-Cache", string(cache.Bypass))
	c.next.answer(x, r)
}

// key is under which an answer to a request is kept, false for one that is made
// for its caller alone.
func (c *answerCache) key(dst []byte, x *exchange, r *http.Request) ([]byte, bool) {
	if !safe(r.Method) || r.ContentLength != 0 || len(r.TransferEncoding) > 0 || len(r.URL.RawQuery) > longestCacheQuery {
		return nil, false
	}
	for _, name := range [...]string{"Authorization", "Apikey", "Cookie", "Range", "Upgrade", "Proxy-Authorization"} {
		if len(r.Header[name]) > 0 {
			return nil, false
		}
	}
	query, ok := canonicalQuery(r.URL.RawQuery)
	if !ok {
		return nil, false
	}
	dst = append(dst, c.prefix...)
	dst = appendText(dst, strings.ToLower(r.Host))
	dst = appendText(dst, r.URL.Path)
	dst = appendText(dst, query)
	class := byte('0')
	if c.encoding {
		class += encodingClass(r.Header["Accept-Encoding"])
	}
	dst = appendText(append(dst, class), c.site.schemeOf(x, r))
	if !c.headers.oursAlone { // whoever is asked may look at the origin
		origin := strings.Join(r.Header["Origin"], ",")
		if len(origin) > 0 {
			return nil, false
		}
	}
	if c.query != "" {
		dst = c.site.gate.AppendVersions(dst, c.query)
	}
	return dst, true
}

// canonicalQuery is the same for URLs whose keys are in another order; of one key
// the values stay in theirs, and all stays as it was written: to a server behind,
// a+b may be another value than a%20b, and a key without = another than one with.
// False for what is no query.
func canonicalQuery(raw string) (string, bool) {
	if raw == "" {
		return "", true
	}
	if _, err := url.ParseQuery(raw); err != nil {
		return "", false
	}
	if strings.IndexByte(raw, '&') < 0 {
		return raw, true
	}
	parts := strings.Split(raw, "&")
	slices.SortStableFunc(parts, func(a, b string) int { return strings.Compare(queryKey(a), queryKey(b)) })
	return strings.Join(parts, "&"), true
}

// queryKey is the key of a part of a query that is one.
func queryKey(part string) string {
	name, _, _ := strings.Cut(part, "=")
	if strings.ContainsAny(name, "%+") {
		name, _ = url.QueryUnescape(name)
	}
	return name
}

// The encodings of a class, each a bit.
var classEncodings = []string{manifest.Zstd, manifest.Brotli, manifest.Gzip}

// encodingClass is which of our encodings a client takes.
func encodingClass(headers []string) byte {
	if len(headers) == 0 {
		return 0
	}
	accepted := coding.ParseAccept(headers)
	var class byte
	for i, name := range classEncodings {
		if accepted.Weight(name) > 0 {
			class |= 1 << i
		}
	}
	return class
}

// classHeader is the Accept-Encoding of a class, as handlers are asked with it.
func classHeader(headers []string) []string {
	class := encodingClass(headers)
	var names []string
	for i, name := range classEncodings {
		if class&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []string{strings.Join(names, ", ")}
}

// send answers with what is kept.
func (c *answerCache) send(x *exchange, r *http.Request, entry *cache.Entry, status cache.Status) {
	kept, ok := parseKept(entry.Next)
	if !ok { // of another version of ourselves
		c.bypass(x, r)
		return
	}
	if status == cache.Hit && c.outlived(entry, kept) {
		c.bypass(x, r)
		return
	}
	vary := x.header["Vary"]
	for name, values := range kept.header {
		x.header[name] = values
	}
	x.header["Vary"] = mergeVary(vary, kept.header["Vary"])
	x.set("X-Cache", string(status))
	if status == cache.Hit {
		x.set("Age", strconv.Itoa(max(int(time.Since(kept.made)/time.Second), 0)))
	}
	if kept.status == http.StatusOK && notModified(r, kept.header) {
		delete(x.header, "Content-Type")
		delete(x.header, "Content-Length")
		x.WriteHeader(http.StatusNotModified)
		return
	}
	contentType := x.header["Content-Type"]
	if len(entry.Body) == 0 {
		x.header["Content-Length"] = zero
		x.WriteHeader(kept.status)
		return
	}
	x.sendKept(r, contentType, kept.status, entry.Body, &entry.Codings, entry.Room())
}

// outlived reports whether an answer is old that says that it may not be served so.
func (c *answerCache) outlived(entry *cache.Entry, kept *keptAnswer) bool {
	fresh, _ := entry.Times(c.policy)
	if c.policy.Stale == 0 || time.Since(kept.made) < fresh {
		return false
	}
	control := func(token string) bool {
		return httpguts.HeaderValuesContainsToken(kept.header["Cache-Control"], token)
	}
	return control("must-revalidate") || control("proxy-revalidate")
}

// notModified holds a request's conditions against an answer's header (RFC 9110,
// 13.1): by its tag, else by its date.
func notModified(r *http.Request, header http.Header) bool {
	if sent := r.Header["If-None-Match"]; len(sent) > 0 {
		tags := header["Etag"]
		return len(tags) == 1 && matchesTag(sent, tags[0])
	}
	since, err := http.ParseTime(r.Header.Get("If-Modified-Since"))
	if err != nil {
		return false
	}
	modified, err := http.ParseTime(header.Get("Last-Modified"))
	return err == nil && !modified.After(since)
}

// matchesTag compares as weak tags are compared.
func matchesTag(sent []string, tag string) bool {
	tag = strings.TrimPrefix(tag, "W/")
	for _, header := range sent {
		for item := range strings.SplitSeq(header, ",") {
			item = strings.TrimSpace(item)
			if item == "*" || strings.TrimPrefix(item, "W/") == tag {
				return true
			}
		}
	}
	return false
}

// mergeVary joins what stands in Vary already with what a handler says.
func mergeVary(ours, theirs []string) []string {
	if len(theirs) == 0 {
		return ours
	}
	merged := slices.Clone(theirs)
	for _, header := range ours {
		for name := range strings.SplitSeq(header, ",") {
			name = strings.TrimSpace(name)
			if !httpguts.HeaderValuesContainsToken(merged, name) {
				merged = append(merged, name)
			}
		}
	}
	return []string{strings.Join(merged, ", ")}
}

// fills are the answers that are being made for caches. They end with their
// generation, and there is a bound: past it answers are made for who asks.
type fills struct {
	life  context.Context
	end   context.CancelFunc
	turns chan struct{}
}
