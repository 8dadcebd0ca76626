package engine

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/engine/handover"
	"github.com/edge-hive/edge-hive/runtime/fault"
)

// answerUpgrade upgrades, and says how it went.
func (e *Engine) answerUpgrade(w http.ResponseWriter, r *http.Request) {
	done, err := e.Upgrade(r.Context(), r.URL.Query().Get("program"))
	answer := admin.UpgradeAnswer{Took: done.Took.Round(time.Millisecond).String(), Report: fault.NewReport(nil, "")}
	if err == nil {
		answer.PID, answer.Held = done.PID, done.Held.Round(time.Millisecond).String()
		e.answerJSON(w, answer)
		return
	}
	answer.Error = err.Error()
	var failure *handover.Failure
	var refused *fault.Fault
	switch {
	case errors.As(err, &failure):
		answer.Hint = failure.Hint
		if len(failure.Report) > 0 {
			if err := json.Unmarshal(failure.Report, &answer.Report); err != nil {
				e.log.Warn("the new program's faults cannot be read", "error", err)
			}
		}
	case errors.As(err, &refused):
		answer.Error, answer.Hint = refused.Message, refused.Hint
	}
	e.answerJSON(w, answer)
}

// counted waits for no request that begins while an upgrade ends what it asks, and
// lets the upgrade wait for those that run. The request for the upgrade itself, and
// profiles, need nothing of that.
func (e *Engine) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == admin.PathUpgrade || strings.HasPrefix(r.URL.Path, admin.PathPprof) {
			next.ServeHTTP(w, r)
			return
		}
		if !e.asked.take() {
			http.Error(w, errUpgrading.Message, http.StatusServiceUnavailable)
			return
		}
		defer e.asked.give()
		next.ServeHTTP(w, r)
	})
}
