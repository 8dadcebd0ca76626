package rpc

// Patient are options with which a server that is silent is waited for, as that of
// the tests may be on a machine that does much besides.
func Patient(o Options) Options {
	o.silent = lostTicks
	return o
}

// MaxPending is how many requests may wait on one connection.
const MaxPending = maxPending

// Waiting is how many requests wait.
func Waiting(c *Client) int {
	n := 0
	for _, l := range c.lanes {
		if at := l.current.Load(); at != nil {
			n += int(at.waiting.Load())
		}
	}
	return n
}

// Open is how many connections take requests.
func Open(c *Client) int {
	n := 0
	for _, l := range c.lanes {
		if at := l.current.Load(); at != nil && at.broken() == nil {
			n++
		}
	}
	return n
}
