package web

import (
	"net/http"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

const searchPrefix = "/api/search/"

var (
	allowedOfSearch = []string{"OPTIONS,POST"}
	errSearchQuery  = fault.New(codeBadRequest, "a search in a body has no query").WithHint("say select, k and filter in the body")
)

// serveSearch answers /api/search/TABLE: a read whose search is in the body.
func (h *Handler) serveSearch(x *exchange, r *http.Request, name string) {
	x.route = "/api/search/{table}"
	c := call{native: true, table: name}
	if !h.enterTable(x, r, &c, http.MethodPost, allowedOfSearch) {
		return
	}
	f := c.judge(r)
	if f == nil && r.URL.RawQuery != "" {
		f = errSearchQuery
	}
	var body []byte
	if f == nil {
		body, f = h.readBody(x, r)
	}
	if f != nil {
		x.fail(r, f)
		return
	}
	var err error
	if c.request, err = h.gate.ParseSearch(c.caller, name, body); err != nil {
		x.failWith(r, err)
		return
	}
	ctx := x.deadline.within(r.Context(), x.began.Add(h.limits.timeout))
	defer x.deadline.end()
	h.read(ctx, x, r, &c)
}
