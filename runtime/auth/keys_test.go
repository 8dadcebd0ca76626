package auth_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

const strong = "k3Vd8sQ1xZr7Lw0pTn5Yb2Gh9Jc4Fm6A-test"

var moment = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newKeys(t testing.TB) *auth.Keys {
	t.Helper()
	k, err := auth.NewKeys(manifest.NewSecretValue(strong), func() time.Time { return moment })
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// token signs whatever claims and header, with any key.
func token(t testing.TB, key string, method jwt.SigningMethod, claims jwt.MapClaims, header map[string]any) string {
	t.Helper()
	made := jwt.NewWithClaims(method, claims)
	for name, value := range header {
		made.Header[name] = value
	}
	var with any = []byte(key)
	if method == jwt.SigningMethodNone {
		with = jwt.UnsafeAllowNoneSignatureType
	}
	text, err := made.SignedString(with)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// raw signs a payload as it stands, which no library would write.
func raw(t testing.TB, payload string) string {
	t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode([]byte(payload))
	signature, err := jwt.SigningMethodHS256.Sign(text, []byte(strong))
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + encode(signature)
}

func person(change func(jwt.MapClaims)) jwt.MapClaims {
	c := jwt.MapClaims{
		"sub": "7f0c1c1e-7d39-4d4b-9a6f-0d8a6c5a1f10", "aud": "authenticated", "role": "authenticated",
		"exp": moment.Add(time.Hour).Unix(), "iat": moment.Unix(), "email": "ann@example.com",
		"app_metadata": map[string]any{"role": "staff"}, "session_id": "s1",
	}
	if change != nil {
		change(c)
	}
	return c
}

func TestWeakSecretsAreRefused(t *testing.T) {
	for _, secret := range []string{
		"", "short", strings.Repeat("x", 31), strong[:31], strings.Repeat("ab", 32), strings.Repeat("abcdefg", 6),
		"super-secret-jwt-token-with-at-least-32-characters-long",
		"your-super-secret-jwt-token-with-at-least-32-characters-long",
		"a-string-secret-at-least-256-bits-long",
	} {
		_, err := auth.NewKeys(manifest.NewSecretValue(secret), nil)
		if !fault.Is(err, auth.CodeWeakSecret) {
			t.Errorf("secret %q: %v", secret, err)
			continue
		}
		if len(secret) > 8 && strings.Contains(err.Error(), secret) {
			t.Errorf("the fault tells the secret: %v", err)
		}
	}
}

func TestShortestSecretsAreTaken(t *testing.T) {
	for _, secret := range []string{strong[:32], strings.Repeat("abcdefgh", 4)} {
		if _, err := auth.NewKeys(manifest.NewSecretValue(secret), nil); err != nil {
			t.Errorf("%q: %v", secret, err)
		}
	}
}

func TestKeysAreStableAndOfTheirSecret(t *testing.T) {
	a, b := newKeys(t), newKeys(t)
	other, err := auth.NewKeys(manifest.NewSecretValue(strong+"2"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]func(*auth.Keys) string{
		"anon": (*auth.Keys).AnonJWT, "service": (*auth.Keys).ServiceJWT,
		"publishable": (*auth.Keys).Publishable, "secret": (*auth.Keys).Secret,
	} {
		if key(a) != key(b) || key(a) == key(other) || key(a) == "" {
			t.Errorf("%s key: %q, %q, other secret %q", name, key(a), key(b), key(other))
		}
	}
	if !strings.HasPrefix(a.Publishable(), "sb_publishable_") || !strings.HasPrefix(a.Secret(), "sb_secret_") {
		t.Errorf("opaque keys %q, %q", a.Publishable(), a.Secret())
	}
	for _, format := range []string{"%v", "%+v", "%s", "%#v", "%q", "%d", "%x"} {
		if text := fmt.Sprintf(format, a); text != "auth.Keys" {
			t.Errorf("%s prints %.100s", format, text)
		}
	}
	holder := struct{ keys *auth.Keys }{a}
	for _, format := range []string{"%v", "%+v", "%#v"} {
		if text := fmt.Sprintf(format, holder); len(text) > 100 {
			t.Errorf("%s of a holder prints more than an address: %.100s", format, text)
		}
	}
}

// TestKeysNeverChange: clients have these keys in their source, so that a new
// release must derive the same.
func TestKeysNeverChange(t *testing.T) {
	k := newKeys(t)
	payload := func(token string) string {
		text, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, test := range []struct{ name, got, want string }{
		{"anon", payload(k.AnonJWT()), `{"exp":2524608000,"iat":1735689600,"iss":"supabase","role":"anon"}`},
		{"service", payload(k.ServiceJWT()), `{"exp":2524608000,"iat":1735689600,"iss":"supabase","role":"service_role"}`},
		{"publishable", k.Publishable(), "sb_publishable_" + "3ppV7rJM4izDCR4rgu0jom9CkU7f12bH"},
		{"secret", k.Secret(), "sb_secret_" + "Nu1GCD5yCJ0CgrhHz1AKd4lv7QSZnKmk"},
	} {
		if test.got != test.want {
			t.Errorf("the %s key is %s, was %s", test.name, test.got, test.want)
		}
	}
}

func TestResolve(t *testing.T) {
	k := newKeys(t)
	ann := token(t, strong, jwt.SigningMethodHS256, person(nil), nil)
	ported := token(t, strong, jwt.SigningMethodHS256, jwt.MapClaims{"iss": "supabase", "ref": "abc", "role": "anon", "iat": 1700000000, "exp": 2000000000}, nil)
	foreign := token(t, strong+"x", jwt.SigningMethodHS256, jwt.MapClaims{"role": "service_role", "exp": 2000000000}, nil)
	tests := []struct {
		name, authorization, apikey string
		role                        auth.Role
		key                         auth.KeyState
		token                       bool
		fault                       string
	}{
		{"nothing", "", "", auth.Anon, auth.KeyAbsent, false, ""},
		{"publishable", "", k.Publishable(), auth.Anon, auth.KeyValid, false, ""},
		{"secret", "", k.Secret(), auth.Service, auth.KeyValid, false, ""},
		{"anon jwt", "", k.AnonJWT(), auth.Anon, auth.KeyValid, false, ""},
		{"service jwt", "", k.ServiceJWT(), auth.Service, auth.KeyValid, false, ""},
		{"ported anon jwt", "", ported, auth.Anon, auth.KeyValid, false, ""},
		{"unknown key", "", "nonsense", auth.Anon, auth.KeyUnknown, false, ""},
		{"unknown opaque key", "", "sb_secret_nonsense", auth.Anon, auth.KeyUnknown, false, ""},
		{"foreign key", "", foreign, auth.Anon, auth.KeyUnknown, false, ""},
		{"a person's token is no key", "", ann, auth.Anon, auth.KeyUnknown, false, ""},
		{"key as bearer too", "Bearer " + k.Publishable(), k.Publishable(), auth.Anon, auth.KeyValid, false, ""},
		{"opaque bearer does not beat the key", "Bearer " + k.Secret(), k.Publishable(), auth.Anon, auth.KeyValid, false, ""},
		{"opaque bearer does not lend to an unknown key", "Bearer " + k.Secret(), "nonsense", auth.Anon, auth.KeyUnknown, false, ""},
		{"opaque bearer alone", "Bearer " + k.Secret(), "", auth.Service, auth.KeyValid, false, ""},
		{"unknown opaque bearer is absent", "Bearer sb_nonsense", "", auth.Anon, auth.KeyAbsent, false, ""},
		{"person", "Bearer " + ann, k.Publishable(), auth.Authenticated, auth.KeyValid, true, ""},
		{"person without key", "bearer " + ann, "", auth.Authenticated, auth.KeyAbsent, true, ""},
		{"scheme in capitals", "BEARER  " + ann, "", auth.Authenticated, auth.KeyAbsent, true, ""},
		{"service bearer beats anon key", "Bearer " + k.ServiceJWT(), k.AnonJWT(), auth.Service, auth.KeyValid, true, ""},
		{"anon bearer beats service key", "Bearer " + k.AnonJWT(), k.ServiceJWT(), auth.Anon, auth.KeyValid, true, ""},
		{"person beats service key", "Bearer " + ann, k.Secret(), auth.Authenticated, auth.KeyValid, true, ""},
		{"empty bearer", "Bearer ", k.Publishable(), auth.Anon, auth.KeyValid, false, ""},
		{"other scheme", "Basic YTpi", k.Publishable(), auth.Anon, auth.KeyValid, false, ""},
		{"broken bearer", "Bearer a.b", k.Secret(), auth.Anon, auth.KeyValid, false, auth.CodeBadToken},
		{"foreign bearer", "Bearer " + foreign, k.Secret(), auth.Anon, auth.KeyValid, false, auth.CodeBadToken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := k.Resolve(tt.authorization, tt.apikey)
			if tt.fault != "" != (err != nil) || err != nil && !fault.Is(err, tt.fault) {
				t.Fatalf("error %v, want %q", err, tt.fault)
			}
			if r.Caller.Role != tt.role || r.Key != tt.key || r.Token != tt.token {
				t.Errorf("got %s, key %d, token %v", r.Caller.Role, r.Key, r.Token)
			}
		})
	}
}

func TestVerifyGivesThePerson(t *testing.T) {
	k := newKeys(t)
	text := token(t, strong, jwt.SigningMethodHS256, person(func(c jwt.MapClaims) { c["aud"] = []string{"authenticated"} }), nil)
	for range 2 { // the second comes from memory
		c, err := k.Verify(text)
		if err != nil {
			t.Fatal(err)
		}
		if c.UID != "7f0c1c1e-7d39-4d4b-9a6f-0d8a6c5a1f10" || c.Email != "ann@example.com" ||
			c.Claims != `{"role":"staff"}` || c.Session != "s1" || !c.Expires.Equal(moment.Add(time.Hour)) {
			t.Errorf("got %+v", *c)
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	k := newKeys(t)
	hs := jwt.SigningMethodHS256
	with := func(change func(jwt.MapClaims)) string { return token(t, strong, hs, person(change), nil) }
	header := func(name string, value any) string {
		return token(t, strong, hs, person(nil), map[string]any{name: value})
	}
	good := with(nil)
	parts := strings.Split(good, ".")
	tests := []struct{ name, token, code, message string }{
		{"one part", "abc", "PGRST301", "Expected 3 parts in JWT; got 1"},
		{"four parts", "a.b.c.d", "PGRST301", "Expected 3 parts in JWT; got 4"},
		{"many dots", strings.Repeat(".", 8000), "PGRST301", "Expected 3 parts in JWT; got 8001"},
		{"too long", strings.Repeat("a", 8193), "PGRST301", "JWT is longer than 8192 bytes"},
		{"no base64", "!.!.!", "PGRST301", "JWT cryptographic operation failed"},
		{"other secret", token(t, strong+"x", hs, person(nil), nil), "PGRST301", "JWT cryptographic operation failed"},
		{"changed payload", parts[0] + "." + parts[1] + "A." + parts[2], "PGRST301", ""},
		{"no signature", parts[0] + "." + parts[1] + ".", "PGRST301", "JWT cryptographic operation failed"},
		{"none", token(t, "", jwt.SigningMethodNone, person(nil), nil), "PGRST301", "JWT cryptographic operation failed"},
		{"hs384", token(t, strong, jwt.SigningMethodHS384, person(nil), nil), "PGRST301", "JWT cryptographic operation failed"},
		{"kid", header("kid", "1"), "PGRST301", "No suitable key or wrong key type"},
		{"crit", header("crit", []string{"exp"}), "PGRST301", "No suitable key or wrong key type"},
		{"jwk", header("jwk", map[string]string{"kty": "oct"}), "PGRST301", "No suitable key or wrong key type"},
		{"jku", header("jku", "https://example.com"), "PGRST301", "No suitable key or wrong key type"},
		{"x5u", header("x5u", "https://example.com"), "PGRST301", "No suitable key or wrong key type"},
		{"expired", with(func(c jwt.MapClaims) { c["exp"] = moment.Add(-30 * time.Second).Unix() }), "PGRST303", "JWT expired"},
		{"no exp", with(func(c jwt.MapClaims) { delete(c, "exp") }), "PGRST303", "JWT has no 'exp' claim"},
		{"null exp", with(func(c jwt.MapClaims) { c["exp"] = nil }), "PGRST303", ""},
		{"text exp", with(func(c jwt.MapClaims) { c["exp"] = "2000000000" }), "PGRST303", "Parsing claims failed"},
		{"huge exp", with(func(c jwt.MapClaims) { c["exp"] = 1e300 }), "PGRST303", "JWT has a time that is out of range"},
		{"exp in capitals", with(func(c jwt.MapClaims) { delete(c, "exp"); c["EXP"] = 2000000000 }), "PGRST303", ""},
		{"not yet", with(func(c jwt.MapClaims) { c["nbf"] = moment.Add(31 * time.Second).Unix() }), "PGRST303", "JWT not yet valid"},
		{"issued later", with(func(c jwt.MapClaims) { c["iat"] = moment.Add(31 * time.Second).Unix() }), "PGRST303", "JWT issued at future"},
		{"no role", with(func(c jwt.MapClaims) { delete(c, "role") }), "PGRST303", "JWT has no 'role' claim"},
		{"role of another type", with(func(c jwt.MapClaims) { c["role"] = 1 }), "PGRST303", "Parsing claims failed"},
		{"other role", with(func(c jwt.MapClaims) { c["role"] = "postgres" }), "PGRST303", ""},
		{"no sub", with(func(c jwt.MapClaims) { delete(c, "sub") }), "PGRST303", ""},
		{"empty sub", with(func(c jwt.MapClaims) { c["sub"] = "" }), "PGRST303", ""},
		{"sub of another type", with(func(c jwt.MapClaims) { c["sub"] = 1 }), "PGRST303", "Parsing claims failed"},
		{"no aud", with(func(c jwt.MapClaims) { delete(c, "aud") }), "PGRST303", "JWT not in audience"},
		{"other aud", with(func(c jwt.MapClaims) { c["aud"] = []string{"other"} }), "PGRST303", "JWT not in audience"},
		{"app_metadata no object", with(func(c jwt.MapClaims) { c["app_metadata"] = "x" }), "PGRST303", ""},
		{"app_metadata a list", with(func(c jwt.MapClaims) { c["app_metadata"] = []string{} }), "PGRST303", ""},
		{"long sub", with(func(c jwt.MapClaims) { c["sub"] = strings.Repeat("s", 256) }), "PGRST303", "JWT has no usable 'sub' claim"},
		{"aud of another type", with(func(c jwt.MapClaims) { c["aud"] = 1 }), "PGRST303", "Parsing claims failed"},
		{"no audience", with(func(c jwt.MapClaims) { c["aud"] = []string{} }), "PGRST303", "JWT not in audience"},
		{"time out of range", with(func(c jwt.MapClaims) { c["nbf"] = -1e18 }), "PGRST303", "JWT has a time that is out of range"},
		{"role twice", raw(t, `{"role":"anon","exp":2000000000,"role":"service_role"}`), "PGRST303", "Parsing claims failed"},
		{"claim twice inside", raw(t, `{"role":"authenticated","sub":"u","aud":"authenticated","exp":2000000000,"app_metadata":{"a":1,"a":2}}`), "PGRST303", "Parsing claims failed"},
		{"payload no object", raw(t, `[]`), "PGRST303", "Parsing claims failed"},
		{"payload no JSON", raw(t, `{`), "PGRST301", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := k.Verify(tt.token)
			f := fault.From(err)
			if f == nil || f.Code != tt.code || tt.message != "" && f.Message != tt.message {
				t.Errorf("got %+v, %v; want %s %s", c, err, tt.code, tt.message)
			}
		})
	}
}

func TestLeeway(t *testing.T) {
	k := newKeys(t)
	text := token(t, strong, jwt.SigningMethodHS256, person(func(c jwt.MapClaims) {
		c["exp"] = moment.Add(-29 * time.Second).Unix()
		c["nbf"] = moment.Add(30 * time.Second).Unix()
		c["iat"] = moment.Add(30 * time.Second).Unix()
	}), nil)
	if _, err := k.Verify(text); err != nil {
		t.Error(err)
	}
}

// TestMemoryKeepsTokensApart verifies two tokens that compete for one place in
// the memory of verified tokens, in turns.
func TestMemoryKeepsTokensApart(t *testing.T) {
	k := newKeys(t)
	issue := func(subject string) string {
		return token(t, strong, jwt.SigningMethodHS256, person(func(c jwt.MapClaims) { c["sub"] = subject }), nil)
	}
	place := func(token string) uint64 {
		sum := sha256.Sum256([]byte(token))
		return binary.LittleEndian.Uint64(sum[:]) % 4096
	}
	subjects := map[uint64]string{}
	for i := 0; ; i++ {
		a := fmt.Sprint("user", i)
		b, taken := subjects[place(issue(a))]
		if !taken {
			subjects[place(issue(a))] = a
			continue
		}
		for _, subject := range []string{a, b, b, a, a} {
			if c, err := k.Verify(issue(subject)); err != nil || c.UID != subject {
				t.Fatalf("the token of %s is %+v, %v", subject, c, err)
			}
		}
		return
	}
}

func TestMemoryRemembers(t *testing.T) {
	k := newKeys(t)
	text := token(t, strong, jwt.SigningMethodHS256, person(nil), nil)
	first, err := k.Verify(text)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := k.Verify(text); err != nil || second != first {
		t.Errorf("the same token made another caller: %p, %p, %v", first, second, err)
	}
}

func TestMemoryForgetsTheExpired(t *testing.T) {
	now := moment
	k, err := auth.NewKeys(manifest.NewSecretValue(strong), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	text := token(t, strong, jwt.SigningMethodHS256, person(nil), nil)
	if _, err := k.Verify(text); err != nil {
		t.Fatal(err)
	}
	now = moment.Add(time.Hour + auth.Leeway)
	if _, err := k.Verify(text); !fault.Is(err, auth.CodeBadClaims) {
		t.Errorf("an expired token that was seen before: %v", err)
	}
}

func TestIssueVerifies(t *testing.T) {
	k := newKeys(t)
	text, err := k.Issue(auth.Claims{
		Subject: "u1", Email: "a@b.c", AppMetadata: `{"role": "staff"}`, Session: "s",
		Issued: moment, Expires: moment.Add(time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := k.Verify(text)
	if err != nil {
		t.Fatal(err)
	}
	if c.Role != auth.Authenticated || c.UID != "u1" || c.Email != "a@b.c" || c.Claims != `{"role":"staff"}` || c.Session != "s" {
		t.Errorf("got %+v", *c)
	}
	longest := auth.Claims{Subject: strings.Repeat("s", 255), Issued: moment, Expires: moment.Add(time.Second)}
	if text, err = k.Issue(longest); err != nil {
		t.Fatal(err)
	}
	if c, err := k.Verify(text); err != nil || c.UID != longest.Subject || c.Claims != "{}" || c.Session != "" {
		t.Errorf("the longest subject: %+v, %v", c, err)
	}
	for name, claims := range map[string]auth.Claims{
		"long subject":  {Subject: strings.Repeat("s", 256), Issued: moment, Expires: moment.Add(time.Hour)},
		"user metadata": {Subject: "u1", UserMetadata: `1`, Issued: moment, Expires: moment.Add(time.Hour)},
		"no JSON":       {Subject: "u1", AppMetadata: `{"a":}`, Issued: moment, Expires: moment.Add(time.Hour)},
		"no subject":    {Issued: moment, Expires: moment.Add(time.Hour)},
		"no expiry":     {Subject: "u1", Issued: moment},
		"metadata":      {Subject: "u1", AppMetadata: `[]`, Issued: moment, Expires: moment.Add(time.Hour)},
		"giant":         {Subject: "u1", UserMetadata: `{"a":"` + strings.Repeat("x", 8<<10) + `"}`, Issued: moment, Expires: moment.Add(time.Hour)},
	} {
		if _, err := k.Issue(claims); err == nil {
			t.Errorf("%s: issued", name)
		}
	}
}

func FuzzVerify(f *testing.F) {
	k := newKeys(f)
	f.Add(k.AnonJWT())
	f.Add(token(f, strong, jwt.SigningMethodHS256, person(nil), nil))
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := k.Verify(text)
		if (c == nil) == (err == nil) {
			t.Fatalf("%v, %v", c, err)
		}
		if err != nil && fault.From(err).Code == fault.CodeInternal {
			t.Fatalf("internal: %v", err)
		}
	})
}

func BenchmarkVerifySeen(b *testing.B) {
	k := newKeys(b)
	text := token(b, strong, jwt.SigningMethodHS256, person(nil), nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Verify(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyNew(b *testing.B) {
	k := newKeys(b)
	texts := make([]string, 50000) // more than are remembered
	for i := range texts {
		texts[i] = token(b, strong, jwt.SigningMethodHS256, person(func(c jwt.MapClaims) { c["session_id"] = fmt.Sprint(i) }), nil)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if _, err := k.Verify(texts[i%len(texts)]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkResolveKeyAndToken(b *testing.B) {
	k := newKeys(b)
	bearer := "Bearer " + token(b, strong, jwt.SigningMethodHS256, person(nil), nil)
	key := k.Publishable()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Resolve(bearer, key); err != nil {
			b.Fatal(err)
		}
	}
}
