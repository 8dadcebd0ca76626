package engine

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// History reads the migrations of a running server, or of the database when
// none runs, the first one first.
func History(ctx context.Context, from Source) ([]plan.Record, error) {
	raw, err := from.Server.History(ctx)
	switch {
	case errors.Is(err, admin.ErrNotRunning) && from.Manifest != nil:
		found, err := inspect(ctx, from.Manifest)
		return found.History, err
	case err != nil:
		return nil, err
	}
	records := []plan.Record{}
	if err := json.Unmarshal(raw, &records); err != nil {
		return nil, errVersions.WithCause(err)
	}
	return records, nil
}

// answerHistory gives the migrations.
func (e *Engine) answerHistory(w http.ResponseWriter, r *http.Request) {
	records, err := e.shared.store.History(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	e.answerJSON(w, records)
}
