package redis

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"sync"
)

// keys names what is kept so that nobody who sees a key knows whom it is of:
// what follows the prefix and a letter is a hash under the deployment's key.
type keys struct {
	prefix string
	// A hash for each purpose, so that what one of them names the others cannot.
	entry, value, rate, mac *pool
	seal                    cipher.AEAD
}

// pool keeps hashes of one key, which are dear to make.
type pool struct{ sync.Pool }

func newPool(key []byte) *pool {
	return &pool{sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

// sum is the hash of parts that cannot be mistaken for each other.
func (p *pool) sum(dst []byte, parts ...string) []byte {
	h := p.Get().(hash.Hash)
	defer p.Put(h)
	h.Reset()
	var length [8]byte
	for _, part := range parts {
		for i := range length {
			length[i] = byte(len(part) >> (8 * i))
		}
		h.Write(length[:])
		h.Write([]byte(part))
	}
	return h.Sum(dst)
}

// derive makes a key of the deployment's for one purpose.
func derive(key []byte, purpose string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("edge-hive/redis/1/" + purpose))
	return h.Sum(nil)
}

func newKeys(key []byte, prefix string) keys {
	block, err := aes.NewCipher(derive(key, "vault"))
	if err != nil {
		panic(fmt.Sprintf("a key of 32 bytes is none of AES: %v", err)) // it cannot be
	}
	seal, err := cipher.NewGCM(block)
	if err != nil {
		panic(fmt.Sprintf("AES has no GCM: %v", err)) // it cannot be
	}
	of := func(purpose string) *pool { return newPool(derive(key, purpose)) }
	return keys{prefix: prefix, entry: of("entry"), value: of("value"), rate: of("rate"), mac: of("mac"), seal: seal}
}

// hashed is the key of something: the prefix, a letter and 144 bits.
func (k *keys) hashed(letter string, p *pool, parts ...string) string {
	var sum [sha256.Size]byte
	return k.prefix + letter + base64.RawURLEncoding.EncodeToString(p.sum(sum[:0], parts...)[:18])
}

// The letters of what is kept.
const (
	letterEntry  = ":c:"
	letterValue  = ":v:"
	letterRate   = ":r:"
	nameVersions = ":versions"
	nameRelay    = ":relay"
	nameProbe    = ":probe"
)
