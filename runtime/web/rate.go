package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/web/rates"
)

var errRate = fault.New(rates.Code, "too many requests").WithHint("wait as long as Retry-After says")

// count charges a request to its rate, says what is left, and reports whether it
// may go on; otherwise it is answered.
func (h *Handler) count(x *exchange, r *http.Request, t *rates.Rate, caller *auth.Caller) bool {
	v := h.limiter.Count(r.Context(), t, caller, x.client, x.began)
	x.set("Ratelimit-Limit", strconv.Itoa(v.Limit))
	x.set("Ratelimit-Remaining", strconv.Itoa(v.Remaining))
	x.set("Ratelimit-Reset", strconv.Itoa(seconds(v.Reset)))
	if v.Allowed {
		return true
	}
	x.set("Retry-After", strconv.Itoa(max(seconds(v.Retry), 1)))
	if h.meter != nil {
		h.meter.RateLimited(t.Name())
	}
	x.fail(r, errRate)
	return false
}

// seconds rounds up, for headers that know nothing smaller.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
