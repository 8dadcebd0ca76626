package rpc

import (
	"strings"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// thrown begins the message of what a text threw itself.
const thrown = "An error occurred: "

// results splits the answer to a query into those of its statements.
func results(answer []byte) ([][]byte, error) {
	r := wire.NewReader(answer)
	list := make([][]byte, r.Array())
	var failed *StatementError
	for i := range list {
		var status, kind string
		var result []byte
		for range r.Map() {
			switch string(r.String()) {
			case "status":
				status = string(r.String())
			case "kind":
				kind = string(r.String())
			case "result":
				result = r.Raw()
			default:
				r.Skip()
			}
		}
		list[i] = result
		if status == "OK" || r.Err() != nil {
			continue
		}
		e := &StatementError{Statement: i, Kind: kind, Message: string(wire.NewReader(result).String())}
		if kind == "Thrown" {
			e.Message = strings.TrimPrefix(e.Message, thrown)
		}
		// The others of a failed transaction say only that they were not run.
		if failed == nil || failed.Kind == "Query" && notRun(failed.Message) {
			failed = e
		}
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	if failed != nil {
		return list, failed
	}
	return list, nil
}

func notRun(message string) bool {
	return strings.HasPrefix(message, "The query was not executed")
}
