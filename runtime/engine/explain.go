package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/check"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// ExplainAsk is what is asked over the admin socket: a question, and for whom.
type ExplainAsk struct {
	Caller   auth.Caller
	Question data.Question
}

// Explain says why a caller may, or may not, do something: by the rows of the
// running backend, or of its database when none runs. It changes nothing. A
// question that cannot be answered is a *fault.Fault.
func Explain(ctx context.Context, m *manifest.Manifest, ask ExplainAsk) (*data.Explanation, error) {
	question, err := json.Marshal(ask)
	if err != nil {
		return nil, err
	}
	answer, err := admin.NewClient(m.DataDir()).Explain(ctx, question)
	if errors.Is(err, admin.ErrNotRunning) {
		return explainStored(ctx, m, ask)
	}
	if err != nil {
		return nil, err
	}
	var reply explainReply
	if err := json.Unmarshal(answer, &reply); err != nil {
		return nil, fmt.Errorf("read the running server's answer: %w", err)
	}
	return reply.Explanation, reply.Fault.err()
}

// explainReply is an explanation, or why there is none.
type explainReply struct {
	Explanation *data.Explanation `json:"explanation,omitempty"`
	Fault       *toldFault        `json:"fault,omitempty"`
}

// explainStored asks the database of a backend that does not run; where there
// is none yet, an empty one in memory.
func explainStored(ctx context.Context, m *manifest.Manifest, ask ExplainAsk) (_ *data.Explanation, err error) {
	checked, faults := check.Check(m)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	view, done, err := openToExplain(ctx, m, checked)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, done()) }()
	gate, err := data.New(data.Options{Manifest: m, Schema: checked.Schema, Rules: checked.Rules, View: view})
	if err != nil {
		return nil, fmt.Errorf("build the gate: %w", err)
	}
	return gate.Explain(ctx, &ask.Caller, ask.Question)
}

// openToExplain opens the database, or one in memory where there is none yet.
func openToExplain(ctx context.Context, m *manifest.Manifest, checked *check.Checked) (store.View, func() error, error) {
	if neverMade(m) {
		return openEmpty(ctx, m, checked)
	}
	db, view, err := openStored(ctx, m, checked)
	if err != nil {
		return nil, nil, err
	}
	return view, func() error { return errors.Join(view.Close(), db.Close()) }, nil
}

// maxQuestion bounds a question, in bytes.
const maxQuestion = 16 << 20

// answerExplain explains by the generation that serves.
func (e *Engine) answerExplain(w http.ResponseWriter, r *http.Request, g *generation) {
	var ask ExplainAsk
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxQuestion)).Decode(&ask); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	explanation, err := g.gate.Explain(r.Context(), &ask.Caller, ask.Question)
	reply := explainReply{Explanation: explanation, Fault: told(err)}
	if err != nil && reply.Fault == nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	e.answerJSON(w, reply)
}

// CallerOf is the user as the caller that his token makes of him.
func CallerOf(user admin.User) auth.Caller {
	claims := string(user.App)
	if claims == "null" {
		claims = ""
	}
	return auth.Caller{Role: auth.Authenticated, UID: user.ID, Email: user.Email, Claims: cmp.Or(claims, "{}")}
}
