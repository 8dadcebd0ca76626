package rates

import (
	"hash/maphash"
	"net/netip"
	"time"

	"github.com/edge-hive/edge-hive/runtime/web/address"
)

const (
	// An address may be wrong this often in this time.
	mostWrong   = 30
	wrongWindow = 5 * time.Minute
)

// Wrong says how long an address has to wait that was wrong too often, 0 for not
// at all; count adds one more.
func (l *Limiter) Wrong(client netip.Addr, now time.Time, count bool) time.Duration {
	var hash maphash.Hash
	hash.SetSeed(l.seed)
	writeWord(&hash, "wrong passwords")
	writeWord(&hash, "of an address") // no rate has a name of two words
	held := address.Network(client).As16()
	_, _ = hash.Write(held[:]) // maphash never fails
	key := hash.Sum64()
	if count {
		return l.take(key, mostWrong, wrongWindow, now).Retry
	}
	at := int64(now.Sub(l.epoch))
	shard := &l.shards[key%limiterShards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	i, ok := shard.index[key]
	if !ok {
		return 0
	}
	each := int64(wrongWindow) / mostWrong
	return max(time.Duration(shard.entries[i].full+each-at-int64(wrongWindow)), 0)
}
