package surreal

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
)

// The server does not hear of a caller who is gone: no request stops a statement
// that runs, the cancel of its transaction only some, and a connection, whose end
// may stop it, carries the requests of many. What the server minds is the TIMEOUT
// of a select or a write, with everything inside of it; so texts get the time that
// their caller has left. Only what is computed of the up to thousand rows that were
// read together, without reading others, runs on until it is done.

// tookTooLong is in the message of a statement that its TIMEOUT ended.
const tookTooLong = "exceeded the timeout"

// left is how many milliseconds a context has left, 0 where it has no end. They are
// some less, so that the answer comes in time: it says that nothing was done.
func left(ctx context.Context) int64 {
	end, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	milliseconds := time.Until(end).Milliseconds()
	return max(milliseconds-milliseconds/16, 1)
}

// timeout writes the bound of a select, at its end; 0 is none.
func (c *compiler) timeout(milliseconds int64) {
	if milliseconds > 0 {
		c.text(" TIMEOUT " + strconv.FormatInt(milliseconds, 10) + "ms")
	}
}

// timed writes a select within a condition or value, with the bound of those
// that stand in no other one.
func (c *compiler) timed(body func()) {
	milliseconds := c.time
	c.time = 0
	body()
	c.time = milliseconds
	c.timeout(milliseconds)
}

// timedly writes conditions or values without a row, whose selects have the time
// that is left of a context.
func (c *compiler) timedly(ctx context.Context, body func()) {
	c.time = left(ctx)
	body()
	c.time = 0
}

// isTimeout reports an error of a statement that its TIMEOUT ended.
func isTimeout(err error) bool {
	var failed *rpc.StatementError
	return errors.As(err, &failed) && strings.Contains(failed.Message, tookTooLong)
}
