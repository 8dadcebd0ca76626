package web

import (
	"crypto/sha256"
	"io"
	"net/http"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/web/address"
)

var (
	replayed   = []string{"true"}
	errTwoKeys = fault.New(data.CodeBadKey, "a request has one Idempotency-Key").WithHint("send one, and a new one with each new request")
)

// once reads the Idempotency-Key of a write; nil where there is none. What the
// answer depends on tells requests apart: method, path, query, body, and the
// headers that shape it.
func once(x *exchange, r *http.Request, body []byte) (*data.Once, *fault.Fault) {
	keys := r.Header["Idempotency-Key"]
	if len(keys) == 0 {
		return nil, nil
	}
	if len(keys) > 1 {
		return nil, errTwoKeys
	}
	sum := sha256.New()
	for _, part := range []string{
		r.Method, r.URL.EscapedPath(), r.URL.RawQuery,
		strings.Join(r.Header["Prefer"], ","), strings.Join(r.Header["Accept"], ","), strings.Join(r.Header["If-Match"], ","),
		strings.Join(r.Header["Content-Type"], ","),
	} {
		_, _ = io.WriteString(sum, part+"\n") // a hash takes all; no part has a line feed
	}
	_, _ = sum.Write(body)
	o := &data.Once{Key: keys[0]}
	if x.client.IsValid() {
		o.Client = address.Network(x.client).String()
	}
	sum.Sum(o.Request[:0])
	return o, nil
}
