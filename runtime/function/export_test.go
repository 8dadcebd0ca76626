package function

import (
	"net/http"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// ShortenInitialTime makes instances have less time to be made, for a test.
func ShortenInitialTime(t *testing.T, d time.Duration) {
	before := initialTime
	initialTime = d
	t.Cleanup(func() { initialTime = before })
}

// CommandHead reads what a program wrote.
var CommandHead = commandHead

// Head reads the head of an answer.
func Head(text []byte) (int, http.Header, *fault.Fault) {
	var a answer
	f := a.setHead(text)
	return a.status, a.header, f
}

// AnyHead reads it without the short way.
func AnyHead(text []byte) (int, http.Header, *fault.Fault) {
	var a answer
	f := a.setAnyHead(text)
	return a.status, a.header, f
}
