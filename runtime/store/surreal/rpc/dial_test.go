package rpc_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/edge-hive/edge-hive/runtime/porttest"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

const secret = "correct horse battery"

// refused dials, and wants an error that holds each of the words and no
// password.
func refused(t testing.TB, o rpc.Options, words ...string) error {
	t.Helper()
	c, err := rpc.Dial(t.Context(), o)
	if err == nil {
		_ = c.Close()
		t.Fatal("it was let in")
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error does not say %q: %v", word, err)
		}
	}
	if strings.Contains(err.Error(), secret) {
		t.Errorf("the error tells the password: %v", err)
	}
	return err
}

func TestUsersOfEachLevel(t *testing.T) {
	noLeaks(t)
	o := options(surrealtest.Shared(t).URL)
	o.Connections = 1
	root := dial(t, o)
	suffix := o.Namespace
	for _, level := range []string{"ROOT", "NAMESPACE", "DATABASE"} {
		for _, role := range []string{"OWNER", "EDITOR", "VIEWER"} {
			name := strings.ToLower(level + role + suffix)
			must(t, root, "DEFINE USER "+name+" ON "+level+" PASSWORD '"+secret+"' ROLES "+role)
			as := o
			as.User, as.Password = name, secret
			t.Run(level+" "+role, func(t *testing.T) {
				if role != "OWNER" { // an editor may define tables, but no access method
					refused(t, as, name, level, "the role OWNER")
					return
				}
				c := dial(t, as)
				must(t, c, "DEFINE TABLE IF NOT EXISTS t SCHEMALESS; CREATE t")
				if level == "DATABASE" {
					other := as
					other.Database = "another"
					refused(t, other, name, "sign in")
					return
				}
				// Root and namespace users make the database, root users the namespace.
				other := as
				other.Database = "made by `" + name + "\\"
				if level == "ROOT" {
					other.Namespace += "_" + role
				}
				must(t, dial(t, other), "DEFINE TABLE t SCHEMALESS; CREATE t")
			})
			if level == "ROOT" {
				must(t, root, "REMOVE USER "+name+" ON ROOT")
			}
		}
	}
	as := o
	as.Password = secret
	refused(t, as, `"root"`, "password")
	// Nothing is left behind by looking what may be done.
	list := must(t, root, "RETURN object::len((INFO FOR DB).params)")
	if n := number(t, list[0]); n != 0 {
		t.Errorf("%d parameters were left behind", n)
	}
}

func TestManyNodesStartAtOnce(t *testing.T) {
	noLeaks(t)
	o := options(surrealtest.Shared(t).URL)
	o.Connections = 1
	results := make(chan error)
	for range 8 {
		go func() {
			c, err := rpc.Dial(t.Context(), o)
			if err == nil {
				_, err = c.Query(t.Context(), "RETURN 1", nil)
				_ = c.Close()
			}
			results <- err
		}()
	}
	for range 8 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

func TestDialOfNothing(t *testing.T) {
	noLeaks(t)
	address := porttest.Free(t).Address()
	silent, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	o := options("ws://" + address)
	o.Password = secret
	// Something listens and says nothing.
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := rpc.Dial(ctx, o); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), address) {
		t.Errorf("got %v", err)
	}
	_ = silent.Close()
	if err := refused(t, o, address, "refused"); !errors.Is(err, rpc.ErrUnavailable) {
		t.Errorf("got %v", err)
	}

	page := httptest.NewServer(http.NotFoundHandler())
	defer page.Close()
	o.URL = "ws" + strings.TrimPrefix(page.URL, "http")
	if err := refused(t, o, "404"); errors.Is(err, rpc.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	for url, word := range map[string]string{
		"http://" + address:                       "ws://",
		"ws://root:" + secret + "@h:1":            "HOST",
		"ws://root:" + secret[:7] + "@" + address: "credentials",
		"://": "HOST",
		"ws://" + address + "?password=" + "secret": "more than a path",
	} {
		o.URL = url
		refused(t, o, word)
	}
}

// fakeServer answers each request by its method: with a text, or an error where
// there is none.
func fakeServer(t *testing.T, answers map[string]string) string {
	t.Helper()
	up := websocket.Upgrader{Subprotocols: []string{"cbor"}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		socket, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer socket.Close()
		for {
			_, message, err := socket.ReadMessage()
			if err != nil {
				return
			}
			request := wire.NewReader(message)
			var id uint64
			var method string
			for range request.Map() {
				switch string(request.String()) {
				case "id":
					id = request.Uint()
				case "method":
					method = string(request.String())
				default:
					request.Skip()
				}
			}
			b := wire.AppendInt(wire.AppendString(wire.AppendMap(nil, 2), "id"), int64(id))
			if text, ok := answers[method]; ok {
				b = wire.AppendString(wire.AppendString(b, "result"), text)
			} else {
				b = wire.AppendMap(wire.AppendString(b, "error"), 1)
				b = wire.AppendString(wire.AppendString(b, "message"), "no such method")
			}
			if socket.WriteMessage(websocket.BinaryMessage, b) != nil {
				return
			}
		}
	}))
	t.Cleanup(server.Close)
	return "ws" + strings.TrimPrefix(server.URL, "http")
}

func TestVersions(t *testing.T) {
	noLeaks(t)
	for version, known := range map[string]bool{
		"surrealdb-1.5.6": false, "surrealdb-2.3.10": false, "surrealdb-4.0.0": false, "4": false, "": false, "surrealdb-nightly": false,
		"surrealdb-3.0.0": true, "surrealdb-3.1.0-beta.1": true, "3.7.2": true,
	} {
		err := refused(t, options(fakeServer(t, map[string]string{"version": version})))
		if errors.Is(err, rpc.ErrUnsupported) == known {
			t.Errorf("%q: %v", version, err)
		}
		if !known && (!strings.Contains(err.Error(), "3.0") || !strings.Contains(err.Error(), strings.TrimPrefix(version, "surrealdb-"))) {
			t.Errorf("%q: the error does not say what is there and what is needed: %v", version, err)
		}
	}
	if err := refused(t, options(fakeServer(t, nil))); !errors.Is(err, rpc.ErrUnsupported) {
		t.Errorf("got %v", err)
	}
}

// authority makes a certificate for the names, and the pool that trusts it.
func authority(t *testing.T, names ...string) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, roots
}

func TestTLS(t *testing.T) {
	noLeaks(t)
	server := surrealtest.Shared(t)
	right, roots := authority(t, "127.0.0.1")
	p, err := surrealtest.NewProxy(server.Address(), right)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	o := options(p.URL())
	o.Roots = roots
	c := dial(t, o)
	must(t, c, "DEFINE TABLE t SCHEMALESS; CREATE t:1")
	cut(t, p, c, o)
	must(t, c, "SELECT * FROM t:1")
	_ = c.Close()

	_, others := authority(t, "127.0.0.1")
	o.Roots = others
	refused(t, o, "certificate")
	o.Roots = nil
	refused(t, o, "certificate")

	wrong, wrongRoots := authority(t, "db.example.com")
	q, err := surrealtest.NewProxy(server.Address(), wrong)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	o = options(q.URL())
	o.Roots = wrongRoots
	refused(t, o, "127.0.0.1")
}
