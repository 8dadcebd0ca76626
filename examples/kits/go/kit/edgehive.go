// Package edgehive is what a function in Go is written with:
//
//	func init() {
//		edgehive.Handle(func(event *edgehive.Event, answer *edgehive.Answer) error {
//			return answer.Text(200, "hello")
//		})
//	}
//
//	func main() {}
//
// What the package's variables hold after init is what every call begins with;
// nothing that a call leaves behind is there in the next.
package edgehive

import (
	"encoding/json"
	"errors"
	"fmt"
	"unsafe"
)

// Fault is what the host says of something that it refused or that failed. It is
// the error of every operation: errors.As finds it.
type Fault struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Details string `json:"details,omitempty"`
	Hint    string `json:"hint,omitempty"`
}

// Error is the message with its code.
func (f *Fault) Error() string {
	if f.Code == "" {
		return f.Message
	}
	return f.Code + ": " + f.Message
}

// CodeOf gives the code of a Fault, or "" where err is none.
func CodeOf(err error) string {
	var f *Fault
	if errors.As(err, &f) {
		return f.Code
	}
	return ""
}

// Handler answers one call. An error fails it: the caller sees that it failed, the
// log sees why. What the caller shall know belongs into the answer.
type Handler func(event *Event, answer *Answer) error

var handler Handler

// Handle says what answers calls. It is called once, by init.
func Handle(h Handler) {
	handler = h
	rehearse()
}

// rehearse reads and writes once what calls do. What the JSON package learns of types
// at their first use is then part of what every call begins with: it took most of a
// call. A function with types of its own does the same for them in its init.
func rehearse() {
	const sample = `{"kind":"request","id":"0","function":"f","depth":0,"trace":"",` +
		`"caller":{"role":"anon","uid":"","email":"","claims":{"a":1}},` +
		`"request":{"method":"GET","path":"/","route":"","params":{"a":"b"},"query":"a=b","headers":{"a":["b"]}},` +
		`"change":{"table":"t","op":"update","cursor":"0","row":{"a":1},"old":{"a":1}},` +
		`"schedule":{"cron":"","due":"2026-01-02T02:00:00+00:00"},"call":{"function":"f"}}`
	var event Event
	if json.Unmarshal([]byte(sample), &event) != nil {
		return // a call will say it
	}
	for _, value := range []any{
		answerHead{200, map[string][]string{"a": {"b"}}}, map[string]any{"a": "b"}, map[string]string{"a": "b"}, &Fault{Code: "a"},
	} {
		if _, err := json.Marshal(value); err != nil {
			return
		}
	}
}

// run is one call.
func run() int32 {
	if err := serve(); err != nil {
		text := err.Error()
		hostFail(address([]byte(text)), uint32(len(text)))
		return 1
	}
	return 0
}

func serve() error {
	if handler == nil {
		return errors.New("no handler: call edgehive.Handle in init")
	}
	var event Event
	if err := json.Unmarshal(input(0), &event); err != nil {
		return fmt.Errorf("read the event: %w", err)
	}
	answer := &Answer{}
	if err := handler(&event, answer); err != nil {
		return err
	}
	return answer.begin()
}

// address is where b lies; of an empty one somewhere, as nothing is read there.
func address(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }

// input reads what came with the call.
func input(part uint32) []byte {
	data := make([]byte, inputSize(part))
	if len(data) > 0 {
		data = data[:inputRead(part, 0, address(data), uint32(len(data)))]
	}
	return data
}

// result reads what the host answered.
func result(part uint32) []byte {
	data := make([]byte, resultSize(part))
	if len(data) > 0 {
		data = data[:resultRead(part, 0, address(data), uint32(len(data)))]
	}
	return data
}

// Do asks the host for an operation by its name: what the functions of this package
// are made of, for operations that it does not know yet. head is encoded as JSON, the
// answer's head decoded into reply unless that is nil; the answer's body is given.
func Do(op string, head any, body []byte, reply any) ([]byte, error) {
	encoded, err := json.Marshal(head)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	name := []byte(op)
	status := hostCall(address(name), uint32(len(name)), address(encoded), uint32(len(encoded)), address(body), uint32(len(body)))
	if status != 0 {
		fault := &Fault{}
		if err := json.Unmarshal(result(0), fault); err != nil {
			fault.Message = string(result(0))
		}
		return nil, fault
	}
	if reply != nil {
		if err := json.Unmarshal(result(0), reply); err != nil {
			return nil, fmt.Errorf("%s: read the answer: %w", op, err)
		}
	}
	return result(1), nil
}
