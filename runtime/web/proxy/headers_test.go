package proxy_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// TestHeadersThatServersSee holds what a server learns of a caller against what the
// caller claims, in all spellings.
func TestHeadersThatServersSee(t *testing.T) {
	var seen http.Header
	var host string
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) { seen, host = r.Header.Clone(), r.Host })
	f := newFront(t, declared(s.URL))
	get(t, client(t), f.URL+"/", "Host: www.example.com",
		"X-Forwarded-For: 6.6.6.6", "X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https", "X-Forwarded-Port: 1", "X-Forwarded-Prefix: /x",
		"Forwarded: for=6.6.6.6", "X-Real-Ip: 6.6.6.6", "X-Client-Ip: 6.6.6.6", "True-Client-Ip: 6.6.6.6", "X-Original-Url: /admin", "X-Rewrite-Url: /admin",
		"X_Forwarded_For: 6.6.6.6", "X_Real_Ip: 6.6.6.6", "X-Forwarded_For: 6.6.6.6", "Remote_User: root", "X.Forwarded.For: 6.6.6.6", "Proxy: http://evil.example",
		"Connection: close, X-Drop, X-Forwarded-For, X-Real-Ip", "X-Drop: 1", "Keep-Alive: 1", "Te: gzip", "Proxy-Authorization: Basic x",
		"X-Request-Id: forged", "X-Kept: yes", "Accept-Encoding: br", "Cookie: a=1", "Authorization: Basic YTpi")
	want := map[string]string{
		"X-Forwarded-For": "127.0.0.1", "X-Real-Ip": "127.0.0.1", "X-Forwarded-Host": "www.example.com", "X-Forwarded-Proto": "http",
		"X-Request-Id": "id-1", "X-Kept": "yes", "Accept-Encoding": "br", "Cookie": "a=1", "Authorization": "Basic YTpi", "User-Agent": "Go-http-client/1.1",
	}
	for name, values := range seen {
		if len(values) != 1 || values[0] != want[name] {
			t.Errorf("%s: %q, want %q", name, values, want[name])
		}
	}
	if len(seen) != len(want) || host != "www.example.com" {
		t.Errorf("%d headers, want %d; host %q", len(seen), len(want), host)
	}
}

func TestHeaderRules(t *testing.T) {
	var seen http.Header
	var host string
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen, host = r.Header.Clone(), r.Host
		w.Header().Set("X-Inner", "1")
		w.Header().Set("Cache-Control", "public")
		w.Header().Add("Link", "a")
	})
	d := declared(s.URL)
	d.Host, d.Credentials = "legacy.internal", false
	d.Request = manifest.Headers{
		Remove: []string{"x-kept"}, Set: []manifest.Setting{{Name: "x-user", Value: "{client} at {host} {id} {else}"}, {Name: "X-Fixed", Value: "f"}},
		Add: []manifest.Setting{{Name: "Accept", Value: "b"}},
	}
	d.Response = manifest.Headers{Remove: []string{"X-Inner"}, Set: []manifest.Setting{{Name: "Cache-Control", Value: "no-store"}}, Add: []manifest.Setting{{Name: "Link", Value: "b"}}}
	f := newFront(t, d)
	for range 2 { // what was added once is not added to the rule
		res, _ := get(t, client(t), f.URL+"/", "Host: www.example.com", "X-Kept: 1", "X-User: root", "X_User: root", "Accept: a", "Cookie: a=1", "Authorization: Bearer x", "Apikey: k")
		if got := seen["X-User"]; !slices.Equal(got, []string{"127.0.0.1 at www.example.com id-1 {else}"}) {
			t.Errorf("X-User %q", got)
		}
		if !slices.Equal(seen["Accept"], []string{"a", "b"}) || seen["X-Kept"] != nil || seen["X_user"] != nil || host != "legacy.internal" || seen.Get("X-Forwarded-Host") != "www.example.com" {
			t.Errorf("host %s, headers %v", host, seen)
		}
		if seen["Cookie"] != nil || seen["Authorization"] != nil || seen["Apikey"] != nil {
			t.Errorf("credentials: %v", seen)
		}
		if res.Header["X-Inner"] != nil || res.Header.Get("Cache-Control") != "no-store" || !slices.Equal(res.Header["Link"], []string{"a", "b"}) {
			t.Errorf("answer: %v", res.Header)
		}
	}
}

// TestServiceKeyIsWithheld looks for the master key in all that reaches a server.
func TestServiceKeyIsWithheld(t *testing.T) {
	var dump string
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) { dump = fmt.Sprint(r.RequestURI, r.Header) })
	f := newFront(t, declared(s.URL))
	escaped := strings.ReplaceAll(serviceKey, "e", "%65")
	for _, c := range []struct{ query, header, keeps string }{
		{"", "Authorization: Bearer " + serviceKey, ""},
		{"", "Authorization: bearer   " + serviceKey, ""},
		{"", "Apikey: " + serviceKey, ""},
		{"", "X-Api-Key: " + serviceKey, ""},
		{"", "Cookie: a=1; token=" + serviceKey, ""},
		{"", "Sec-Websocket-Protocol: chat, " + serviceKey, ""},
		{"?a=1&apikey=" + serviceKey + "&b=2", "", "a=1&b=2"},
		{"?a=1;apikey=" + serviceKey + "&b=%zz", "", "a=1&b=%zz"},
		{"?apikey=" + escaped, "", ""},
		{"?token=Bearer+" + serviceKey, "", ""},
	} {
		headers := []string{"X-Other: 1"}
		if c.header != "" {
			headers = append(headers, c.header)
		}
		get(t, client(t), f.URL+"/x"+c.query, headers...)
		if strings.Contains(dump, "c2lnbmF0dXJl") || strings.Contains(dump, escaped) || !strings.Contains(dump, c.keeps) || !strings.Contains(dump, "X-Other") {
			t.Errorf("%s %s: the server got %s", c.query, c.header, dump)
		}
	}
	get(t, client(t), f.URL+"/x?q=eyJ&r=a.b.c;d&&e", "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.eA")
	if !strings.Contains(dump, "/x?q=eyJ&r=a.b.c;d&&e") || !strings.Contains(dump, "eyJhbGciOiJIUzI1NiJ9.e30.eA") {
		t.Errorf("others' tokens are handed on, and a query as it is: %s", dump)
	}
}
