package redis

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// servers are those that a link is to, by the name that each takes as it starts. A
// server that has come back may have the contents of an hour ago, and a replica
// in its place may lack the last of them: what functions kept is then not to be
// met again.
type servers struct {
	mu    sync.RWMutex
	known []string // sorted; nil: not known yet
	era   string   // of them
}

var errAnother = errors.New("another server has come in the place of the one before")

// now is the era: it changes when a server does.
func (s *servers) now() string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.era
}

// check refuses a connection to a server that is not known, until heal has
// learned it.
func (s *servers) check(ctx context.Context, conn *redis.Conn) error {
	if ctx.Value(learningKey{}) != nil {
		return nil
	}
	s.mu.RLock()
	known := s.known
	s.mu.RUnlock()
	if known == nil {
		return nil
	}
	name, err := nameOf(ctx, conn)
	if err != nil {
		return err
	}
	if name != nameOfSentinel && !slices.Contains(known, name) {
		return errAnother
	}
	return nil
}

type learningKey struct{}

// learn asks all servers for their names.
func (s *servers) learn(ctx context.Context, client redis.UniversalClient) error {
	ctx = context.WithValue(ctx, learningKey{}, true)
	var mu sync.Mutex
	var known, masters []string
	note := func(master bool) func(context.Context, *redis.Client) error {
		return func(ctx context.Context, one *redis.Client) error {
			name, err := nameOf(ctx, one)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			known = append(known, name)
			if master {
				masters = append(masters, name)
			}
			return nil
		}
	}
	switch c := client.(type) {
	case *redis.ClusterClient:
		c.ReloadState(ctx)
		if err := c.ForEachMaster(ctx, note(true)); err != nil {
			return err
		}
		// One of them that is away is none that is asked.
		_ = c.ForEachSlave(ctx, note(false))
	case *redis.Client:
		if err := note(true)(ctx, c); err != nil {
			return err
		}
	}
	slices.Sort(known)
	slices.Sort(masters)
	sum := sha256.Sum256([]byte(strings.Join(slices.Compact(masters), " ")))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known, s.era = slices.Compact(known), hex.EncodeToString(sum[:6])
	return nil
}

type informer interface {
	Info(ctx context.Context, sections ...string) *redis.StringCmd
}

// nameOf is the name of a server that it has until it ends; of one that has none,
// the name of what it holds.
func nameOf(ctx context.Context, from informer) (string, error) {
	for _, ask := range []struct{ section, field string }{{"server", "run_id"}, {"replication", "master_replid"}} {
		text, err := from.Info(ctx, ask.section).Result()
		if err != nil {
			return "", err
		}
		switch name := field(text, ask.field); {
		case field(text, "redis_mode") == Sentinel:
			return nameOfSentinel, nil
		case name != "":
			return name, nil
		}
	}
	return "nameless", nil
}

// nameOfSentinel is that of all who are asked for the way alone.
const nameOfSentinel = "sentinel"

// field is what INFO says of something, "" for nothing.
func field(text, name string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
			return value
		}
	}
	return ""
}

// RefusedError is of a server that answers and is of no use.
type RefusedError struct{ What, Hint string }

func (e *RefusedError) Error() string { return e.What }

// look is the first look: it tells a mistake from a server that is away.
func (c *Client) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	err := c.redis().servers.learn(ctx, c.redis().UniversalClient)
	if err == nil {
		err = c.otherKind(ctx)
	}
	if err == nil {
		err = c.probe(ctx)
	}
	if err == nil {
		return nil
	}
	if refused := refusal(err); refused != nil {
		return refused
	}
	c.trip(err)
	return nil
}

// otherKind is an error where something else stands at the address than was said.
func (c *Client) otherKind(ctx context.Context) error {
	one, ok := c.redis().UniversalClient.(*redis.Client)
	if !ok || c.options.Kind != Single {
		return nil
	}
	text, err := one.Info(ctx, "server").Result()
	if err != nil {
		return err
	}
	if mode := field(text, "redis_mode"); mode == Sentinel || mode == Cluster {
		return &RefusedError{fmt.Sprintf("a %s stands at the address of cache.redis, which says kind %q", mode, Single), fmt.Sprintf("write kind: %q", mode)}
	}
	return nil
}

// refusals are answers that another try will meet again.
var refusals = []struct{ sign, what, hint string }{
	{"WRONGPASS", "the Redis of the cache refuses the user or the password", "mend the user and the password in the url"},
	{"NOAUTH", "the Redis of the cache asks for a password", "write it into the url: redis://:PASSWORD@HOST:PORT"},
	{"ERR invalid password", "the Redis of the cache refuses the password", "mend the password in the url"},
	{"ERR AUTH", "the Redis of the cache has no password, and is told one", "take the password off the url, or set one there"},
	{"NOPERM", "the Redis of the cache forbids what is needed to this user", "allow the user the commands and keys that the documentation names"},
	{"ERR DB index", "the Redis of the cache has no database of this number", "mend the number at the end of the url"},
	{"ERR This instance has cluster support disabled", "a single server stands at the address of cache.redis, which says kind \"cluster\"", "leave kind out"},
	{"ERR unknown command", "what stands at the address of cache.redis lacks a command that is needed", "see the kind; the documentation names the commands"},
	{"certificate", "the certificate of the Redis of the cache is not trusted", "name those that it is made with: roots"},
	{"first record does not look like a TLS handshake", "the Redis of the cache speaks no TLS", "write redis:// for a server without TLS"},
}

// refusal is err as a refusal; nil where another try may go well.
func refusal(err error) error {
	var refused *RefusedError
	if errors.As(err, &refused) {
		return refused
	}
	for _, r := range refusals {
		if strings.Contains(err.Error(), r.sign) {
			return &RefusedError{r.what, r.hint}
		}
	}
	return nil
}
