package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/conformance"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

// TestConformance holds the backend on SQLite to the dialect, over HTTP.
func TestConformance(t *testing.T) {
	conformance.Run(t, func(t *testing.T, manifest string) conformance.Backend {
		t.Helper()
		return conforming(t, manifest)
	})
}

// TestConformanceSurreal holds the backend on SurrealDB to the same.
func TestConformanceSurreal(t *testing.T) {
	server := surrealtest.Shared(t)
	t.Setenv(surrealPass, "root")
	t.Setenv(surrealSecret, strings.Repeat("0123456789abcdef", 3))
	conformance.Run(t, func(t *testing.T, manifest string) conformance.Backend {
		t.Helper()
		return conforming(t, manifest+inNamespaceOf(server.URL, fmt.Sprintf("c%d_%d", time.Now().UnixNano(), namespaces.Add(1))))
	})
}

func conforming(t *testing.T, manifest string) conformance.Backend {
	t.Helper()
	b := start(t, manifest+"\nserver: listen: http: \"127.0.0.1:0\"\n")
	return conformance.Backend{
		URL: b.URL(), Publishable: b.Keys().Publishable, Secret: b.Keys().Secret,
		Token: func(user, appMetadata string, expires time.Time) string {
			token, err := b.Issue(auth.Claims{Subject: user, AppMetadata: appMetadata, Issued: expires.Add(-time.Hour), Expires: expires})
			if err != nil {
				t.Fatal(err)
			}
			return token
		},
	}
}
