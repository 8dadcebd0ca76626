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
		MissingDefault: c.prefer.MissingDefault,
		Representation: c.prefer.Returns == data.ReturnRows,
		Single:         c.object,
		Unfiltered:     c.native,
		AtMost:         c.prefer.bound(r.Method),
		Rollback:       c.prefer.Rollback,
		Match:          c.match,
		Form:           c.form,
	}
	if r.Method == http.MethodPost {
		w.Resolution = c.prefer.Resolution
	}
	if r.Method != http.MethodDelete {
		body, f := h.readBody(x, r)
		if f != nil {
			x.fail(r, f)
			return
		}
		w.Body = body
	}
	var f *fault.Fault
	if w.Once, f = once(x, r, w.Body); f != nil {
		x.fail(r, f)
		return
	}
	located := r.Method == http.MethodPost && c.prefer.Returns == data.ReturnHeaders
	if located { // the key is in the rows alone
		w.Representation, w.Request, w.Form = true, withoutSelect(w.Request), data.JSON
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
	if w.Replayed {
		x.header["Idempotent-Replayed"] = replayed
	}
	if !c.byKey {
		shown := 0 // rows are numbered for updates alone
		if r.Method == http.MethodPatch {
			shown = w.Affected
		}
		x.set("Content-Range", rangeText(0, shown, int64(w.Affected), c.prefer.Count))
	}
	status := writtenStatus(r.Method, c, w)
	if c.prefer.Returns == data.ReturnRows {
		x.send(r, c.contentType(), status, w.Body)
		return
	}
	if r.Method == http.MethodPost {
		x.header["Content-Length"] = zero
	}
	x.WriteHeader(status)
}

// writtenStatus is 201 for new rows, 200 where all of them were there already
// and were merged, or are shown, and else 204.
func writtenStatus(method string, c *call, w *data.Written) int {
	merged := c.prefer.Resolution == data.Merge && w.Affected > 0 && w.Inserted == 0
	switch {
	case method == http.MethodPost && !merged:
		return http.StatusCreated
	case method == http.MethodPost || c.prefer.Returns == data.ReturnRows:
		return http.StatusOK
	}
	return http.StatusNoContent
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
	return fault.Newf(codeTooLarge, "the body is larger than %d bytes", limit).
		WithHint("send it in parts; limits.body of the manifest says how much may come at once")
}
