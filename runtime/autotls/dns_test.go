package autotls

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/autotls/pebbletest"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// The secrets of a provider's customer.
const (
	dnsToken  = "a0123456789bcdefa0123456789bcdefa0123456789bcdefa0123456789bcdef"
	dnsKey    = "AKIAEXAMPLE"
	wrongSaid = "who is that"
)

// providerAPI stands in for what providers of DNS have on the internet: the zone of
// example.com behind the parts of their documented interfaces that clients ask for.
type providerAPI struct {
	zone *pebbletest.Zone

	mu      sync.Mutex
	asked   []string // who was asked for what
	records map[string][2]string
}

// startProviders starts it, with a proxy that leads every host to it, and gives what a
// process needs to come to it.
func startProviders(t *testing.T, zone *pebbletest.Zone) (*providerAPI, []string) {
	t.Helper()
	api := &providerAPI{zone: zone, records: map[string][2]string{}}
	key := newECDSA(t)
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "The internet"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"api.cloudflare.com", "api.digitalocean.com", "api.hetzner.cloud", "route53.amazonaws.com"}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	roots := filepath.Join(t.TempDir(), "internet.pem")
	write(t, roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	server := httptest.NewUnstartedServer(api)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			http.Error(w, "only CONNECT", http.StatusMethodNotAllowed)
			return
		}
		out, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer out.Close()
		in, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer in.Close()
		_, _ = io.WriteString(in, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
		_, _ = io.Copy(in, out)
	}))
	t.Cleanup(proxy.Close)
	return api, []string{
		"HTTPS_PROXY=" + proxy.URL, "https_proxy=" + proxy.URL, "NO_PROXY=", "no_proxy=", "SSL_CERT_FILE=" + roots,
		"AWS_PROFILE=", "AWS_CONFIG_FILE=/nonexistent", "AWS_SHARED_CREDENTIALS_FILE=/nonexistent", "AWS_CA_BUNDLE=" + roots,
	}
}

func (p *providerAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, r.Method+" "+r.Host+r.URL.Path)
	allowed := r.Header.Get("Authorization") == "Bearer "+dnsToken
	if r.Host == "route53.amazonaws.com" {
		allowed = strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential="+dnsKey+"/")
		p.route53(w, r, allowed)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	serve := map[string]func(*http.Request) (int, any){"api.cloudflare.com": p.cloudflare, "api.digitalocean.com": p.digitalOcean, "api.hetzner.cloud": p.hetzner}[r.Host]
	status, answer := http.StatusForbidden, any(map[string]any{
		"success": false, "errors": []any{map[string]any{"code": 10000, "message": wrongSaid}}, // Cloudflare
		"id": "forbidden", "message": wrongSaid, // DigitalOcean
		"error": map[string]any{"code": "forbidden", "message": wrongSaid}, // Hetzner
	})
	if allowed && serve != nil {
		status, answer = serve(r)
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

// hosts are who was asked for what, so far.
func (p *providerAPI) hosts() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked)
}

// put and take keep records by a number, as those do who have one for each.
func (p *providerAPI) put(name, text string) string {
	id := fmt.Sprint(len(p.asked))
	p.records[id] = [2]string{name, text}
	p.zone.Put(name, text)
	return id
}

func (p *providerAPI) take(path string) {
	id := path[strings.LastIndexByte(path, '/')+1:]
	if record, ok := p.records[id]; ok {
		p.zone.Take(record[0], record[1])
		delete(p.records, id)
	}
}

func (p *providerAPI) cloudflare(r *http.Request) (int, any) {
	done := func(result any) (int, any) { return http.StatusOK, map[string]any{"success": true, "result": result} }
	const records = "/client/v4/zones/z1/dns_records"
	switch {
	case r.URL.Path == "/client/v4/zones" && strings.TrimSuffix(r.URL.Query().Get("name"), ".") == "example.com":
		return done([]any{map[string]string{"id": "z1", "name": "example.com"}})
	case r.URL.Path == records && r.Method == http.MethodPost:
		var record struct{ Type, Name, Content string }
		if err := json.NewDecoder(r.Body).Decode(&record); err != nil || record.Type != "TXT" {
			return http.StatusBadRequest, nil
		}
		if !strings.HasSuffix(record.Name, ".example.com") { // it is completed
			record.Name += ".example.com"
		}
		text := strings.Trim(record.Content, `"`)
		return done(map[string]any{"id": p.put(record.Name, text), "zone_id": "z1", "type": "TXT", "name": record.Name, "content": record.Content})
	case r.URL.Path == records:
		found := []any{}
		for id, record := range p.records {
			found = append(found, map[string]any{"id": id, "zone_id": "z1", "type": "TXT", "name": record[0], "content": `"` + record[1] + `"`})
		}
		return done(found)
	case strings.HasPrefix(r.URL.Path, records+"/") && r.Method == http.MethodDelete:
		p.take(r.URL.Path)
		return done(nil)
	}
	return http.StatusNotFound, nil
}

