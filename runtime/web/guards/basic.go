package guards

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/web/rates"
)

var (
	errCredentials = fault.New(CodeCredentials, "a name and a password are needed here").WithHint("send them in the Authorization header, as Basic")
	errGuessing    = fault.New(rates.Code, "too many wrong passwords").WithHint("wait as long as Retry-After says")
	errHashing     = fault.New(rates.Code, "too many passwords are being looked at").WithHint("wait as long as Retry-After says")
)

const (
	mostVerified     = 1024
	longestBasic     = 4 << 10 // of the header
	longestBasicPart = 256     // of a name and of a password, in characters
)

// Basic lets those pass who know a name and a password (RFC 7617). The
// Authorization header is its alone: what stands behind it does not see it, and
// nobody takes it for a token.
type Basic struct {
	limiter   *rates.Limiter
	hashing   *auth.Hashing
	challenge []string
	users     []basicUser
	verified  *verifiedCredentials
	looks     looks
}

type basicUser struct {
	name string
	hash auth.PasswordHash
}

// NewBasic reads the hashes of passwords. unread leaves them out, where
// nothing will be served.
func NewBasic(limiter *rates.Limiter, hashing *auth.Hashing, declared *manifest.Basic, unread bool) (*Basic, error) {
	g := &Basic{
		limiter: limiter, hashing: hashing, verified: newVerifiedCredentials(),
		challenge: []string{`Basic realm="` + declared.Realm + `", charset="UTF-8"`},
	}
	if unread {
		return g, nil
	}
	for i := range declared.Users {
		user := &declared.Users[i]
		text, err := user.Secret.Read()
		if err != nil {
			return nil, fmt.Errorf("the hash of the password of %s: %w", user.Name, err)
		}
		hash, err := auth.ParseHash(text.Reveal())
		if err != nil {
			return nil, fmt.Errorf("the hash of the password of %s: %w; edge-hive hash makes one", user.Name, err)
		}
		g.users = append(g.users, basicUser{user.Name, hash})
	}
	if len(g.users) == 0 {
		return nil, errors.New("nobody may pass")
	}
	return g, nil
}

// Judge judges name and password.
func (g *Basic) Judge(r *http.Request, client netip.Addr, began time.Time) *Refusal {
	sent := r.Header["Authorization"]
	if len(sent) != 1 || len(sent[0]) > longestBasic {
		return g.ask()
	}
	name, password, ok := parseBasic(sent[0])
	if !ok {
		return g.ask()
	}
	if key := g.verified.key(name, password); !g.verified.holds(key) {
		if refusal := g.verify(r.Context(), client, began, name, password, key); refusal != nil {
			return refusal
		}
	}
	delete(r.Header, "Authorization")
	return nil
}

// verify hashes the password, and refuses where it is not right.
func (g *Basic) verify(ctx context.Context, client netip.Addr, began time.Time, name, password string, key credentialKey) *Refusal {
	if retry := g.limiter.Wrong(client, began, false); retry > 0 {
		return &Refusal{Fault: errGuessing, Retry: retry}
	}
	right, err := g.looks.once(ctx, key, func() (bool, error) {
		known, hash := g.hashOf(name)
		matches, err := g.hashing.Matches(ctx, hash, password)
		if matches && known && err == nil {
			g.verified.add(key)
		}
		return matches && known, err
	})
	switch {
	case errors.Is(err, auth.ErrHashing):
		return &Refusal{Fault: errHashing, Retry: time.Second}
	case err != nil: // the caller has gone
		return &Refusal{}
	case !right:
		g.limiter.Wrong(client, began, true)
		return g.ask()
	}
	return nil
}

// hashOf is the hash of a user. For a name that nobody has it is that of somebody,
// always the same for it, so that it is answered in the same time.
func (g *Basic) hashOf(name string) (known bool, hash auth.PasswordHash) {
	for i := range g.users {
		if g.users[i].name == name {
			return true, g.users[i].hash
		}
	}
	return false, g.users[binary.BigEndian.Uint64(g.verified.nameKey(name))%uint64(len(g.users))].hash
}

func (g *Basic) ask() *Refusal { return &Refusal{Fault: errCredentials, Challenge: g.challenge} }

// parseBasic takes an Authorization header apart: the scheme in any case, then
// base64 of name:password, in UTF-8, without control characters.
func parseBasic(header string) (name, password string, ok bool) {
	scheme, encoded, found := strings.Cut(header, " ")
	if !found || !strings.EqualFold(scheme, "basic") {
		return "", "", false
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimLeft(encoded, " "))
	if err != nil || !utf8.Valid(raw) {
		return "", "", false
	}
	name, password, found = strings.Cut(string(raw), ":")
	if !found || strings.ContainsFunc(string(raw), isControl) ||
		utf8.RuneCountInString(name) > longestBasicPart || utf8.RuneCountInString(password) > longestBasicPart {
		return "", "", false
	}
	return name, password, true
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }

// credentialKey stands for a name and a password; only this process can make it.
type credentialKey [sha256.Size]byte

// verifiedCredentials remembers which names and passwords were right, so that not
// each request is hashed. It holds neither: only what a key of its own makes of
// them. It is bounded: at the bound half of it is forgotten, the older.
type verifiedCredentials struct {
	secret [32]byte

	mu         sync.RWMutex
	young, old map[credentialKey]struct{}
}

func newVerifiedCredentials() *verifiedCredentials {
	v := &verifiedCredentials{young: map[credentialKey]struct{}{}}
	_, _ = rand.Read(v.secret[:]) // it ends the process rather than fail
	return v
}

func (v *verifiedCredentials) key(name, password string) credentialKey {
	mac := hmac.New(sha256.New, v.secret[:])
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(name)))
	_, _ = mac.Write(length[:]) // a hash never fails
	_, _ = mac.Write([]byte(name))
	_, _ = mac.Write([]byte(password))
	return credentialKey(mac.Sum(nil))
}

func (v *verifiedCredentials) nameKey(name string) []byte {
	mac := hmac.New(sha256.New, v.secret[:])
	_, _ = mac.Write([]byte(name)) // a hash never fails
	return mac.Sum(nil)
}

func (v *verifiedCredentials) holds(key credentialKey) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if _, ok := v.young[key]; ok {
		return true
	}
	_, ok := v.old[key]
	return ok
}

func (v *verifiedCredentials) add(key credentialKey) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.young) >= mostVerified/2 {
		v.young, v.old = make(map[credentialKey]struct{}, mostVerified/2), v.young
	}
	v.young[key] = struct{}{}
}
