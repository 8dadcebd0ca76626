package redis

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/edge-hive/edge-hive/runtime/cache"
)

// mostDoubtful bounds the keys that are remembered while the server is away; past
// it all values go when it comes back.
const mostDoubtful = 10_000

// Values are those that functions keep, the same on all nodes. Each call is
// atomic in the server. While it is away there are none: nothing is found,
// nothing is kept, and a sum is an error; for a node that went on by itself would
// tell two callers that each is the first, and go back to what was before when
// the server is there again. What was changed meanwhile, or may have been, is
// gone then; so is everything when the server has become another, or was started
// again: it may hold what was there an hour ago.
type Values struct {
	client *Client

	mu       sync.Mutex
	doubtful map[string]struct{} // keys whose change the server may not have
	all      bool                // every key is
	swept    string              // the era whose leftovers are gone
}

var _ cache.Values = (*Values)(nil)

func newValues(c *Client) *Values { return &Values{client: c, doubtful: map[string]struct{}{}} }

// name is a key's: it changes with the era, so that nothing of an earlier one is
// met.
func (v *Values) name(on *link, key string) string {
	k := &v.client.keys
	return k.hashed(letterValue+on.servers.now()+":", k.value, key)
}

// doubt remembers that a change may not have arrived.
func (v *Values) doubt(name string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.doubtful) >= mostDoubtful {
		v.all = true
		return
	}
	v.doubtful[name] = struct{}{}
	if v.client.Up() {
		v.client.breaker.wake()
	}
}

// doubts reports that there is something to mend.
func (v *Values) doubts() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.all || len(v.doubtful) > 0
}

// Get implements cache.Values.
func (v *Values) Get(ctx context.Context, key string) (cache.Value, bool) {
	on := v.client.redis()
	name := v.name(on, key)
	var text *redis.StringCmd
	var left *redis.DurationCmd
	err := v.client.ask(ctx, "value", func(ctx context.Context) error {
		_, err := on.Pipelined(ctx, func(p redis.Pipeliner) error {
			text, left = p.Get(ctx, name), p.PTTL(ctx, name)
			return nil
		})
		return err
	})
	if err != nil {
		return cache.Value{}, false
	}
	value := cache.Value{Bytes: []byte(text.Val())}
	if d := left.Val(); d > 0 {
		value.Expires = time.Now().Add(d)
	}
	return value, true
}

// Set implements cache.Values.
func (v *Values) Set(ctx context.Context, key string, value []byte, ttl time.Duration, ifAbsent bool) bool {
	on := v.client.redis()
	name, kept := v.name(on, key), false
	err := v.client.ask(ctx, "value", func(ctx context.Context) error {
		args := redis.SetArgs{TTL: ttl}
		if ifAbsent {
			args.Mode = "NX"
		}
		text, err := on.SetArgs(ctx, name, value, args).Result()
		kept = err == nil && text == "OK"
		return err
	})
	if isTrouble(err) {
		v.doubt(name)
		return false
	}
	return kept
}

// Delete implements cache.Values.
func (v *Values) Delete(ctx context.Context, key string) bool {
	on := v.client.redis()
	name, found := v.name(on, key), false
	err := v.client.ask(ctx, "value", func(ctx context.Context) error {
		n, err := on.Del(ctx, name).Result()
		found = n > 0
		return err
	})
	if isTrouble(err) {
		v.doubt(name)
	}
	return found
}

// addText adds to a number and gives the sum as text, for Lua's numbers have 53
// bits.
var addText = redis.NewScript(`
if redis.call('EXISTS', KEYS[1]) == 0 then
	if tonumber(ARGV[2]) > 0 then
		redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
	else
		redis.call('SET', KEYS[1], ARGV[1])
	end
	return ARGV[1]
end
local done = redis.pcall('INCRBY', KEYS[1], ARGV[1])
if type(done) == 'table' and done.err then
	return done
end
return redis.call('GET', KEYS[1])
`)

// Add implements cache.Values.
func (v *Values) Add(ctx context.Context, key string, by int64, ttl time.Duration) (int64, error) {
	on := v.client.redis()
	name := v.name(on, key)
	var sum int64
	err := v.client.ask(ctx, "value", func(ctx context.Context) error {
		text, err := addText.Run(ctx, on, []string{name}, strconv.FormatInt(by, 10), ttl.Milliseconds()).Text()
		if err == nil {
			sum, err = strconv.ParseInt(text, 10, 64)
		}
		return err
	})
	switch {
	case err == nil:
		return sum, nil
	case isTrouble(err):
		v.doubt(name)
		return 0, cache.ErrAway
	case strings.Contains(err.Error(), "overflow"):
		return 0, cache.ErrTooMuch
	}
	return 0, cache.ErrNotNumber
}

// Close implements cache.Values: the values stay, for the other nodes.
func (v *Values) Close() error { return nil }

const mendAtOnce = 500

// tidy takes away what is left of earlier eras, which nobody meets.
func (v *Values) tidy(ctx context.Context, by *link) error {
	era := by.servers.now()
	v.mu.Lock()
	done := v.swept == era
	v.swept = era
	v.mu.Unlock()
	if done || era == "" {
		return nil
	}
	return sweep(ctx, by, v.client.keys.prefix+letterValue, v.client.keys.prefix+letterValue+era+":")
}

// mend takes away what is doubtful.
func (v *Values) mend(ctx context.Context, by *link) error {
	v.mu.Lock()
	all := v.all
	names := make([]string, 0, len(v.doubtful))
	for name := range v.doubtful {
		names = append(names, name)
	}
	v.mu.Unlock()
	if all {
		if err := sweep(ctx, by, v.client.keys.prefix+letterValue, ""); err != nil {
			return err
		}
	}
	for from := 0; from < len(names); from += mendAtOnce {
		if _, err := by.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, name := range names[from:min(from+mendAtOnce, len(names))] {
				p.Del(ctx, name)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if all {
		v.all = false
	}
	for _, name := range names {
		delete(v.doubtful, name)
	}
	return nil
}

// sweep deletes the keys that begin so, but for those that begin with except.
func sweep(ctx context.Context, by *link, begin, except string) error {
	each := func(ctx context.Context, one redis.Cmdable) error {
		var cursor uint64
		for {
			names, next, err := one.Scan(ctx, cursor, begin+"*", 1000).Result()
			if err != nil {
				return err
			}
			if _, err := one.Pipelined(ctx, func(p redis.Pipeliner) error {
				for _, name := range names {
					if except == "" || !strings.HasPrefix(name, except) {
						p.Unlink(ctx, name)
					}
				}
				return nil
			}); err != nil {
				return err
			}
			if cursor = next; cursor == 0 {
				return nil
			}
		}
	}
	if cluster, ok := by.UniversalClient.(*redis.ClusterClient); ok {
		return cluster.ForEachMaster(ctx, func(ctx context.Context, one *redis.Client) error { return each(ctx, one) })
	}
	return each(ctx, by.UniversalClient)
}
