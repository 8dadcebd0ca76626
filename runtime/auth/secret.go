package auth

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/edge-hive/edge-hive/runtime/durable"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// SecretFile is the name, in the data folder, of the secret that was made on
// first start.
const SecretFile = "auth.secret"

// CodeWeakSecret is the fault of a secret that protects nobody.
const CodeWeakSecret = "weak-secret"

const minSecret = 32 // bytes: HS256 is as strong as its key

// sample reports whether a secret is printed in a manual or a starter project:
// whoever reads those could sign tokens.
func sample(secret string) bool {
	switch secret {
	case "super-secret-jwt-token-with-at-least-32-characters-long",
		"your-super-secret-jwt-token-with-at-least-32-characters-long",
		"your-super-secret-and-long-postgres-password",
		"reallyreallyreallyreallyverysafe",
		"a-string-secret-at-least-256-bits-long",
		"a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
		"your-256-bit-secret-your-256-bit-secret",
		"your-secret-key-at-least-32-characters-long",
		"your_jwt_secret_key_at_least_32_characters_long",
		"this-is-a-very-long-secret-key-for-jwt-tokens",
		"changemechangemechangemechangeme",
		"thisisasecretthisisasecretthisisasecret",
		"0123456789abcdef0123456789abcdef",
		"0123456789abcdefghijklmnopqrstuv",
		"abcdefghijklmnopqrstuvwxyz012345",
		"12345678901234567890123456789012":
		return true
	}
	return false
}

// checkSecret refuses secrets that can be guessed. The fault never holds the
// secret.
func checkSecret(secret string) error {
	f := fault.New(CodeWeakSecret, "").WithHint("make one with: openssl rand -base64 48")
	switch {
	case len(secret) < minSecret:
		f.Message = fmt.Sprintf("auth.secret has %d bytes, it needs at least %d", len(secret), minSecret)
	case sample(secret):
		f.Message = "auth.secret is a sample that everybody can read in a manual"
	case distinct(secret) < 8:
		f.Message = "auth.secret repeats a few characters, it can be guessed"
	default:
		return nil
	}
	return f
}

// distinct counts the different bytes of s.
func distinct(s string) int {
	var seen [256]bool
	n := 0
	for i := range len(s) {
		if !seen[s[i]] {
			seen[s[i]] = true
			n++
		}
	}
	return n
}

// LoadOrCreateSecret reads the secret of a data folder, making it (mode 0600,
// whole or not at all) when there is none. One that others may read is
// refused. Two processes that begin at once get the same secret.
func LoadOrCreateSecret(dataDir string) (manifest.SecretValue, error) {
	path := filepath.Join(dataDir, SecretFile)
	value, err := readSecret(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return value, err
	}
	if err := createSecret(path); err != nil {
		return manifest.SecretValue{}, fmt.Errorf("make %s: %w", path, err)
	}
	return readSecret(path)
}

func readSecret(path string) (manifest.SecretValue, error) {
	info, err := os.Stat(path)
	if err != nil {
		return manifest.SecretValue{}, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return manifest.SecretValue{}, fault.Newf("open-secret", "%s can be read by others (mode %04o)", path, info.Mode().Perm()).
			WithHint("chmod 600 " + path + "; if others may have read it, remove it: a new one is made, and every key and token changes")
	}
	value, err := (&manifest.Secret{File: path}).Read()
	if err != nil {
		return manifest.SecretValue{}, err
	}
	if err := checkSecret(value.Reveal()); err != nil {
		return manifest.SecretValue{}, fmt.Errorf("%s: %w", path, err)
	}
	return value, nil
}

// createSecret puts a new secret at path, unless another process was first.
func createSecret(path string) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(dir, SecretFile+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if e := os.Remove(temporary.Name()); err == nil && !errors.Is(e, fs.ErrNotExist) {
			err = e
		}
	}()
	raw := make([]byte, 48)
	rand.Read(raw) // never fails
	_, err = temporary.WriteString(base64.RawURLEncoding.EncodeToString(raw) + "\n")
	err = errors.Join(err, temporary.Sync(), temporary.Close())
	if err != nil {
		return err
	}
	// A link never replaces what is there: the first of two processes wins.
	switch err := os.Link(temporary.Name(), path); {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil: // a file system without links
		if err := os.Rename(temporary.Name(), path); err != nil {
			return err
		}
	}
	return durable.SyncFolder(dir)
}
