package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// Keys holds what a secret makes: the keys of the backend and the way to issue
// and verify tokens. It is immutable but for its memory of verified tokens, and
// safe for concurrent use. It prints as its type alone.
type Keys struct {
	secret []byte
	clock  func() time.Time
	known  [4]key // the project's own keys
	nobody *Caller
	seen   verified
}

// key is one of the project's own keys, with its caller.
type key struct {
	text   string
	caller *Caller
}

// The order of Keys.known.
const (
	anonJWT = iota
	serviceJWT
	publishable
	secret
)

// The fixed times of the project's own JWTs: they are derived from the secret
// alone, so that they are the same whenever they are printed.
const (
	keysIssued  = 1735689600 // 2025-01-01
	keysExpires = 2524608000 // 2050-01-01
)

// opaquePrefix begins every opaque key; what begins with it is never a token.
const opaquePrefix = "sb_"

// NewKeys derives the keys of a secret: HS256, at least 32 bytes, none that is
// printed in somebody's manual. The clock is read for expiry; nil is time.Now.
func NewKeys(value manifest.SecretValue, clock func() time.Time) (*Keys, error) {
	if err := checkSecret(value.Reveal()); err != nil {
		return nil, err
	}
	if clock == nil {
		clock = time.Now
	}
	k := &Keys{secret: []byte(value.Reveal()), clock: clock, nobody: Nobody()}
	for i, role := range []Role{Anon, Service} {
		text, err := k.sign(map[string]any{"iss": "supabase", "role": string(role), "iat": keysIssued, "exp": keysExpires})
		if err != nil {
			return nil, fmt.Errorf("sign the %s key: %w", role, err)
		}
		caller := &Caller{Role: role, Claims: "{}"}
		k.known[anonJWT+i] = key{text, &Caller{Role: role, Claims: "{}", Expires: time.Unix(keysExpires, 0)}}
		kind := [...]string{"publishable", "secret"}[i]
		k.known[publishable+i] = key{opaquePrefix + kind + "_" + k.derive(kind), caller}
	}
	return k, nil
}

// AnonJWT is the key of browsers, as Supabase's legacy anon key.
func (k *Keys) AnonJWT() string { return k.known[anonJWT].text }

// ServiceJWT is the master key, as Supabase's legacy service_role key.
func (k *Keys) ServiceJWT() string { return k.known[serviceJWT].text }

// Publishable is the opaque key of browsers.
func (k *Keys) Publishable() string { return k.known[publishable].text }

// Secret is the opaque master key.
func (k *Keys) Secret() string { return k.known[secret].text }

// String hides the keys from whatever prints a Stringer.
func (*Keys) String() string { return "auth.Keys" }

// Format hides the keys from fmt, whatever the verb.
func (*Keys) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "auth.Keys") }

// derive makes the text of an opaque key: 192 bits under a name of its own.
func (k *Keys) derive(kind string) string {
	mac := hmac.New(sha256.New, k.secret)
	mac.Write([]byte("edge-hive/opaque-key/1/" + kind))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:24])
}

// Derive makes a key for a purpose of the backend's own: 256 bits that are the same
// wherever the secret is, and tell nothing of it.
func (k *Keys) Derive(purpose string) []byte {
	mac := hmac.New(sha256.New, k.secret)
	mac.Write([]byte("edge-hive/derived-key/1/" + purpose))
	return mac.Sum(nil)
}

// match finds one of the project's own keys in constant time; nil for none.
func (k *Keys) match(text string) *Caller {
	var found *Caller
	given := []byte(text)
	for i := range k.known {
		if subtle.ConstantTimeCompare(given, []byte(k.known[i].text)) == 1 {
			found = k.known[i].caller
		}
	}
	return found
}

// KeyState says what a request's apikey is worth.
type KeyState uint8

// The states of an apikey.
const (
	KeyAbsent  KeyState = iota
	KeyValid            // the project's own, or an anon or service_role JWT under its secret
	KeyUnknown          // anything else
)

// Resolved is who a request is by its two credentials.
type Resolved struct {
	Caller *Caller
	// Key is what the apikey is worth, for surfaces that ask for one. An own key
	// that came as bearer alone counts.
	Key KeyState
	// Token reports that a valid token came as bearer.
	Token bool
}

// Resolve finds the caller of a request from its Authorization header and its
// apikey, either of them "" when it did not come: a token beats the apikey, an
// opaque bearer is no token, and nothing at all is nobody. An error is the
// fault of a bearer that is no valid token (PGRST301, PGRST303); an apikey
// that is unknown is no error here, it only gives no role.
func (k *Keys) Resolve(authorization, apikey string) (Resolved, error) {
	r := Resolved{}
	if apikey != "" {
		r.Key = KeyUnknown
		if caller := k.apikey(apikey); caller != nil {
			r.Key, r.Caller = KeyValid, caller
		}
	}
	token := bearer(authorization)
	switch {
	case token == "":
	case strings.HasPrefix(token, opaquePrefix):
		if caller := k.match(token); caller != nil && r.Key == KeyAbsent {
			r.Key, r.Caller = KeyValid, caller
		}
	default:
		caller, err := k.Verify(token)
		if err != nil {
			return Resolved{Caller: k.nobody, Key: r.Key}, err
		}
		r.Caller, r.Token = caller, true
	}
	if r.Caller == nil {
		r.Caller = k.nobody
	}
	return r, nil
}

// apikey finds the role of an apikey: an own key, or a JWT that was issued for
// the same secret elsewhere. A person's token is no apikey. nil is none.
func (k *Keys) apikey(text string) *Caller {
	if caller := k.match(text); caller != nil {
		return caller
	}
	if strings.HasPrefix(text, opaquePrefix) {
		return nil
	}
	caller, err := k.Verify(text)
	if err != nil || caller.Role == Authenticated {
		return nil
	}
	return caller
}

// bearer cuts the token out of an Authorization header; "" for none, and for
// schemes that are not ours.
func bearer(authorization string) string {
	scheme, token, found := strings.Cut(strings.TrimSpace(authorization), " ")
	if !found || !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
