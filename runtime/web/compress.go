package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/cache"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// compression is how answers are compressed; nil is not at all.
type compression struct {
	encodings []string // the one that is liked best first
	min       int      // bytes
}

// newCompression takes it from a manifest; nil says that answers stay as they are.
func newCompression(declared *manifest.Compress) *compression {
	if declared == nil || declared.Off || len(declared.Encodings) == 0 {
		return nil
	}
	return &compression{encodings: declared.Encodings, min: int(min(declared.Min, 1<<30))}
}

const (
	// wholeMost is up to which size a body is encoded before it is sent, so that its
	// length can be said. Larger ones are encoded on the way.
	wholeMost = 1 << 20
	// heldMost bounds what is held back of an answer whose length nobody says, until
	// it is known whether it reaches `min`.
	heldMost = 64 << 10
)

// choose gives the coding of an answer whose kind and size are right for one, ""
// for none.
func (c *compression) choose(r *http.Request) string {
	headers := r.Header["Accept-Encoding"]
	if len(headers) == 0 {
		return ""
	}
	o := parseAcceptEncoding(headers)
	return o.choose(c.encodings)
}

// encodeAnswer decides, when the header of an answer is about to be sent, whether
// what follows is compressed. It reports whether the header waits for that.
func (x *exchange) encodeAnswer(status int) (waits bool) {
	switch status {
	case http.StatusNotModified:
		x.confirmTag()
		return false
	case http.StatusNoContent, http.StatusResetContent, http.StatusPartialContent:
		return false
	}
	length := contentLength(x.header)
	if length >= 0 && length < x.compress.min && !refusesIdentity(x.request.Header["Accept-Encoding"]) {
		return false
	}
	if !x.compressible() || length == 0 {
		return false
	}
	encoding := x.compress.choose(x.request)
	if length < 0 && encoding != "" && x.request.Method != http.MethodHead {
		x.coded = newCoded(x, status, encoding)
		return true
	}
	x.varyByEncoding()
	if encoding == "" || length < 0 {
		return false
	}
	if x.request.Method == http.MethodHead {
		delete(x.header, "Content-Length") // of what a GET would get, nobody knows it
		x.markEncoded(encoding)
		return false
	}
	if e := takeEncoder(encoding, connection{x}); e != nil {
		delete(x.header, "Content-Length")
		x.markEncoded(encoding)
		x.coded = &coded{x: x, encoder: e}
	}
	return false
}

// contentLength is what an answer says of its length, -1 for nothing.
func contentLength(header http.Header) int {
	said := header["Content-Length"]
	if len(said) != 1 {
		return -1
	}
	length, err := strconv.Atoi(said[0])
	if err != nil {
		return -1
	}
	return length
}

// encodeBody gives what is sent of a whole body: in a coding where it is worth it
// and the client takes one. Codings, when given, has what was encoded before, and
// keeps it within room. length is -1 where it cannot be said: of a HEAD.
func (x *exchange) encodeBody(status int, body []byte, codings *cache.Codings, room int) (sent []byte, length int) {
	if x.compress == nil || len(body) < x.compress.min {
		return body, len(body)
	}
	if x.changes != nil { // they may say what is decided here
		x.changes.apply(x)
		x.changes = nil
	}
	if !x.bodyMayBeEncoded(status) {
		return body, len(body)
	}
	encoding := x.compress.choose(x.request)
	var encoded []byte
	if encoding != "" && codings != nil {
		encoded = codings.Get(encoding)
	}
	if encoded == nil && len(body) > wholeMost {
		return body, len(body) // on the way
	}
	x.varyByEncoding()
	x.settled = true
	switch {
	case encoding == "":
		return body, len(body)
	case encoded != nil:
		x.markEncoded(encoding)
		return encoded, len(encoded)
	case x.request.Method == http.MethodHead:
		x.markEncoded(encoding)
		return nil, -1
	}
	scratch := takeScratch()
	if !encodeWhole(scratch, encoding, body) {
		scratch.release()
		return body, len(body)
	}
	x.markEncoded(encoding)
	if codings == nil || len(scratch.bytes) > room {
		x.scratch = scratch
		return scratch.bytes, len(scratch.bytes)
	}
	encoded = append(make([]byte, 0, len(scratch.bytes)), scratch.bytes...)
	scratch.release()
	codings.Keep(encoding, encoded, room)
	return encoded, len(encoded)
}

