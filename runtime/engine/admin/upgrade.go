package admin

import (
	"context"
	"net/http"
	"net/url"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// UpgradeAnswer is what an upgrade did, or why it was not done.
type UpgradeAnswer struct {
	// PID is the process that serves now; 0 where none has taken over.
	PID int `json:"pid,omitempty"`
	// Held is for how long requests waited, and Took what all of it took: Go
	// durations.
	Held string `json:"held,omitempty"`
	Took string `json:"took"`
	// Error and Hint say why none has taken over; Faults, where its manifest was at
	// fault.
	Error string `json:"error,omitempty"`
	Hint  string `json:"hint,omitempty"`
	fault.Report
}

// Upgrade makes the backend put a program in its own place, "" for the one that it
// was started with. One that fails is an answer, not an error.
func (c *Client) Upgrade(ctx context.Context, program string) (UpgradeAnswer, error) {
	var answer UpgradeAnswer
	return answer, c.call(ctx, http.MethodPost, PathUpgrade+"?"+url.Values{"program": {program}}.Encode(), &answer)
}
