package web

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
	"strconv"
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
	errCredentials = fault.New(codeCredentials, "a name and a password are needed here").WithHint("send them in the Authorization header, as Basic")
	errGuessing    = fault.New(codeRate, "too many wrong passwords").WithHint("wait as long as Retry-After says")
	errHashing     = fault.New(codeRate, "too many passwords are being looked at").WithHint("wait as long as Retry-After says")
)

const (
	mostVerified     = 1024
	longestBasic     = 4 << 10 // of the header
	longestBasicPart = 256     // of a name and of a password, in characters
)

// basicGuard lets those pass who know a name and a password (RFC 7617). The
// Authorization header is its alone: what stands behind it does not see it, and
// nobody takes it for a token.
type basicGuard struct {
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

// newBasicGuard reads the hashes of passwords. unread leaves them out, where
// nothing will be served.
func newBasicGuard(limiter *rates.Limiter, hashing *auth.Hashing, declared *manifest.Basic, unread bool) (*basicGuard, error) {
	g := &basicGuard{
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

// admit judges name and password.
func (g *basicGuard) admit(x *exchange, r *http.Request) bool {
	sent := r.Header["Authorization"]
	if len(sent) != 1 || len(sent[0]) > longestBasic {
		return g.ask(x, r)
	}
	name, password, ok := parseBasic(sent[0])
	if !ok {
		return g.ask(x, r)
	}
	key := g.verified.key(name, password)
	if !g.verified.holds(key) && !g.verify(x, r, name, password, key) {
		return false
	}
	delete(r.Header, "Authorization")
	return true
}

// verify hashes the password, and answers where it is not right.
func (g *basicGuard) verify(x *exchange, r *http.Request, name, password string, key credentialKey) bool {
	if retry := g.limiter.Wrong(x.client, x.began, false); retry > 0 {
		return tooMany(x, r, errGuessing, retry)
	}
	right, err := g.looks.once(r.Context(), key, func() (bool, error) {
		known, hash := g.hashOf(name)
		matches, err := g.hashing.Matches(r.Context(), hash, password)
		if matches && known && err == nil {
			g.verified.add(key)
		}
		return matches && known, err
	})
	switch {
	case errors.Is(err, auth.ErrHashing):
		return tooMany(x, r, errHashing, time.Second)
	case err != nil: // the caller has gone
		return false
	case !right:
		g.limiter.Wrong(x.client, x.began, true)
		return g.ask(x, r)
	}
	return true
}

// looks has a password that comes many times at once looked at once: a page whose
// parts are all asked for together is one look, and not as many as there may be.
type looks struct {
	mu      sync.Mutex
	running map[credentialKey]*look
}

type look struct {
	over  chan struct{}
	right bool
	err   error
}

// once is do, or what another request's found that runs already. When that one's
// caller has gone before, it is done anew.
func (l *looks) once(ctx context.Context, key credentialKey, do func() (bool, error)) (bool, error) {
	for {
		l.mu.Lock()
		theirs, running := l.running[key]
		if !running {
			ours := &look{over: make(chan struct{})}
			if l.running == nil {
				l.running = map[credentialKey]*look{}
			}
			l.running[key] = ours
			l.mu.Unlock()
			return l.lead(key, ours, do)
		}
		l.mu.Unlock()
		select {
		case <-theirs.over:
		case <-ctx.Done():
			return false, ctx.Err()
		}
		if theirs.err == nil || errors.Is(theirs.err, auth.ErrHashing) {
			return theirs.right, theirs.err
		}
	}
}

// lead does it, and tells those who wait.
func (l *looks) lead(key credentialKey, ours *look, do func() (bool, error)) (bool, error) {
	ours.err = errPanic // until it is known
	defer func() {
		l.mu.Lock()
		delete(l.running, key)
		l.mu.Unlock()
		close(ours.over)
	}()
	ours.right, ours.err = do()
	return ours.right, ours.err
}

// hashOf is the hash of a user. For a name that nobody has it is that of somebody,
// always the same for it, so that it is answered in the same time.
func (g *basicGuard) hashOf(name string) (known bool, hash auth.PasswordHash) {
	for i := range g.users {
		if g.users[i].name == name {
			return true, g.users[i].hash
		}
	}
	return false, g.users[binary.BigEndian.Uint64(g.verified.nameKey(name))%uint64(len(g.users))].hash
}

func (g *basicGuard) ask(x *exchange, r *http.Request) bool {
	x.header["Www-Authenticate"] = g.challenge
	x.fail(r, errCredentials)
	return false
}

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

// tooMany answers that the caller has to wait: always false.
func tooMany(x *exchange, r *http.Request, f *fault.Fault, retry time.Duration) bool {
	x.set("Retry-After", strconv.Itoa(max(seconds(retry), 1)))
	x.fail(r, f)
	return false
}
