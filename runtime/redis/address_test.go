package redis

import (
	"strings"
	"testing"
)

func TestAddressesAreReadStrictly(t *testing.T) {
	for text, want := range map[string]address{
		"redis://cache":                      {host: "cache:6379"},
		"redis://cache:7000/2":               {host: "cache:7000", number: 2},
		"rediss://u:p%40ss@10.0.0.1:1/15":    {host: "10.0.0.1:1", user: "u", password: "p@ss", number: 15, tls: true},
		"redis://:secret@[::1]:6379/":        {host: "[::1]:6379", password: "secret"},
		"redis://default:x@cache.internal.:": {},
		"":                                   {}, "cache:6379": {}, "http://cache": {}, "redis:cache": {}, "redis://": {}, "redis://:6379": {}, "redis://cache:0": {},
		"redis://cache:99999": {}, "redis://cache/x": {}, "redis://cache/-1": {}, "redis://cache/01": {}, "redis://cache/1/2": {}, "redis://cache?db=1": {},
		"redis://cache#1": {}, "redis://user@cache": {}, "redis://ca che": {}, "redis://cache/%zz": {}, "redis://..": {}, "unix:///tmp/redis.sock": {},
	} {
		got, err := parseURL(text)
		if (err != nil) != (want.host == "") || got != want && err == nil {
			t.Errorf("%q is %+v, %v; want %+v", text, got, err, want)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	for _, seed := range []string{"redis://u:hidden-1@h:1/2", "rediss://[::1]", "redis://:hidden-1@h?x=1", "x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := parseURL(text)
		if err != nil && strings.Contains(err.Error(), "hidden-1") {
			t.Errorf("the error tells the password: %v", err)
		}
		if err == nil && (a.host == "" || strings.ContainsAny(a.host, " /@?#\r\n")) {
			t.Errorf("%q is at %q", text, a.host)
		}
	})
}
