package rpc

import (
	"errors"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// statement appends what a server says of one statement.
func statement(dst []byte, ok bool, kind, result string) []byte {
	status := "ERR"
	if ok {
		status = "OK"
	}
	dst = wire.AppendMap(dst, 4)
	dst = wire.AppendString(wire.AppendString(dst, "kind"), kind)
	dst = wire.AppendString(wire.AppendString(dst, "result"), result)
	dst = wire.AppendString(wire.AppendString(dst, "status"), status)
	return wire.AppendString(wire.AppendString(dst, "time"), "1ms")
}

func TestResultsTellWhatFailedATransaction(t *testing.T) {
	b := wire.AppendArray(nil, 4)
	b = statement(b, true, "", "fine")
	b = statement(b, false, "Query", "The query was not executed due to a failed transaction")
	b = statement(b, false, "Thrown", "An error occurred: no")
	b = statement(b, false, "Query", "The query was not executed due to a failed transaction")
	list, err := results(b)
	var e *StatementError
	if !errors.As(err, &e) || e.Statement != 2 || e.Kind != "Thrown" || e.Message != "no" || len(list) != 4 {
		t.Errorf("got %v, %+v", list, e)
	}
}

// One that took too long failed by itself.
func TestResultsTellWhatTookTooLong(t *testing.T) {
	const message = "The query was not executed because it exceeded the timeout: 1s"
	b := wire.AppendArray(nil, 3)
	b = statement(b, false, "Query", "The query was not executed due to a failed transaction")
	b = statement(b, false, "Query", message)
	b = statement(b, false, "Query", "The query was not executed due to a cancelled transaction")
	_, err := results(b)
	var e *StatementError
	if !errors.As(err, &e) || e.Statement != 1 || e.Message != message {
		t.Errorf("got %+v", e)
	}
}

func FuzzMessages(f *testing.F) {
	ok := statement(wire.AppendArray(nil, 1), true, "", "fine")
	f.Add(ok)
	f.Add(statement(wire.AppendArray(nil, 1), false, "Thrown", "no"))
	f.Add(append(wire.AppendString(wire.AppendInt(wire.AppendString(wire.AppendMap(nil, 2), "id"), 7), "result"), ok...))
	f.Add(wire.AppendNull(wire.AppendString(wire.AppendMap(nil, 1), "error")))
	f.Add([]byte{0x9b, 0, 0, 0, 0, 0, 0, 0, 9, 1, 1, 1, 1, 1, 1, 1, 1, 1})
	n := &connection{client: &Client{endpoint: &endpoint{}}, pending: map[uint64]*call{}}
	f.Fuzz(func(t *testing.T, b []byte) {
		list, _ := results(b)
		total := 0
		for _, result := range list {
			total += len(result)
		}
		if total > len(b) || cap(list) > max(2*len(b), maxResults) {
			t.Fatalf("%d results of %d bytes from %d", cap(list), total, len(b))
		}
		if e, err := readEnvelope(b); err == nil && len(e.result) > len(b) {
			t.Fatal("a result is longer than its message")
		}
		_ = liveID(b)
		_ = refusal(b, n)
		_ = n.receive(b)
	})
}
