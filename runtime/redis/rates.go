package redis

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// takeText counts by the generic cell rate algorithm, in microseconds of the
// server's clock: what is kept is when the allowance is whole again. KEYS[1]: the
// caller's. ARGV: the time that each request takes, the window, how many are asked
// for, how many are given back. It gives how many are allowed, how many more would
// be, when the allowance is whole, and when one is allowed again.
var takeText = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local each, window, most, back = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local full = math.min(tonumber(redis.call('GET', KEYS[1]) or 0), now + window)
full = math.max(full - back * each, now)
local room = math.floor((now + window - full) / each)
local given = math.min(most, room)
full = full + given * each
if full > now then
	redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
end
local again = 0
if given == 0 then
	again = full + each - now - window
end
return {given, math.floor((now + window - full) / each), full - now, again}
`)

// Take draws requests for a caller from the count that all nodes have in common:
// at most so many of requests in window, and none where it is used up; back are
// those that were drawn before and not used. It gives how many are drawn, how many
// are left for others, when the allowance is whole, and when to ask again where
// none was drawn. An error means that nobody knows: count alone.
func (c *Client) Take(ctx context.Context, caller []byte, requests int, window time.Duration, most, back int) (drawn, left int, full, again time.Duration, err error) {
	each := max(window.Microseconds()/int64(requests), 1)
	var out []int64
	name := c.keys.hashed(letterRate, c.keys.rate, string(caller))
	err = c.ask(ctx, "rate", func(ctx context.Context) error {
		var err error
		out, err = takeText.Run(ctx, c.redis(), []string{name}, each, window.Microseconds(), most, back).Int64Slice()
		if err == nil && len(out) != 4 {
			err = errors.New("the count of a rate is no count")
		}
		return err
	})
	if err != nil {
		return 0, 0, 0, 0, err
	}
	return int(out[0]), int(out[1]), time.Duration(out[2]) * time.Microsecond, time.Duration(out[3]) * time.Microsecond, nil
}
