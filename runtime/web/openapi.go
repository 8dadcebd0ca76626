package web

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"

	"github.com/edge-hive/edge-hive/runtime/cache"
)

// OpenAPI is what describes the API: to everyone, and to the service role,
// which is told of what is its alone.
type OpenAPI struct{ Everyone, Service []byte }

const openAPIPath = "/api/openapi.json"

// described is a document, ready to be sent.
type described struct {
	body    []byte
	etag    string
	codings cache.Codings
}

func describedBy(body []byte) *described {
	sum := sha256.Sum256(body)
	return &described{body: body, etag: `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`}
}

// openAPI answers the documents: the caller is known as in the data API, for
// which of them he may see is his to ask.
func (h *Handler) openAPI(o OpenAPI) http.Handler {
	everyone, service := describedBy(o.Everyone), describedBy(o.Service)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := w.(*exchange)
		x.route = openAPIPath
		if !safe(r.Method) {
			x.header["Allow"] = allowedToRead
			if r.Method == http.MethodOptions {
				x.WriteHeader(http.StatusNoContent)
				return
			}
			x.fail(r, errMethod(r.Method))
			return
		}
		x.header["Vary"] = varyCaller
		c := call{native: true}
		if !h.identify(x, r, &c) || !h.count(x, r, h.fallback, c.caller) {
			return
		}
		document := everyone
		if c.caller.IsService() {
			document = service
		}
		x.header["Cache-Control"] = cacheValidate
		if x.unchanged(r, document.etag, len(document.body)) {
			return
		}
		x.sendKept(r, typeJSON, http.StatusOK, document.body, &document.codings, len(document.body))
	})
}

var allowedToRead = []string{"OPTIONS, GET, HEAD"}
