package operation_test

import (
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

func TestValues(t *testing.T) {
	w := open(t)
	w.walk([]asked{
		{ann, "cache.get", `{"key":"a"}`, "", `{"found":false}`},
		{ann, "cache.set", `{"key":"a"}`, "one", `{"stored":true}`},
		{bob, "cache.get", `{"key":"a"}`, "", `{"found":true} one`},
		{ann, "cache.set", `{"key":"a","ifAbsent":true}`, "two", `{"stored":false}`},
		{ann, "cache.set", `{"key":"b","ifAbsent":true,"ttl":"1m"}`, "", `{"stored":true}`},
		{ann, "cache.delete", `{"key":"a"}`, "", `{"found":true}`},
		{ann, "cache.delete", `{"key":"a"}`, "", `{"found":false}`},
		{ann, "cache.add", `{"key":"n"}`, "", `{"value":1}`},
		{ann, "cache.add", `{"key":"n","by":-5,"ttl":"30d"}`, "", `{"value":-4}`},
		{ann, "cache.add", `{"key":"n","by":0}`, "", `{"value":-4}`},
		{ann, "cache.get", `{"key":"n"}`, "", `{"found":true} -4`},
		{ann, "cache.set", `{"key":"n"}`, "9223372036854775807", `{"stored":true}`},
		{ann, "cache.add", `{"key":"n"}`, "", "function-operation the sum is no number of 64 bits"},
		{ann, "cache.set", `{"key":"n"}`, "x", `{"stored":true}`},
		{ann, "cache.add", `{"key":"n"}`, "", "function-operation the value of this key is no whole number"},
		{ann, "cache.set", `{"key":"` + strings.Repeat("k", 512) + `"}`, "x", `{"stored":true}`},
		{ann, "cache.set", `{"key":"` + strings.Repeat("k", 513) + `"}`, "x", "function-operation a key has at most 512 bytes"},
	})
	for _, ttl := range []string{"0s", "-1s", "1", "d", "366d", "9999999999d", "1w", "1e3s", " 1s", "1d1d"} {
		if got := w.said(ann, "cache.set", `{"key":"a","ttl":"`+ttl+`"}`, "x"); !strings.HasPrefix(got, "function-operation ttl is a duration") {
			t.Errorf("ttl %q: %s", ttl, got)
		}
	}
	for ttl, want := range map[string]time.Duration{"500ms": time.Second, "1m30s": 90 * time.Second, "12h": 12 * time.Hour, "365d": 365 * 24 * time.Hour, "1.5s": 2 * time.Second} {
		w.said(ann, "cache.set", `{"key":"t","ttl":"`+ttl+`"}`, "x")
		reply, err := w.ask(ann, "cache.get", `{"key":"t"}`, "")
		if err != nil {
			t.Fatal(err)
		}
		var said struct {
			Found   bool      `json:"found"`
			Expires time.Time `json:"expires"`
		}
		if err := json.Unmarshal(reply.Head, &said); err != nil || !said.Found {
			t.Errorf("ttl %q: %s, %v", ttl, reply.Head, err)
		}
		if left := time.Until(said.Expires); left > want || left < want-time.Minute {
			t.Errorf("ttl %q ends in %s", ttl, left)
		}
	}
}

func TestSettings(t *testing.T) {
	w := open(t)
	w.walk([]asked{
		{nobody, "secret.get", `{"name":"KEY"}`, "", "hidden-value"},
		{nobody, "secret.get", `{"name":"key"}`, "", "42501 permission denied for secret key"},
		{nobody, "secret.get", `{"name":"CURRENCY"}`, "", "42501 permission denied for secret CURRENCY"},
		{nobody, "config.get", `{"name":"CURRENCY"}`, "", `{"value":"EUR \"x\""}`},
		{nobody, "config.get", `{"name":"KEY"}`, "", "42501 permission denied for setting KEY"},
	})
}
