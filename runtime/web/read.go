package web

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/cache"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
)

// read answers GET and HEAD.
func (h *Handler) read(ctx context.Context, x *exchange, r *http.Request, c *call) {
	if !c.byKey {
		part, ok, f := rangeOf(r)
		if f != nil {
			x.fail(r, f)
			return
		}
		if ok {
			c.request = narrow(c.request, part)
		}
	}
	answer, err := h.gate.Select(ctx, c.caller, data.Read{
		Table: c.table, Request: c.request, Key: c.key, HasKey: c.byKey, Single: c.object, Count: c.prefer.Count, Form: c.form,
	})
	if err != nil {
		x.failRead(r, c, err)
		return
	}
	x.answerRead(r, c, &answer)
}

// failRead answers an error; by key, a row that is hidden or absent is 404.
func (x *exchange) failRead(r *http.Request, c *call, err error) {
	if c.byKey && fault.Is(err, data.CodeNotSingle) {
		x.failStatus(r, noSuchRow(c.table), http.StatusNotFound)
		return
	}
	x.failWith(r, err)
}

func noSuchRow(table string) *fault.Fault {
	return fault.Newf(data.CodeNotSingle, "no row of %q has this key", table).WithDetails("The result contains 0 rows")
}

func (x *exchange) answerRead(r *http.Request, c *call, a *data.Answer) {
	x.set("X-Cache", string(a.Status))
	if applied := c.prefer.applied(r.Method); applied != "" {
		x.set("Preference-Applied", applied)
	}
	status := http.StatusOK
	switch {
	case c.byKey:
	case c.request != nil && c.request.Paged: // no page knows how many rows are before it
		x.nextPage(r, a.Next)
		if c.prefer.Count {
			x.set("Content-Range", rangeText(0, 0, a.Count, true))
		}
	default:
		var within bool
		if status, within = x.setRange(r, c, a.Offset, a.Rows, a.Count); !within {
			return
		}
	}
	x.header["Cache-Control"] = cacheValidate
	// A count is not in the body, so the tag of the body does not vouch for it.
	if a.ETag != "" && !c.prefer.Count && x.unchanged(r, a.ETag, len(a.Body)) {
		return
	}
	x.sendEntry(r, c.contentType(), status, a.Entry, a.Status)
}

// setRange says which of all rows are answered, and with which status; an offset
// beyond the last is answered with its fault: false.
func (x *exchange) setRange(r *http.Request, c *call, offset, rows int, total int64) (status int, within bool) {
	contentRange, status := readRange(offset, rows, total, c.prefer.Count)
	if status == http.StatusRequestedRangeNotSatisfiable {
		x.fail(r, outOfRange(offset, total))
		return status, false
	}
	x.set("Content-Range", contentRange)
	return status, true
}

// nextPage says where the page after this one is.
func (x *exchange) nextPage(r *http.Request, cursor string) {
	if cursor == "" {
		return
	}
	x.set("Next-Page", cursor)
	var link strings.Builder
	link.WriteString("<" + r.URL.EscapedPath() + "?")
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if pair == "" || name == "_page" || name == "apikey" {
			continue
		}
		link.WriteString(linkable.Replace(pair) + "&")
	}
	link.WriteString("_page=" + cursor + `>; rel="next"`)
	x.set("Link", link.String())
}

// linkable escapes what ends a link's address.
var linkable = strings.NewReplacer("<", "%3C", ">", "%3E", `"`, "%22", " ", "%20")

// contentType is that of the rows that a call answers.
func (c *call) contentType() []string {
	switch {
	case c.form == data.CSV:
		return typeCSV
	case c.object && !c.byKey:
		return typeObject
	}
	return typeJSON
}

// send sends a whole body.
func (x *exchange) send(r *http.Request, contentType []string, status int, body []byte) {
	x.sendKept(r, contentType, status, body, nil, 0)
}

// sendEntry sends the body of an answer. One that is kept keeps what it became in
// content codings.
func (x *exchange) sendEntry(r *http.Request, contentType []string, status int, entry *cache.Entry, found cache.Status) {
	if found == cache.Bypass {
		x.sendKept(r, contentType, status, entry.Body, nil, 0)
		return
	}
	x.sendKept(r, contentType, status, entry.Body, &entry.Codings, entry.Room())
}

// sendKept sends a whole body. Codings, when given, has it in content codings, and
// keeps more of them within room.
func (x *exchange) sendKept(r *http.Request, contentType []string, status int, body []byte, codings *cache.Codings, room int) {
	x.header["Content-Type"] = contentType
	length := len(body)
	if x.compress != nil {
		body, length = x.encodeBody(status, body, codings, room)
	}
	if length >= 0 {
		x.set("Content-Length", strconv.Itoa(length))
	}
	x.WriteHeader(status)
	if r.Method != http.MethodHead {
		// A client that is gone is noticed by net/http.
		_, _ = x.Write(body)
	}
}

// readRange is the Content-Range of a read, and its status.
func readRange(offset, rows int, total int64, counted bool) (string, int) {
	status := http.StatusOK
	if counted {
		switch {
		case int64(offset) > total:
			return "", http.StatusRequestedRangeNotSatisfiable
		case int64(rows) < total:
			status = http.StatusPartialContent
		}
	}
	return rangeText(offset, rows, total, counted), status
}

// rangeText writes from-to/total, with * for what is not there.
func rangeText(offset, rows int, total int64, counted bool) string {
	var space [48]byte
	b := space[:0]
	if rows > 0 {
		b = strconv.AppendInt(b, int64(offset), 10)
		b = append(b, '-')
		b = strconv.AppendInt(b, int64(offset+rows-1), 10)
	} else {
		b = append(b, '*')
	}
	b = append(b, '/')
	if counted {
		b = strconv.AppendInt(b, total, 10)
	} else {
		b = append(b, '*')
	}
	return string(b)
}

func outOfRange(offset int, total int64) *fault.Fault {
	return fault.New(codeRange, "Requested range not satisfiable").
		WithDetails("An offset of " + strconv.Itoa(offset) + " was requested, but there are only " + strconv.FormatInt(total, 10) + " rows.")
}
