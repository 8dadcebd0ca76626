package web_test

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/openapi"
	"github.com/edge-hive/edge-hive/runtime/web"
)

// TestRefusalsAreAsDescribed holds the statuses of codes against the document
// that the API is described by: none may differ, and none be left out.
func TestRefusalsAreAsDescribed(t *testing.T) {
	raw, err := openapi.Write(&manifest.Manifest{}, &access.Rules{}, openapi.Everyone)
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Components struct {
			Responses map[string]struct {
				Codes []string `json:"x-codes"`
			}
		}
	}
	if err := json.Unmarshal(raw, &document); err != nil {
		t.Fatal(err)
	}
	// The surface sets these itself: a row by its key that is not there, and a
	// caller whom a rule refuses although he is somebody.
	known := []string{"404 PGRST116", "403 42501"}
	seen := map[string]bool{}
	for name, response := range document.Components.Responses {
		status := strings.TrimPrefix(name, "api.")
		for _, code := range response.Codes {
			seen[code] = true
			is := strconv.Itoa(web.StatusOf(code))
			if status != "default" && is != status && !slices.Contains(known, status+" "+code) {
				t.Errorf("%s is described as %s and answered as %s", code, status, is)
			}
			if _, listed := document.Components.Responses["api."+is]; status == "default" && listed && code != "origin-not-allowed" {
				t.Errorf("%s is any other refusal, and not one of %s", code, is)
			}
		}
	}
	elsewhere := []string{
		"not-found", "not-in-this-version", "PGRST126", "credentials-needed", "bad-gateway", "gateway-timeout", "no-server", // of paths that are not the API's
	}
	for _, code := range web.Codes() {
		if !seen[code] && !slices.Contains(elsewhere, code) {
			t.Errorf("%s, of status %d, is not described", code, web.StatusOf(code))
		}
	}
}
