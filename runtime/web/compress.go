package web

import (
	"net/http"
	"strconv"

	"golang.org/x/net/http/httpguts"

	"github.com/edge-hive/edge-hive/runtime/cache"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web/coding"
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
	o := coding.ParseAccept(headers)
	return o.Choose(c.encodings)
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
	if length >= 0 && length < x.compress.min && !coding.RefusesIdentity(x.request.Header["Accept-Encoding"]) {
		return false
	}
	if !coding.Fits(x.header) || length == 0 {
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
	if e := coding.Encode(encoding, connection{x}); e != nil {
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
		x.change()
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
	whole := coding.EncodeWhole(encoding, body)
	if whole == nil {
		return body, len(body)
	}
	x.markEncoded(encoding)
	if codings == nil || len(whole.Bytes()) > room {
		x.whole = whole
		return whole.Bytes(), len(whole.Bytes())
	}
	encoded = append(make([]byte, 0, len(whole.Bytes())), whole.Bytes()...)
	whole.Release()
	codings.Keep(encoding, encoded, room)
	return encoded, len(encoded)
}

func (x *exchange) bodyMayBeEncoded(status int) bool {
	return status != http.StatusPartialContent && !bodyless(status) && coding.Fits(x.header)
}

// markEncoded says in the header that what follows is in a coding.
func (x *exchange) markEncoded(encoding string) {
	x.header["Content-Encoding"] = encodingHeaders[encoding]
	delete(x.header, "Accept-Ranges") // of what is encoded, no ranges are sent
	if tags := x.header["Etag"]; len(tags) == 1 {
		x.set("Etag", coding.Tag(tags[0], encoding))
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
	if httpguts.HeaderValuesContainsToken(vary, "Accept-Encoding") || httpguts.HeaderValuesContainsToken(vary, "*") {
		return
	}
	x.header["Vary"] = append(append(make([]string, 0, len(vary)+1), vary...), varyEncodingAlone[0])
}

// confirmTag puts back, in an answer that confirms what the client has, the tag as
// the client has it.
func (x *exchange) confirmTag() {
	if x.compress != nil && (x.wouldBe == 0 || x.wouldBe >= x.compress.min) {
		x.varyByEncoding()
	}
	tags := x.header["Etag"]
	if len(tags) != 1 || len(x.knownTags) == 0 {
		return
	}
	if confirmed := coding.ConfirmedTag(x.knownTags, tags[0], x.request.Header["Accept-Encoding"]); confirmed != "" {
		x.set("Etag", confirmed)
	}
}

// Header values that never change; nobody appends to them in place.
var (
	varyEncodingAlone  = []string{"Accept-Encoding"}
	varyCallerEncoding = []string{"Origin, Authorization, apikey, Accept-Encoding"}
	encodingHeaders    = map[string][]string{manifest.Zstd: {manifest.Zstd}, manifest.Brotli: {manifest.Brotli}, manifest.Gzip: {manifest.Gzip}}
)
