package engine

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/trigger"
)

// triggerStatus says how the functions stand that are called besides by requests.
func (e *Engine) triggerStatus(ctx context.Context) *admin.Triggers {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	runner := e.shared.triggers.Load()
	if runner == nil {
		return nil
	}
	s := runner.Status(ctx)
	if len(s.Functions) == 0 && s.Leads && s.Trouble == "" {
		return nil
	}
	t := &admin.Triggers{Leads: s.Leads, Trouble: s.Trouble}
	for i := range s.Functions {
		f := &s.Functions[i]
		t.Functions = append(t.Functions, admin.Trigger{
			Name: f.Name, Runs: f.Runs, Failures: f.Failures, Skipped: f.Skipped, Missed: f.Missed, Running: f.Running, Commits: f.Commits,
			Retries: f.Retries, Dead: f.Dead, Behind: f.Behind, Next: f.Next, Last: f.Last, Error: f.Error, ErrorAt: f.ErrorAt, Removed: f.Removed,
		})
	}
	return t
}

// Letters lists the dead letters of a function on the running server, after one of
// them; with an id, it is that one, with its event.
func Letters(ctx context.Context, server *admin.Client, function, id, after string, limit int) ([]trigger.Letter, error) {
	answer, err := server.Letters(ctx, function, id, after, limit)
	if err != nil {
		return nil, err
	}
	if err := heardFault(answer.Fault); err != nil {
		return nil, err
	}
	letters := []trigger.Letter{}
	if err := json.Unmarshal(answer.Letters, &letters); err != nil {
		return nil, errVersions.WithCause(err)
	}
	return letters, nil
}

// MoveLetters has dead letters tried again (admin.PathRetry) or thrown away
// (admin.PathDiscard) by the running server; no ids are all of them. It gives how
// many, and false where another node does it, in a moment.
func MoveLetters(ctx context.Context, server *admin.Client, path, function string, ids []string) (int, bool, error) {
	answer, err := server.MoveLetters(ctx, path, function, ids)
	if err == nil {
		err = heardFault(answer.Fault)
	}
	return answer.Count, answer.Now, err
}

// heardFault is a fault that the running server has told; nil for none.
func heardFault(raw json.RawMessage) error {
	if len(raw) == 0 {
		return nil
	}
	var heard *toldFault
	if err := json.Unmarshal(raw, &heard); err != nil {
		return errVersions.WithCause(err)
	}
	return heard.err()
}

// toldRaw is a fault as it is told; nil where the error is another.
func toldRaw(err error) json.RawMessage {
	heard := told(err)
	if heard == nil {
		return nil
	}
	raw, err := json.Marshal(heard)
	if err != nil {
		return nil
	}
	return raw
}

// mostLetters bounds a list of dead letters.
const mostLetters = 1000

// knowsFunction is a fault where nothing is called by a name, and nothing was.
func (e *Engine) knowsFunction(ctx context.Context, g *generation, name string) error {
	if g.manifest.Function(name) != nil {
		return nil
	}
	if runner := e.shared.triggers.Load(); runner != nil {
		if left, err := runner.Letters(ctx, name, "", 1); err != nil || len(left) > 0 {
			return err
		}
	}
	names := make([]string, 0, len(g.manifest.Functions))
	for i := range g.manifest.Functions {
		names = append(names, g.manifest.Functions[i].Name)
	}
	return fault.Newf("no-such-function", "there is no function %q", name).WithHint(fault.NearestHint(name, names, "edge-hive function list lists them"))
}

// answerLetters lists dead letters.
func (e *Engine) answerLetters(w http.ResponseWriter, r *http.Request, g *generation) {
	q := r.URL.Query()
	name := q.Get("function")
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil || limit < 1 || limit > mostLetters {
		limit = mostLetters
	}
	letters := []trigger.Letter{}
	err = e.knowsFunction(r.Context(), g, name)
	runner := e.shared.triggers.Load()
	switch id := q.Get("id"); {
	case err != nil:
	case runner == nil:
		err = trigger.CheckIDs(name, q["id"])
	case id != "":
		var one trigger.Letter
		one, err = runner.Letter(r.Context(), name, id)
		letters = append(letters, one)
	default:
		letters, err = runner.Letters(r.Context(), name, q.Get("after"), limit)
	}
	if e.failsPlain(w, err) {
		return
	}
	answer := admin.Letters{Fault: toldRaw(err)}
	if err == nil {
		if answer.Letters, err = json.Marshal(letters); e.failsPlain(w, err) {
			return
		}
	}
	e.answerJSON(w, answer)
}

// failsPlain answers an error that is no fault; false for others.
func (e *Engine) failsPlain(w http.ResponseWriter, err error) bool {
	if err == nil || told(err) != nil {
		return false
	}
	http.Error(w, err.Error(), http.StatusInternalServerError)
	return true
}

// answerMove has dead letters tried again, or thrown away.
func (e *Engine) answerMove(w http.ResponseWriter, r *http.Request, g *generation) {
	q := r.URL.Query()
	name, ids := q.Get("function"), q["id"]
	answer := admin.LettersAnswer{Now: true}
	err := e.knowsFunction(r.Context(), g, name)
	runner := e.shared.triggers.Load()
	switch {
	case err != nil:
	case runner == nil:
		err = trigger.CheckIDs(name, ids)
	case r.URL.Path == admin.PathRetry:
		answer.Count, answer.Now, err = runner.Retry(r.Context(), name, ids)
	default:
		answer.Count, answer.Now, err = runner.Discard(r.Context(), name, ids)
	}
	if e.failsPlain(w, err) {
		return
	}
	answer.Fault = toldRaw(err)
	e.answerJSON(w, answer)
}
