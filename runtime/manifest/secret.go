package manifest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Secret names where a secret's value is: an environment variable or a file.
// It never holds the value, so it may be printed.
type Secret struct {
	Env  string
	File string // absolute
	Path string // in the manifest
}

// Read fetches the value. One trailing newline of a file is cut.
func (s *Secret) Read() (SecretValue, error) {
	if s.Env != "" {
		value, ok := os.LookupEnv(s.Env)
		if !ok || value == "" {
			return SecretValue{}, fmt.Errorf("environment variable %s is not set", s.Env)
		}
		return NewSecretValue(value), nil
	}
	raw, err := os.ReadFile(s.File)
	if err != nil {
		return SecretValue{}, fmt.Errorf("read secret file: %w", err)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r")
	if value == "" {
		return SecretValue{}, errors.New("secret file " + s.File + " is empty")
	}
	return NewSecretValue(value), nil
}

// SecretValue holds a secret in memory and prints as ***, whatever prints it.
// The zero value is an empty secret. Two of them are not to be compared with ==.
type SecretValue struct {
	// value is a pointer, for fmt does not ask the unexported fields of a struct
	// how they want to be printed, but it does not follow their pointers either.
	value *string
}

// NewSecretValue wraps a secret that did not come from a manifest.
func NewSecretValue(value string) SecretValue { return SecretValue{&value} }

// Reveal gives the secret itself: for keys and connections, never for text.
func (s SecretValue) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// String hides the value from whatever prints a Stringer.
func (SecretValue) String() string { return "***" }

// Format hides the value from fmt, whatever the verb.
func (SecretValue) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "***") }

// MarshalText hides the value from JSON and slog.
func (SecretValue) MarshalText() ([]byte, error) { return []byte("***"), nil }
