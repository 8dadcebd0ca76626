package operation

import (
	"context"
	"crypto/hmac"
	"crypto/md5"  //nolint:gosec // G501: what other systems have signed with it is to be read
	"crypto/sha1" //nolint:gosec // G505: the same
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"hash"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function"
)

// maxMessage bounds what is hashed or signed at once: no call can be ended in it.
const maxMessage = 16 << 20

var hashes = map[string]func() hash.Hash{
	"sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New, "sha1": sha1.New, "md5": md5.New,
}

var hashNames = []string{"sha256", "sha384", "sha512", "sha1", "md5"}

func hashOf(name string) (func() hash.Hash, error) {
	if made := hashes[name]; made != nil {
		return made, nil
	}
	if name == "" {
		return nil, required("hash", "")
	}
	return nil, fault.Newf(function.CodeOperation, "there is no hash %q", fault.Clip(name, shown)).
		WithHint(fault.NearestHint(name, hashNames, "there are "+strings.Join(hashNames, ", ")))
}

type hashHead struct {
	Hash string `json:"hash"`
}

// hash is crypto.hash.
func (o *operations) hash(_ context.Context, _ *call, head, body []byte) (function.Reply, error) {
	said, err := readHead[hashHead](head)
	if err != nil {
		return function.Reply{}, err
	}
	made, err := hashOf(said.Hash)
	if err != nil {
		return function.Reply{}, err
	}
	sum := made()
	_, _ = sum.Write(body)
	return function.Reply{Body: sum.Sum(nil)}, nil
}

type hmacHead struct {
	Hash   string  `json:"hash"`
	Secret string  `json:"secret"`
	Key    *string `json:"key"`
}

// hmac is crypto.hmac.
func (o *operations) hmac(_ context.Context, c *call, head, body []byte) (function.Reply, error) {
	said, err := readHead[hmacHead](head)
	if err != nil {
		return function.Reply{}, err
	}
	made, err := hashOf(said.Hash)
	if err != nil {
		return function.Reply{}, err
	}
	var key []byte
	switch {
	case (said.Secret == "") == (said.Key == nil):
		return function.Reply{}, fault.New(function.CodeOperation, "the head names a secret, or has a key in base64: one of them")
	case said.Key == nil:
		value, err := c.secret(said.Secret)
		if err != nil {
			return function.Reply{}, err
		}
		key = []byte(value)
	default:
		if key, err = fromBase64("key", *said.Key); err != nil {
			return function.Reply{}, err
		}
	}
	if len(key) == 0 {
		return function.Reply{}, fault.New(function.CodeOperation, "the key is empty: anybody could make the tag")
	}
	tag := hmac.New(made, key)
	_, _ = tag.Write(body)
	return function.Reply{Body: tag.Sum(nil)}, nil
}

type equalHead struct {
	To *string `json:"to"`
}

// equal is crypto.equal: how long it takes says nothing of where the two differ.
func (o *operations) equal(_ context.Context, _ *call, head, body []byte) (function.Reply, error) {
	said, err := readHead[equalHead](head)
	if err != nil {
		return function.Reply{}, err
	}
	if said.To == nil {
		return function.Reply{}, required("to", "")
	}
	to, err := fromBase64("to", *said.To)
	if err != nil {
		return function.Reply{}, err
	}
	return truth("equal", subtle.ConstantTimeCompare(to, body) == 1), nil
}

type signHead struct {
	Algorithm string `json:"algorithm"`
	Secret    string `json:"secret"`
}

// sign is crypto.sign.
func (o *operations) sign(_ context.Context, c *call, head, body []byte) (function.Reply, error) {
	said, err := readHead[signHead](head)
	if err != nil {
		return function.Reply{}, err
	}
	a, err := algorithmOf(said.Algorithm)
	if err != nil {
		return function.Reply{}, err
	}
	if err := required("secret", said.Secret); err != nil {
		return function.Reply{}, err
	}
	text, err := c.secret(said.Secret)
	if err != nil {
		return function.Reply{}, err
	}
	key, err := privateKey(text)
	if err != nil {
		return function.Reply{}, err
	}
	signature, err := a.sign(key, body)
	return function.Reply{Body: signature}, err
}

type verifyHead struct {
	Algorithm string `json:"algorithm"`
	Key       string `json:"key"`
	Signature string `json:"signature"`
}

// verify is crypto.verify.
func (o *operations) verify(_ context.Context, _ *call, head, body []byte) (function.Reply, error) {
	said, err := readHead[verifyHead](head)
	if err != nil {
		return function.Reply{}, err
	}
	a, err := algorithmOf(said.Algorithm)
	if err != nil {
		return function.Reply{}, err
	}
	if err := required("key", said.Key); err != nil {
		return function.Reply{}, err
	}
	key, err := publicKey(said.Key)
	if err != nil {
		return function.Reply{}, err
	}
	signature, err := fromBase64("signature", said.Signature)
	if err != nil {
		return function.Reply{}, err
	}
	valid, err := a.verify(key, body, signature)
	if err != nil {
		return function.Reply{}, err
	}
	return truth("valid", valid), nil
}

// fromBase64 reads base64 in either alphabet, padded or not.
func fromBase64(name, text string) ([]byte, error) {
	plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	raw, err := base64.RawStdEncoding.DecodeString(plain)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return nil, fault.Newf(function.CodeOperation, "the member %q of the head is no base64", name)
	}
	return raw, nil
}

// sha256Of is the digest that is signed.
func sha256Of(message []byte) []byte {
	sum := sha256.Sum256(message)
	return sum[:]
}