func (p *providerAPI) digitalOcean(r *http.Request) (int, any) {
	const records = "/v2/domains/example.com/records"
	type record struct {
		ID   json.Number `json:"id"`
		Type string      `json:"type"`
		Name string      `json:"name"`
		Data string      `json:"data"`
	}
	switch {
	case r.URL.Path == records && r.Method == http.MethodPost:
		var one record
		if err := json.NewDecoder(r.Body).Decode(&one); err != nil || one.Type != "TXT" {
			return http.StatusUnprocessableEntity, nil
		}
		one.ID = json.Number(p.put(one.Name+".example.com", one.Data))
		return http.StatusCreated, map[string]any{"domain_record": one}
	case r.URL.Path == records:
		all := []record{}
		for id, one := range p.records {
			all = append(all, record{json.Number(id), "TXT", strings.TrimSuffix(one[0], ".example.com"), one[1]})
		}
		return http.StatusOK, map[string]any{"domain_records": all, "links": map[string]any{}, "meta": map[string]any{"total": len(all)}}
	case strings.HasPrefix(r.URL.Path, records+"/") && r.Method == http.MethodDelete:
		p.take(r.URL.Path)
		return http.StatusNoContent, nil
	}
	return http.StatusNotFound, nil
}

func (p *providerAPI) hetzner(r *http.Request) (int, any) {
	rest, found := strings.CutPrefix(r.URL.Path, "/v1/zones/example.com/rrsets/")
	name, action, ok := strings.Cut(rest, "/TXT/actions/")
	var change struct{ Records []struct{ Value string } }
	if !found || !ok || json.NewDecoder(r.Body).Decode(&change) != nil {
		return http.StatusNotFound, map[string]any{"error": map[string]any{"code": "not_found", "message": "no such thing"}}
	}
	for _, record := range change.Records {
		text := strings.Trim(record.Value, `"`)
		if action == "add_records" {
			p.put(name+".example.com", text)
		} else {
			p.zone.Take(name+".example.com", text)
		}
	}
	return http.StatusCreated, map[string]any{"action": map[string]any{"id": 1, "command": action, "status": "success", "progress": 100, "started": "2026-01-01T00:00:00Z", "finished": "2026-01-01T00:00:01Z", "resources": []any{}}}
}

