package web

import (
	"bytes"
	"context"
	"net/http"
	"net/url"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
)

// write answers POST, PATCH and DELETE.
func (h *Handler) write(ctx context.Context, x *exchange, r *http.Request, c *call) {
	w := data.Write{
		Table: c.table, Request: c.request, Key: c.key, HasKey: c.byKey,
		MissingDefault: c.prefer.missingDefault,
		Representation: c.prefer.returns == returnRows,
		Single:         c.object,
		Unfiltered:     c.native,
		AtMost:         c.prefer.bound(r.Method),
	}
	if r.Method != http.MethodDelete {
		body, f := h.readBody(x, r)
		if f != nil {
			x.fail(r, f)
			return
		}
		w.Body = body
	}
	located := r.Method == http.MethodPost && c.prefer.returns == returnHeaders
	if located { // the key is in the rows alone
		w.Representation, w.Request = true, withoutSelect(w.Request)
	}
	written, err := h.apply(ctx, c, r.Method, w)
	if err != nil {
		x.failRead(r, c, err)
		return
	}
	if located {
		if key, ok := onlyKey(written); ok {
			x.set("Location", "/"+url.PathEscape(c.table)+"?id=eq."+url.QueryEscape(key))
		}
		written.Body = nil
	}
	x.answerWrite(r, c, &written)
}

// apply hands a write to the gate.
func (h *Handler) apply(ctx context.Context, c *call, method string, w data.Write) (data.Written, error) {
	switch method {
	case http.MethodPost:
		return h.gate.Insert(ctx, c.caller, w)
	case http.MethodPatch:
		return h.gate.Update(ctx, c.caller, w)
	}
	return h.gate.Delete(ctx, c.caller, w)
}

// answerWrite says what a write did, with the rows when they were asked for.
func (x *exchange) answerWrite(r *http.Request, c *call, w *data.Written) {
	if applied := c.prefer.applied(r.Method); applied != "" {
		x.set("Preference-Applied", applied)
	}
	x.header["Cache-Control"] = cacheNever
	if !c.byKey {
		shown := 0 // rows are numbered for updates alone
		if r.Method == http.MethodPatch {
			shown = w.Affected
		}
		x.set("Content-Range", rangeText(0, shown, int64(w.Affected), c.prefer.count))
	}
	if c.prefer.returns == returnRows {
		status := http.StatusOK
		if r.Method == http.MethodPost {
			status = http.StatusCreated
		}
		x.sendRows(r, c.object && !c.byKey, status, w.Body)
		return
	}
	if r.Method == http.MethodPost {
		x.header["Content-Length"] = zero
		x.WriteHeader(http.StatusCreated)
		return
	}
	x.WriteHeader(http.StatusNoContent)
}

// onlyKey finds the key of the one row of a representation, as text.
func onlyKey(w data.Written) (string, bool) {
	if w.Affected != 1 {
		return "", false
	}
	decoder := jsontext.NewDecoder(bytes.NewReader(w.Body))
	for {
		token, err := decoder.ReadToken()
		if err != nil {
			return "", false
		}
		if token.Kind() != '"' {
			continue // the brackets before the first member's name
		}
		if token.String() != "id" {
			return "", false
		}
		key, err := decoder.ReadToken()
		if err != nil || (key.Kind() != '"' && key.Kind() != '0') {
			return "", false
		}
		return key.String(), true
	}
}

// tooLarge is the fault of a body over a limit.
func tooLarge(limit int64) *fault.Fault {
	return fault.Newf(codeTooLarge, "the body is larger than %d bytes", limit)
}
