package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

// The ways to dead letters: changes that a function has failed for, for good.
const (
	PathLetters = "/function/dead"    // GET ?function=&after=&limit=, or &id=: a Letters
	PathRetry   = "/function/retry"   // POST ?function=&id=...: a LettersAnswer
	PathDiscard = "/function/discard" // POST ?function=&id=...: the same
)

// Letters are dead letters (trigger.Letter), or why there are none to be told.
type Letters struct {
	Letters json.RawMessage `json:"letters,omitempty"`
	Fault   json.RawMessage `json:"fault,omitempty"` // of the engine's
}

// LettersAnswer says what became of dead letters.
type LettersAnswer struct {
	Count int `json:"count"`
	// Now is false where another node does it, in a moment.
	Now   bool            `json:"now"`
	Fault json.RawMessage `json:"fault,omitempty"`
}

// Letters asks for the dead letters of a function after one of them, or for one
// with its event where id says which.
func (c *Client) Letters(ctx context.Context, function, id, after string, limit int) (Letters, error) {
	ask := url.Values{"function": {function}, "id": {id}, "after": {after}, "limit": {strconv.Itoa(limit)}}
	var letters Letters
	return letters, c.call(ctx, http.MethodGet, PathLetters+"?"+ask.Encode(), &letters)
}

// MoveLetters has dead letters tried again or thrown away, as path says; no ids are
// all of them.
func (c *Client) MoveLetters(ctx context.Context, path, function string, ids []string) (LettersAnswer, error) {
	var answer LettersAnswer
	if path != PathRetry && path != PathDiscard {
		return answer, fmt.Errorf("there is no way %q for dead letters", path)
	}
	ask := url.Values{"function": {function}, "id": ids}
	return answer, c.call(ctx, http.MethodPost, path+"?"+ask.Encode(), &answer)
}
