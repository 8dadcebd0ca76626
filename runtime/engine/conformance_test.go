package engine_test

import (
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/conformance"
)

// TestConformance holds the backend on SQLite to the dialect, over HTTP.
func TestConformance(t *testing.T) {
	conformance.Run(t, func(t *testing.T, manifest string) conformance.Backend {
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
	})
}
