package rpc

import (
	"errors"
	"fmt"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

const (
	// thrown begins the message of what a text threw itself.
	thrown = "An error occurred: "
	// What a server says that did not begin with a request.
	saysStopping   = "The server is gracefully shutting down"
	saysOverloaded = "The server is unable to handle the request"
	saysExpired    = "The session has expired"
)

var errStopping = errors.New("the server is stopping")

// errExpired is the error of a request that was not done because its
// connection's session has ended.
var errExpired = errors.New("the session with SurrealDB has ended")

// maxResults is for how many statements there is room before they are seen.
const maxResults = 64

// results splits the answer to a query into those of its statements.
func results(answer []byte) ([][]byte, error) {
	r := wire.NewReader(answer)
	n := r.Array()
	list := make([][]byte, 0, min(n, maxResults))
	var failed *StatementError
	for i := 0; i < n && r.Err() == nil; i++ {
		ok := false
		e := StatementError{Statement: i}
		var result []byte
		for left := r.Map(); left > 0 && r.Err() == nil; left-- {
			switch string(r.String()) {
			case "status":
				ok = string(r.String()) == "OK"
			case "kind":
				e.Kind = string(r.String())
			case "details":
				e.Details = r.Raw()
			case "result":
				result = r.Raw()
			default:
				r.Skip()
			}
		}
		list = append(list, result)
		// The others of a failed transaction say only that they were not run.
		if ok || failed != nil && (failed.Kind != "Query" || !notRun(failed.Message)) {
			continue
		}
		if e.Message = string(wire.NewReader(result).String()); e.Kind == "Thrown" {
			e.Message = strings.TrimPrefix(e.Message, thrown)
		}
		failed = &e
	}
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("the answer to a query: %w", err)
	}
	if n == 0 { // every text has a statement
		return nil, fmt.Errorf("the answer to a query: %w: no results", wire.ErrMalformed)
	}
	if failed != nil {
		return list, failed
	}
	return list, nil
}

// notRun reports what is said of a statement for another's failure. One that took
// too long "was not executed because" of itself.
func notRun(message string) bool {
	return strings.HasPrefix(message, "The query was not executed due to a ")
}

// refusal is the error in an answer to a whole request.
func refusal(answer []byte, n *connection) error {
	e := StatementError{Statement: WholeText, Kind: "Internal"}
	r := wire.NewReader(answer)
	for left := r.Map(); left > 0 && r.Err() == nil; left-- {
		switch string(r.String()) {
		case "message":
			e.Message = string(r.String())
		case "kind":
			e.Kind = string(r.String())
		case "details":
			e.Details = r.Raw()
		default:
			r.Skip()
		}
	}
	switch {
	case r.Err() != nil:
		return fmt.Errorf("the error of a request: %w", r.Err())
	case e.Message == saysStopping:
		return n.unavailable(false, errStopping)
	case e.Message == saysOverloaded:
		return fmt.Errorf("%w: %s", ErrOverloaded, saysOverloaded)
	case strings.Contains(e.Message, saysExpired):
		return errExpired
	}
	return &e
}
