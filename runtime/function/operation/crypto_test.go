package operation_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

func (w *world) hex(name, head, body string) string {
	w.Helper()
	reply, err := w.ask(nobody, name, head, body)
	if err != nil {
		return err.Error()
	}
	return hex.EncodeToString(reply.Body)
}

func TestHashes(t *testing.T) {
	w := open(t)
	for name, want := range map[string]string{ // of "abc", FIPS 180-2 and RFC 1321
		"sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		"sha384": "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
		"sha512": "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
		"sha1":   "a9993e364706816aba3e25717850c26c9cd0d89d",
		"md5":    "900150983cd24fb0d6963f7d28e17f72",
	} {
		if got := w.hex("crypto.hash", `{"hash":"`+name+`"}`, "abc"); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	w.definition.Secrets["JEFE"] = manifest.NewSecretValue("Jefe")
	w.definition.Secrets["EMPTY"] = manifest.NewSecretValue("")
	const said = "what do ya want for nothing?" // RFC 4231, test case 2
	for head, want := range map[string]string{
		`{"hash":"sha256","secret":"JEFE"}`:  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
		`{"hash":"sha256","key":"SmVmZQ=="}`: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
		`{"hash":"sha256","key":"SmVmZQ"}`:   "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
		`{"hash":"sha1","secret":"JEFE"}`:    "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
	} {
		if got := w.hex("crypto.hmac", head, said); got != want {
			t.Errorf("%s: %s", head, got)
		}
	}
	w.walk([]asked{
		{nobody, "crypto.hash", `{"hash":"sha3"}`, "", `function-operation there is no hash "sha3"`},
		{nobody, "crypto.hmac", `{"hash":"sha256"}`, "", "function-operation the head names a secret, or has a key in base64: one of them"},
		{nobody, "crypto.hmac", `{"hash":"sha256","secret":"JEFE","key":"AA"}`, "", "function-operation the head names a secret, or has a key in base64: one of them"},
		{nobody, "crypto.hmac", `{"hash":"sha256","key":""}`, "", "function-operation the key is empty: anybody could make the tag"},
		{nobody, "crypto.hmac", `{"hash":"sha256","secret":"EMPTY"}`, "", "function-operation the key is empty: anybody could make the tag"},
		{nobody, "crypto.hmac", `{"hash":"sha256","key":"A A"}`, "", `function-operation the member "key" of the head is no base64`},
		{nobody, "crypto.equal", `{"to":"-_8="}`, "\xfb\xff", `{"equal":true}`},
		{nobody, "crypto.equal", `{"to":"+/8"}`, "\xfb\xff", `{"equal":true}`},
		{nobody, "crypto.equal", `{"to":"+/8"}`, "\xfb\xfe", `{"equal":false}`},
		{nobody, "crypto.equal", `{"to":""}`, "", `{"equal":true}`},
		{nobody, "crypto.equal", `{"to":"AA"}`, "", `{"equal":false}`},
		{nobody, "crypto.equal", `{"to":"A\nA"}`, "", `function-operation the member "to" of the head is no base64`},
	})
}

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func must[T any](made T, err error) T {
	if err != nil {
		panic(err)
	}
	return made
}

// quoted is a text as JSON.
func quoted(text string) string { return `"` + strings.ReplaceAll(text, "\n", `\n`) + `"` }

func TestSignatures(t *testing.T) {
	w := open(t)
	ec := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	other := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	rs := must(rsa.GenerateKey(rand.Reader, 2048))
	public, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	small := "-----BEGIN RSA PUBLIC KEY-----\nMEgCQQDAo88h4Q4+X1FQn0HLq8cS4JKqk0kq0oGDlkyMCuLfV5nHVvN7sJ5vPfxAf6YkAHo3WZ9gFhCQ0fZH7jZS0r2BAgMBAAE=\n-----END RSA PUBLIC KEY-----"
	for name, text := range map[string]string{
		"EC8": pemOf("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(ec))), "EC1": pemOf("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(ec))),
		"P384": pemOf("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(other))),
		"RS8":  pemOf("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(rs))), "RS1": pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rs)),
		"ED":  pemOf("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(ed))),
		"PUB": pemOf("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(public))), "CUT": pemOf("PRIVATE KEY", []byte{48, 0}),
	} {
		w.definition.Secrets[name] = manifest.NewSecretValue(text)
	}
	spki := func(key any) []byte { return must(x509.MarshalPKIXPublicKey(key)) }
	for _, test := range []struct {
		algorithm string
		secrets   []string
		method    jwt.SigningMethod
		key       any
		publics   []string
	}{
		{"ES256", []string{"EC8", "EC1"}, jwt.SigningMethodES256, &ec.PublicKey, []string{
			pemOf("PUBLIC KEY", spki(&ec.PublicKey)), base64.StdEncoding.EncodeToString(spki(&ec.PublicKey)),
			base64.RawURLEncoding.EncodeToString(must(ec.PublicKey.Bytes())),
		}},
		{"RS256", []string{"RS8", "RS1"}, jwt.SigningMethodRS256, &rs.PublicKey, []string{
			pemOf("PUBLIC KEY", spki(&rs.PublicKey)), pemOf("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rs.PublicKey)),
		}},
		{"EdDSA", []string{"ED"}, jwt.SigningMethodEdDSA, public, []string{pemOf("PUBLIC KEY", spki(public)), base64.StdEncoding.EncodeToString(public)}},
	} {
		for _, secret := range test.secrets {
			const message = "head.claims"
			reply, err := w.ask(ann, "crypto.sign", `{"algorithm":"`+test.algorithm+`","secret":"`+secret+`"}`, message)
			if err != nil {
				t.Fatalf("%s with %s: %v", test.algorithm, secret, err)
			}
			// Another library takes it as the signature of a token.
			if err := test.method.Verify(message, reply.Body, test.key); err != nil {
				t.Errorf("%s with %s: %v", test.algorithm, secret, err)
			}
			for _, key := range test.publics {
				verify := func(signature []byte, message string) string {
					return w.said(nobody, "crypto.verify", `{"algorithm":"`+test.algorithm+`","key":`+quoted(key)+`,"signature":"`+base64.StdEncoding.EncodeToString(signature)+`"}`, message)
				}
				if got := verify(reply.Body, message); got != `{"valid":true}` {
					t.Errorf("%s with %.40s: %s", test.algorithm, key, got)
				}
				changed := append([]byte(nil), reply.Body...)
				changed[len(changed)-1] ^= 1
				for _, wrong := range []string{verify(changed, message), verify(reply.Body, message+"x"), verify(nil, message), verify(reply.Body[1:], message), verify(make([]byte, 64), message)} {
					if wrong != `{"valid":false}` {
						t.Errorf("%s with %.40s, forged: %s", test.algorithm, key, wrong)
					}
				}
			}
		}
	}
	digest := sha256.Sum256([]byte("m"))
	asn1 := base64.StdEncoding.EncodeToString(must(ecdsa.SignASN1(rand.Reader, ec, digest[:])))
	key := quoted(pemOf("PUBLIC KEY", spki(&ec.PublicKey)))
	if got := w.said(nobody, "crypto.verify", `{"algorithm":"ES256","key":`+key+`,"signature":"`+asn1+`"}`, "m"); got != `{"valid":true}` {
		t.Errorf("ASN.1: %s", got)
	}
	for head, want := range map[string]string{
		`{"algorithm":"ES256","secret":"P384"}`: "the key is of another kind: the algorithm wants a key on P-256",
		`{"algorithm":"ES256","secret":"ED"}`:   "the key is of another kind: the algorithm wants a key on P-256",
		`{"algorithm":"EdDSA","secret":"EC8"}`:  "the key is of another kind: the algorithm wants an Ed25519 key",
		`{"algorithm":"RS256","secret":"ED"}`:   "the key is of another kind: the algorithm wants an RSA key",
		`{"algorithm":"ES256","secret":"KEY"}`:  "the secret is no PEM",
		`{"algorithm":"ES256","secret":"PUB"}`:  "the secret is the PEM of something else than a private key",
		`{"algorithm":"ES256","secret":"CUT"}`:  "the private key cannot be read",
		`{"algorithm":"none","secret":"EC8"}`:   `there is no algorithm "none"`,
		`{"algorithm":"HS256","secret":"EC8"}`:  `there is no algorithm "HS256"`,
	} {
		_, err := w.ask(ann, "crypto.sign", head, "m")
		f := fault.From(err)
		if f.Code != function.CodeOperation || f.Message != want || strings.Contains(err.Error(), "hidden-value") {
			t.Errorf("%s: %v", head, err)
		}
	}
	for key, want := range map[string]string{
		"x":                                "the public key cannot be read",
		"AAAA":                             "the public key cannot be read",
		"BA" + strings.Repeat("A", 85):     "the public key cannot be read",
		pemOf("PUBLIC KEY", []byte{48, 0}): "the public key cannot be read",
		pemOf("CERTIFICATE", spki(&ec.PublicKey)): "the public key cannot be read",
		"-----BEGIN":                      "the public key cannot be read",
		pemOf("PUBLIC KEY", spki(public)): "the key is of another kind: the algorithm wants an RSA key",
		small:                             "an RSA key has 2048 to 8192 bits",
	} {
		_, err := w.ask(ann, "crypto.verify", `{"algorithm":"RS256","key":`+quoted(key)+`,"signature":"AA"}`, "m")
		if f := fault.From(err); f.Code != function.CodeOperation || f.Message != want {
			t.Errorf("%.60s: %v", key, err)
		}
	}
}