func (p *providerAPI) route53(w http.ResponseWriter, r *http.Request, allowed bool) {
	type set struct {
		Name   string   `xml:"Name"`
		Type   string   `xml:"Type"`
		TTL    int      `xml:"TTL"`
		Values []string `xml:"ResourceRecords>ResourceRecord>Value"`
	}
	const name, zone = "_acme-challenge.example.com.", "/2013-04-01/hostedzone/Z1/rrset"
	w.Header().Set("Content-Type", "text/xml")
	switch {
	case !allowed:
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `<ErrorResponse><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code><Message>`+wrongSaid+`</Message></Error></ErrorResponse>`)
	case r.URL.Path == "/2013-04-01/hostedzonesbyname":
		_, _ = io.WriteString(w, `<ListHostedZonesByNameResponse><HostedZones><HostedZone><Id>/hostedzone/Z1</Id><Name>example.com.</Name><CallerReference>x</CallerReference><Config><PrivateZone>false</PrivateZone></Config></HostedZone></HostedZones><IsTruncated>false</IsTruncated><MaxItems>1</MaxItems></ListHostedZonesByNameResponse>`)
	case strings.TrimSuffix(r.URL.Path, "/") == zone && r.Method == http.MethodGet:
		var all []set
		if texts := p.zone.Texts(name); len(texts) > 0 {
			quoted := make([]string, len(texts))
			for i, text := range texts {
				quoted[i] = `"` + text + `"`
			}
			all = append(all, set{name, "TXT", 60, quoted})
		}
		text, _ := xml.Marshal(struct {
			XMLName xml.Name `xml:"ListResourceRecordSetsResponse"`
			Sets    []set    `xml:"ResourceRecordSets>ResourceRecordSet"`
			More    bool     `xml:"IsTruncated"`
		}{Sets: all})
		_, _ = w.Write(text)
	case strings.TrimSuffix(r.URL.Path, "/") == zone:
		var change struct {
			Changes []struct {
				Action string
				Set    set `xml:"ResourceRecordSet"`
			} `xml:"ChangeBatch>Changes>Change"`
		}
		if err := xml.NewDecoder(r.Body).Decode(&change); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		for _, one := range change.Changes {
			for _, text := range p.zone.Texts(one.Set.Name) {
				p.zone.Take(one.Set.Name, text)
			}
			for _, value := range one.Set.Values {
				if one.Action != "DELETE" {
					p.zone.Put(one.Set.Name, strings.Trim(value, `"`))
				}
			}
		}
		_, _ = io.WriteString(w, `<ChangeResourceRecordSetsResponse><ChangeInfo><Id>/change/C1</Id><Status>INSYNC</Status><SubmittedAt>2026-01-01T00:00:00Z</SubmittedAt></ChangeInfo></ChangeResourceRecordSetsResponse>`)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// TestProvidersOfDNS has a wildcard certified by each provider's own client, unchanged,
// in a process whose internet stands in for the provider; and told that its token is
// wrong.
func TestProvidersOfDNS(t *testing.T) {
	t.Parallel()
	env := func(name string) *manifest.Secret { return &manifest.Secret{Env: name} }
	for host, dns := range map[string]manifest.DNS{
		"api.cloudflare.com":    {Provider: manifest.Cloudflare, Token: env("DNS_TOKEN")},
		"api.digitalocean.com":  {Provider: manifest.DigitalOcean, Token: env("DNS_TOKEN")},
		"api.hetzner.cloud":     {Provider: manifest.Hetzner, Token: env("DNS_TOKEN")},
		"route53.amazonaws.com": {Provider: manifest.Route53, Region: "eu-central-1", Key: env("DNS_KEY"), Secret: env("DNS_TOKEN")},
	} {
		t.Run(dns.Provider, func(t *testing.T) {
			t.Parallel()
			a := pebbletest.Start(t, pebbletest.Options{})
			api, environment := startProviders(t, a.Zone)
			dns.Propagation, dns.Resolvers = 2*time.Minute, []string{a.Zone.Address}
			ask := func(token, key string) (state string, log []byte) {
				c := startChild(t, child{Do: "dns", Dir: t.TempDir(), Directory: a.Directory, Roots: a.RootsFile, Domain: "*.example.com", DNS: &dns}, append(environment, "DNS_TOKEN="+token, "DNS_KEY="+key)...)
				state = c.line()
				_ = c.command.Wait()
				return state, c.said.Bytes()
			}
			state, log := ask(dnsToken, dnsKey)
			if state != Valid {
				t.Fatalf("%s; asked were %v: %s", state, api.hosts(), tailOf(log))
			}
			if a.Zone.Made() == 0 || a.Zone.Left() != 0 {
				t.Errorf("%d records were made, %d are left", a.Zone.Made(), a.Zone.Left())
			}
			if !slices.ContainsFunc(api.hosts(), func(one string) bool { return strings.Contains(one, host) }) {
				t.Errorf("asked were %v", api.hosts())
			}
			if bytes.Contains(log, []byte(dnsToken)) {
				t.Error("the token is in the log")
			}

			const wrong = "f9876543210edcbaf9876543210edcbaf9876543210edcbaf9876543210edcba"
			state, log = ask(wrong, "AKIAWRONG")
			if state != Pending+" other" || !bytes.Contains(log, []byte(wrongSaid)) {
				t.Errorf("with a wrong token: %s: %s", state, tailOf(log))
			}
			if bytes.Contains(log, []byte(wrong)) {
				t.Error("the wrong token is in the log")
			}
		})
	}
}

// TestSettingsOfAWS has a machine's own be of no use: that is said, where the client
// would end the process.
func TestSettingsOfAWS(t *testing.T) {
	t.Setenv("DNS_KEY", dnsKey)
	t.Setenv("DNS_TOKEN", dnsToken)
	t.Setenv("AWS_PROFILE", "nobody")
	n := newNode(t)
	_, err := n.c.Prepare(&manifest.TLS{
		Kind: manifest.ACME, Domains: []string{"*.example.com"}, Path: "server.tls",
		DNS: &manifest.DNS{Provider: manifest.Route53, Region: "eu-central-1", Key: &manifest.Secret{Env: "DNS_KEY"}, Secret: &manifest.Secret{Env: "DNS_TOKEN"}, Path: "server.tls.dns"},
	}, NewDisk(t.TempDir()))
	var wrong *fault.Fault
	if !errors.As(err, &wrong) || wrong.Path != "server.tls.dns" || !strings.Contains(wrong.Message, "nobody") || strings.Contains(wrong.Message, dnsToken) {
		t.Errorf("%v", err)
	}
}

func tailOf(text []byte) []byte { return text[max(0, len(text)-4000):] }
