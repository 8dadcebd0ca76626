package web

import (
	"net/http"

	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
)

const batchPath = "/api/batch"

var allowedOfBatch = []string{"OPTIONS,POST"}

var (
	errBatchForm  = fault.New(codeMediaTypes, "a batch answers application/json alone").WithHint("leave Accept out, or name that type")
	errBatchMatch = fault.New(codePreference, "a batch has no If-Match").WithHint("a write of it takes an ifMatch")
	errBatchQuery = fault.New(codeBadRequest, "a batch has no query").WithHint("say where and select in each write")
)

// serveBatch answers /api/batch: several writes, all or nothing.
func (h *Handler) serveBatch(w http.ResponseWriter, r *http.Request) {
	x := w.(*exchange)
	x.route = batchPath
	c := call{native: true}
	if !h.enter(x, r, &c, http.MethodPost, allowedOfBatch) {
		return
	}
	if f := c.judgeBatch(r); f != nil {
		x.fail(r, f)
		return
	}
	body, f := h.readBody(x, r)
	if f != nil {
		x.fail(r, f)
		return
	}
	b := data.Batch{Body: body, Rollback: c.prefer.Rollback}
	if b.Once, f = once(x, r, body); f != nil {
		x.fail(r, f)
		return
	}
	ctx := x.deadline.within(r.Context(), x.began.Add(h.limits.timeout))
	defer x.deadline.end()
	done, err := h.gate.Batch(ctx, c.caller, b)
	if err != nil {
		x.failWith(r, err)
		return
	}
	if applied := c.prefer.applied(http.MethodPut); applied != "" { // of what a batch knows
		x.set("Preference-Applied", applied)
	}
	if done.Replayed {
		x.header["Idempotent-Replayed"] = replayed
	}
	x.header["Cache-Control"] = cacheNever
	x.send(r, typeJSON, http.StatusOK, done.Body)
}

// judgeBatch refuses what headers alone make impossible. What Prefer says of
// rows is said in each write here.
func (c *call) judgeBatch(r *http.Request) *fault.Fault {
	if object, f := wantsObject(r.Header["Accept"]); f != nil {
		return f
	} else if object {
		return errBatchForm
	}
	if len(r.Header["If-Match"])+len(r.Header["If-Unmodified-Since"]) > 0 {
		return errBatchMatch
	}
	if r.URL.RawQuery != "" {
		return errBatchQuery
	}
	said := parsePrefer(r.Header["Prefer"])
	c.prefer = preferences{data.Preferences{
		Rollback: said.Rollback, HasTx: said.HasTx, Strict: said.Strict, HasHandling: said.HasHandling, Invalid: said.Invalid,
	}}
	return c.prefer.Check()
}
