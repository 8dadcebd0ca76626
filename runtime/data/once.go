package data

import (
	"strconv"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// The codes of a key under which a write is done once.
const (
	CodeKeyReused = "idempotency-key-reused" // another request had it
	CodeBadKey    = "bad-idempotency-key"
)

// maxOnceKey bounds the key that a caller names a write by.
const maxOnceKey = 255

var (
	errKeyReused = fault.New(CodeKeyReused, "this Idempotency-Key was another request's").
			WithHint("make a new key for each new request, and repeat a request unchanged")
	errOnceKey = fault.Newf(CodeBadKey, "an Idempotency-Key has 1 to %d printable ASCII characters", maxOnceKey).WithHint("a new uuid will do")
)

// Once names a write, so that its repetition gives the first one's answer and
// changes nothing.
type Once struct {
	Key string
	// Request tells requests apart.
	Request [32]byte
	// Client is the network that the request comes from. A caller who is nobody
	// in particular shares his keys with that network alone.
	Client string
}

// named binds a name to its caller, so that nobody meets another's answer.
func (o *Once) named(caller *auth.Caller) (*query.Once, error) {
	if o == nil {
		return nil, nil
	}
	if len(o.Key) == 0 || len(o.Key) > maxOnceKey {
		return nil, errOnceKey
	}
	for i := range len(o.Key) {
		if o.Key[i] < ' ' || o.Key[i] > '~' {
			return nil, errOnceKey
		}
	}
	who := caller.UID
	if who == "" {
		who = o.Client
	}
	if caller.IsService() {
		who = ""
	}
	// Roles hold no blank, and the length says where the name ends.
	key := string(caller.Role) + " " + strconv.Itoa(len(who)) + ":" + who + " " + o.Key
	return &query.Once{Key: key, Request: o.Request}, nil
}