func (x *exchange) bodyMayBeEncoded(status int) bool {
	return status != http.StatusPartialContent && !bodyless(status) && x.compressible()
}

// compressible reports whether an answer is of a kind that gets smaller, and none
// that must reach the client as it is.
func (x *exchange) compressible() bool {
	header := x.header
	if contentType := header["Content-Type"]; len(contentType) != 1 || !compressibleType(contentType[0]) {
		return false
	}
	for _, name := range [...]string{"Content-Encoding", "Content-Digest", "Repr-Digest", "Digest", "Content-Md5"} {
		if len(header[name]) > 0 {
			return false
		}
	}
	for _, control := range header["Cache-Control"] {
		if len(control) >= len("no-transform") && hasToken(control, "no-transform") {
			return false
		}
	}
	return true
}

// compressibleType reports whether a media type is text of some kind. Event streams
// are not: each event is to come at once, and whole.
func compressibleType(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	kind, name, _ := strings.Cut(media, "/")
	switch kind {
	case "text":
		return name != "event-stream"
	case "application":
		return compressibleApplications[name] || strings.HasSuffix(name, "+json") || strings.HasSuffix(name, "+xml") || strings.HasSuffix(name, "+yaml")
	case "image":
		return name == "svg+xml" || name == "bmp" || name == "x-icon" || name == "vnd.microsoft.icon"
	case "font":
		return name == "ttf" || name == "otf" || name == "collection"
	case "model":
		return strings.HasPrefix(name, "gltf") || name == "obj"
	}
	return false
}

var compressibleApplications = map[string]bool{
	"json": true, "x-ndjson": true, "jsonlines": true, "json-seq": true, "javascript": true, "x-javascript": true, "ecmascript": true,
	"xml": true, "xml-dtd": true, "yaml": true, "x-yaml": true, "toml": true, "graphql": true, "sql": true, "rtf": true,
	"wasm": true, "x-sh": true, "vnd.ms-fontobject": true, "x-font-ttf": true, "x-font-opentype": true, "x-www-form-urlencoded": true,
}

// hasToken finds a word in a header that lists them, whatever its case.
func hasToken(list, token string) bool {
	for item := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.TrimSpace(item), token) {
			return true
		}
	}
	return false
}

// markEncoded says in the header that what follows is in a coding.
func (x *exchange) markEncoded(encoding string) {
	x.header["Content-Encoding"] = encodingHeaders[encoding]
	delete(x.header, "Accept-Ranges") // of what is encoded, no ranges are sent
	if tags := x.header["Etag"]; len(tags) == 1 {
		x.set("Etag", encodedTag(tags[0], encoding))
	}
}

// varyByEncoding says that another Accept-Encoding may get another answer.
func (x *exchange) varyByEncoding() {
	vary := x.header["Vary"]
	switch {
	case len(vary) == 0:
		x.header["Vary"] = varyEncodingAlone
		return
	case len(vary) == 1 && vary[0] == varyOrigin[0]:
		x.header["Vary"] = varyEncoding
		return
	case len(vary) == 1 && vary[0] == varyCaller[0]:
		x.header["Vary"] = varyCallerEncoding
		return
	}
	for _, list := range vary {
		if hasToken(list, "Accept-Encoding") || hasToken(list, "*") {
			return
		}
	}
	x.header["Vary"] = append(append(make([]string, 0, len(vary)+1), vary...), varyEncodingAlone[0])
}

// Header values that never change; nobody appends to them in place.
var (
	varyEncodingAlone  = []string{"Accept-Encoding"}
	varyCallerEncoding = []string{"Origin, Authorization, apikey, Accept-Encoding"}
	encodingHeaders    = map[string][]string{manifest.Zstd: {manifest.Zstd}, manifest.Brotli: {manifest.Brotli}, manifest.Gzip: {manifest.Gzip}}
)
