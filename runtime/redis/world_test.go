package redis_test

import (
	"bytes"
	"crypto/x509"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/leaktest"
	"github.com/edge-hive/edge-hive/runtime/redis"
	"github.com/edge-hive/edge-hive/runtime/redis/redistest"
)

func TestMain(m *testing.M) {
	redis.BePatient(generous)
	leaktest.Main(m)
}

// patience is for slow machines.
const patience = 60 * time.Second

// generous is a time for requests that slow machines do not exceed.
const generous = 30 * time.Second

var deployment = []byte("a deployment's key, of some bytes")

// told is a log that can be read.
type told struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *told) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *told) count(word string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Count(l.text.Bytes(), []byte(word))
}

// open opens a client as a node would.
func open(t testing.TB, s *redistest.Server, change func(*redis.Options)) *redis.Client {
	t.Helper()
	o := redis.Options{URL: s.URL(), Kind: redis.Single, Prefix: "shop", Timeout: generous, Key: deployment, Entries: "1", Roots: roots(t, s)}
	if change != nil {
		change(&o)
	}
	c, err := redis.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func roots(t testing.TB, s *redistest.Server) *x509.CertPool {
	t.Helper()
	if s.Roots == "" {
		return nil
	}
	text, err := os.ReadFile(s.Roots)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return pool
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came about that %s", what)
		}
	}
}

func logger(to *told) *slog.Logger { return slog.New(slog.NewTextHandler(to, nil)) }
