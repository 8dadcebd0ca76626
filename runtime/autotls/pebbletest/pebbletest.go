// Package pebbletest runs a certificate authority for tests: pebble, with the zone
// that it asks, and switches for what authorities do on bad days. It is never
// shipped.
package pebbletest

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
)

// Options says what the authority is like.
type Options struct {
	// HTTPPort and TLSPort are where it asks for proof, on this machine.
	HTTPPort, TLSPort int
	// Validity of certificates, in seconds; 0 for 90 days.
	Validity uint64
	// Accounts that it knows already: their numbers and keys. With any, no other is
	// let in.
	Accounts map[string]string
	// OCSP has certificates name a responder, which answers for two seconds.
	OCSP bool
}

// CA is a running authority.
type CA struct {
	// Directory is its address, RootsFile what its own server is believed by.
	Directory, RootsFile string
	// Pool is what its certificates are believed by, Root the same in PEM.
	Pool *x509.CertPool
	Root []byte
	Zone *Zone

	// Orders counts those that were placed, Issued the certificates. Down cuts every
	// connection, Silent takes requests and never answers, and Limit, when it is not 0,
	// refuses orders for as many seconds.
	Orders atomic.Int64
	Issued atomic.Int64
	Down   atomic.Bool
	Silent atomic.Bool
	Limit  atomic.Int64
	// Renew is what it says about when certificates are to be renewed: it may be
	// asked again after a second.
	Renew atomic.Int32
}

// What an authority says about when certificates are to be renewed.
const (
	RenewUnsaid = iota // nothing
	RenewLater
	RenewNow
)

// Start runs an authority until the test ends.
func Start(t testing.TB, o Options) *CA {
	t.Helper()
	for name, value := range map[string]string{"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"} {
		if err := os.Setenv(name, value); err != nil {
			t.Fatal(err)
		}
	}
	a := &CA{Zone: startZone(t)}
	logger := log.New(io.Discard, "", 0) //nolint:forbidigo // pebble takes no other
	if os.Getenv("EDGEHIVE_PEBBLE_LOG") != "" {
		logger = log.New(os.Stderr, "pebble ", log.Lmicroseconds) //nolint:forbidigo // pebble takes no other
	}
	store := db.NewMemoryStore()
	for id, key := range o.Accounts {
		if err := store.AddExternalAccountKeyByID(id, key); err != nil {
			t.Fatal(err)
		}
	}
	responder := ""
	r := &responses{}
	if o.OCSP {
		s := httptest.NewServer(r)
		t.Cleanup(s.Close)
		responder = s.URL
	}
	algorithm := "ecdsa"
	if o.OCSP {
		algorithm = "rsa" // the one whose key it tells
	}
	authority := ca.New(logger, store, responder, algorithm, 0, 1, map[string]ca.Profile{"default": {Description: "default", ValidityPeriod: o.Validity}})
	validator := va.New(logger, o.HTTPPort, o.TLSPort, false, a.Zone.Address, store)
	front := wfe.New(logger, store, validator, authority, []string{"pebble.letsencrypt.org"}, false, len(o.Accounts) > 0, 0, 0)
	management := front.ManagementHandler()
	a.Pool, a.Root = x509.NewCertPool(), fetch(t, management, wfe.RootCertPath+"0")
	if !a.Pool.AppendCertsFromPEM(a.Root) {
		t.Fatal("the authority has no root")
	}
	if o.OCSP {
		r.prepare(t, management)
	}

	server := httptest.NewUnstartedServer(a.onBadDays(front.Handler()))
	server.Config.ErrorLog = logger
	server.StartTLS()
	t.Cleanup(server.Close)
	a.Directory = server.URL + wfe.DirectoryPath
	a.RootsFile = filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(a.RootsFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *CA) onBadDays(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.Down.Load() {
			panic(http.ErrAbortHandler)
		}
		if a.Silent.Load() {
			<-r.Context().Done()
			return
		}
		switch {
		case r.URL.Path == wfe.DirectoryPath && a.Renew.Load() == RenewUnsaid:
			a.withoutRenewal(w, r, next)
			return
		case strings.Contains(r.URL.Path, "/renewalInfo/"):
			a.sayRenewal(w)
			return
		case strings.Contains(r.URL.Path, "/finalize-order/"):
			a.Issued.Add(1)
		case strings.HasSuffix(r.URL.Path, "/order-plz"):
			a.Orders.Add(1)
			if seconds := a.Limit.Load(); seconds != 0 {
				w.Header().Set("Content-Type", "application/problem+json")
				w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
				w.WriteHeader(http.StatusTooManyRequests)
				_, _ = fmt.Fprint(w, `{"type":"urn:ietf:params:acme:error:rateLimited","detail":"too many","status":429}`)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// withoutRenewal is a directory that says nothing of renewals.
func (a *CA) withoutRenewal(w http.ResponseWriter, r *http.Request, next http.Handler) {
	whole := httptest.NewRecorder()
	next.ServeHTTP(whole, r)
	var directory map[string]any
	if err := json.Unmarshal(whole.Body.Bytes(), &directory); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	delete(directory, "renewalInfo")
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(directory)
}

func (a *CA) sayRenewal(w http.ResponseWriter) {
	start := time.Now().Add(1000 * time.Hour)
	if a.Renew.Load() == RenewNow {
		start = time.Now().Add(-time.Hour)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Retry-After", "1")
	_ = json.NewEncoder(w).Encode(map[string]any{"suggestedWindow": map[string]any{
		"start": start.UTC().Format(time.RFC3339), "end": start.Add(time.Minute).UTC().Format(time.RFC3339),
	}})
}

// fetch asks what the authority tells its operator.
func fetch(t testing.TB, management http.Handler, path string) []byte {
	t.Helper()
	w := httptest.NewRecorder()
	management.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	if w.Code != http.StatusOK {
		t.Fatalf("GET %s: %d %s", path, w.Code, w.Body)
	}
	return w.Body.Bytes()
}

// short is how long an answer about a certificate holds.
const short = 2 * time.Second
