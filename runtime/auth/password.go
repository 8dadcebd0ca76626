package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// Passwords are kept as argon2id with these, and never as themselves.
const (
	argonMemory  = 19 << 10 // KiB
	argonTime    = 2
	argonThreads = 1
	saltBytes    = 16
	tagBytes     = 32
)

// The bounds of hashes that were made elsewhere: what one try to sign in may cost
// is not for whoever made them to say.
const (
	mostArgonMemory = 64 << 10 // KiB
	mostArgonTime   = 10
	mostThreads     = 8
	mostBcryptCost  = 14
)

// PasswordHash is a password that was hashed: argon2id, or bcrypt. It is never
// printed. Use ParseHash to make one.
type PasswordHash struct {
	bcrypt []byte // nil for argon2id
	salt   []byte
	tag    []byte
	memory uint32 // KiB
	time   uint32
	lanes  uint8
}

// String hides the hash from whatever prints a Stringer.
func (PasswordHash) String() string { return "***" }

var encodingPHC = base64.RawStdEncoding.Strict()

// HashPassword hashes a password as those of users are, with a salt of its own. It
// takes 19 MiB and some 20 ms.
func HashPassword(password string) string {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // it ends the process rather than fail
	tag := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, tagBytes)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads,
		encodingPHC.EncodeToString(salt), encodingPHC.EncodeToString(tag))
}

var errNoHash = errors.New("it is no hash of argon2id or bcrypt")

// ParseHash reads a hash: $argon2id$v=19$m=19456,t=2,p=1$SALT$TAG, or bcrypt's
// $2b$12$.... Errors never repeat it.
func ParseHash(text string) (PasswordHash, error) {
	if strings.HasPrefix(text, "$2a$") || strings.HasPrefix(text, "$2b$") || strings.HasPrefix(text, "$2y$") {
		return parseBcrypt(text)
	}
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return PasswordHash{}, errNoHash
	}
	if parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return PasswordHash{}, fmt.Errorf("it is argon2id of another version than %d", argon2.Version)
	}
	h := PasswordHash{}
	numbers := strings.Split(parts[3], ",")
	if len(numbers) != 3 {
		return PasswordHash{}, errNoHash
	}
	for i, bound := range []struct {
		name  string
		least uint64
		most  uint64
		set   func(uint64)
	}{
		{"m=", 8, mostArgonMemory, func(n uint64) { h.memory = uint32(n) }},
		{"t=", 1, mostArgonTime, func(n uint64) { h.time = uint32(n) }},
		{"p=", 1, mostThreads, func(n uint64) { h.lanes = uint8(n) }},
	} {
		digits, ok := strings.CutPrefix(numbers[i], bound.name)
		n, err := strconv.ParseUint(digits, 10, 32)
		if !ok || err != nil {
			return PasswordHash{}, errNoHash
		}
		if n < bound.least || n > bound.most {
			return PasswordHash{}, fmt.Errorf("its %s is not between %d and %d", strings.TrimSuffix(bound.name, "="), bound.least, bound.most)
		}
		bound.set(n)
	}
	var err error
	if h.salt, err = encodingPHC.DecodeString(parts[4]); err != nil || len(h.salt) < 8 || len(h.salt) > 64 {
		return PasswordHash{}, errNoHash
	}
	if h.tag, err = encodingPHC.DecodeString(parts[5]); err != nil || len(h.tag) < 16 || len(h.tag) > 64 {
		return PasswordHash{}, errNoHash
	}
	return h, nil
}

func parseBcrypt(text string) (PasswordHash, error) {
	cost, err := bcrypt.Cost([]byte(text))
	if err != nil || len(text) != 60 {
		return PasswordHash{}, errNoHash
	}
	if cost > mostBcryptCost {
		return PasswordHash{}, fmt.Errorf("its cost is %d, and %d is the most", cost, mostBcryptCost)
	}
	return PasswordHash{bcrypt: []byte(text)}, nil
}

// Matches hashes a password and reports whether it is the one that was hashed. It
// costs what the hash says: bound how many run at once.
func (h PasswordHash) Matches(password string) bool {
	if h.bcrypt != nil {
		return bcrypt.CompareHashAndPassword(h.bcrypt, []byte(password)) == nil
	}
	if len(h.tag) == 0 {
		return false // of no password at all
	}
	tag := argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.lanes, uint32(len(h.tag)))
	return subtle.ConstantTimeCompare(tag, h.tag) == 1
}
