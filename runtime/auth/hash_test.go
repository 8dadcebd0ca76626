package auth_test

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/edge-hive/edge-hive/runtime/auth"
)

func TestPasswordHashes(t *testing.T) {
	made := auth.HashPassword("correct horse")
	if made == auth.HashPassword("correct horse") || strings.Contains(made, "correct") {
		t.Error("a hash has no salt, or the password in it")
	}
	old, err := bcrypt.GenerateFromPassword([]byte("correct horse"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		made, string(old), "$2y$" + string(old)[4:],
		// Of the reference implementation.
		"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
	} {
		h, err := auth.ParseHash(text)
		if err != nil {
			t.Fatal(err)
		}
		password := "correct horse"
		if strings.Contains(text, "c29tZXNhbHQ") {
			password = "password"
		}
		if !h.Matches(password) || h.Matches(password+"x") || h.Matches("") {
			t.Errorf("%.20s does not tell passwords apart", text)
		}
		if printed := fmt.Sprintf("%v %s", h, h); printed != "*** ***" {
			t.Error("the hash is printed:", printed)
		}
	}
	if (auth.PasswordHash{}).Matches("") {
		t.Error("no hash is matched by no password")
	}
}

func TestHashesThatAreNone(t *testing.T) {
	good := auth.HashPassword("correct horse")
	for _, text := range []string{
		"", "correct horse", "$argon2id$", strings.Replace(good, "argon2id", "argon2i", 1), strings.Replace(good, "v=19", "v=16", 1),
		strings.Replace(good, "m=19456", "m=1048576", 1), strings.Replace(good, "m=19456", "m=1", 1), strings.Replace(good, "t=2", "t=100", 1),
		strings.Replace(good, "p=1", "p=200", 1), strings.Replace(good, "p=1", "p=-1", 1), good + "=", good + "$x", good[:len(good)-30],
		"$2b$31$" + strings.Repeat("a", 53), "$2b$04$short", "$5$rounds=5000$salt$hash",
	} {
		if _, err := auth.ParseHash(text); err == nil {
			t.Errorf("%q is taken for a hash", text)
		} else if len(text) > 20 && strings.Contains(err.Error(), text[len(text)-10:]) {
			t.Errorf("the error repeats it: %v", err)
		}
	}
}

func FuzzParseHash(f *testing.F) {
	f.Add("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	f.Add("$2b$04$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234")
	f.Add("$argon2id$v=19$m=,t=1,p=1$$")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := auth.ParseHash(text); err != nil && len(text) > 30 && strings.Contains(err.Error(), text) {
			t.Errorf("the error repeats it: %v", err)
		}
	})
}
