package redis_test

import (
	"context"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/edge-hive/edge-hive/runtime/redis"
	"github.com/edge-hive/edge-hive/runtime/redis/redistest"
)

// BenchmarkGet holds an answer from the tier against the bare library's GET of the
// same bytes.
func BenchmarkGet(b *testing.B) {
	s := redistest.Start(b)
	body := []byte(strings.Repeat("x", 1024))
	bare := goredis.NewClient(&goredis.Options{Addr: s.Address, Protocol: 2})
	defer bare.Close()
	if err := bare.Set(b.Context(), "k", body, 0).Err(); err != nil {
		b.Fatal(err)
	}
	c := open(b, s, func(o *redis.Options) { o.Timeout = generous })
	c.Tier().Put("k", body, time.Hour)
	eventually(b, "it is there", func() bool { _, found := c.Tier().Get(b.Context(), "k"); return found })
	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := bare.Get(context.Background(), "k").Bytes(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("tier", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, found := c.Tier().Get(context.Background(), "k"); !found {
				b.Fatal("gone")
			}
		}
	})
	b.Run("rate", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, _, _, err := c.Take(context.Background(), []byte("k"), 1<<30, time.Hour, 1, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
}
