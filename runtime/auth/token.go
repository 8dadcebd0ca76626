package auth

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// The codes of tokens that are refused, as PostgREST has them.
const (
	CodeBadToken  = "PGRST301" // not a token of ours
	CodeBadClaims = "PGRST303" // ours, but expired or not for this
)

// Leeway is how far clocks may be apart when a token's times are judged.
const Leeway = 30 * time.Second

const (
	maxToken   = 8 << 10 // bytes
	maxSubject = 255     // bytes, as a text key
	maxClock   = 1 << 53 // seconds; what a time in a token may be
)

// Claims is what an access token says of a person.
type Claims struct {
	Issuer       string // "" is "edge-hive"
	Subject      string // the user's id
	Email        string
	AppMetadata  string // a JSON object, what rules see as auth.claims; "" is {}
	UserMetadata string // a JSON object; "" is {}
	Session      string // "" for none
	Issued       time.Time
	Expires      time.Time
}

// Issue signs an access token for a person who is signed in.
func (k *Keys) Issue(c Claims) (string, error) {
	if c.Subject == "" || len(c.Subject) > maxSubject {
		return "", fmt.Errorf("a token needs a subject of 1 to %d bytes", maxSubject)
	}
	if !c.Expires.After(c.Issued) {
		return "", errors.New("a token must expire after it was issued")
	}
	app, err := object(c.AppMetadata)
	if err != nil {
		return "", fmt.Errorf("app_metadata: %w", err)
	}
	user, err := object(c.UserMetadata)
	if err != nil {
		return "", fmt.Errorf("user_metadata: %w", err)
	}
	issuer := c.Issuer
	if issuer == "" {
		issuer = "edge-hive"
	}
	claims := map[string]any{
		"iss": issuer, "sub": c.Subject, "aud": string(Authenticated), "role": string(Authenticated),
		"iat": c.Issued.Unix(), "exp": c.Expires.Unix(),
		"email": c.Email, "phone": "", "app_metadata": app, "user_metadata": user,
		"aal": "aal1", "is_anonymous": false,
	}
	if c.Session != "" {
		claims["session_id"] = c.Session
	}
	text, err := k.sign(claims)
	if err == nil && len(text) > maxToken {
		return "", fmt.Errorf("the token has %d bytes, at most %d are accepted: shorten its metadata", len(text), maxToken)
	}
	return text, err
}

// object checks that text is a JSON object.
func object(text string) (rawObject, error) {
	if text == "" {
		return rawObject("{}"), nil
	}
	value := jsontext.Value(text)
	if !value.IsValid() || value.Kind() != '{' {
		return nil, errors.New("not a JSON object")
	}
	return rawObject(text), nil
}

// rawObject is JSON that goes into a token as it is.
type rawObject []byte

// MarshalJSON gives the text itself.
func (r rawObject) MarshalJSON() ([]byte, error) { return r, nil }

func (k *Keys) sign(claims map[string]any) (string, error) {
	return jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims(claims)).SignedString(k.secret)
}

// Verify gives the caller of a token that this secret signed and whose times
// are right. Faults are PGRST301 (not ours, or malformed) and PGRST303
// (expired, or its claims are not what they must be).
func (k *Keys) Verify(token string) (*Caller, error) {
	if len(token) > maxToken {
		return nil, fault.Newf(CodeBadToken, "JWT is longer than %d bytes", maxToken)
	}
	now := k.clock()
	sum := sha256.Sum256([]byte(token))
	if caller := k.seen.find(&sum); caller != nil && now.Before(caller.Expires.Add(Leeway)) {
		return caller, nil
	}
	if parts := strings.Count(token, ".") + 1; parts != 3 {
		return nil, fault.Newf(CodeBadToken, "Expected 3 parts in JWT; got %d", parts)
	}
	var c tokenClaims
	if _, err := parser().ParseWithClaims(token, &c, k.keyFor); err != nil {
		return nil, refuse(err)
	}
	caller, err := c.caller(now)
	if err != nil {
		return nil, err
	}
	k.seen.keep(&sum, caller)
	return caller, nil
}

// parser pins the algorithm. The claims are judged by tokenClaims.
func parser() *jwt.Parser {
	return jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation())
}

var errHeader = errors.New("a header parameter that is not accepted")

// keyFor refuses tokens whose header asks for another key than ours, or for
// something that we would have to understand.
func (k *Keys) keyFor(t *jwt.Token) (any, error) {
	for _, parameter := range []string{"crit", "kid", "jwk", "jku", "x5u", "x5c", "b64", "zip", "enc"} {
		if _, present := t.Header[parameter]; present {
			return nil, errHeader
		}
	}
	return k.secret, nil
}

// refuse says in PostgREST's words why a token is none of ours.
func refuse(err error) error {
	switch {
	case errors.Is(err, errHeader), errors.Is(err, jwt.ErrTokenUnverifiable):
		return fault.New(CodeBadToken, "No suitable key or wrong key type").WithCause(err)
	case errors.Is(err, errClaims):
		return fault.New(CodeBadClaims, "Parsing claims failed").WithCause(err)
	}
	return fault.New(CodeBadToken, "JWT cryptographic operation failed").WithCause(err)
}

// errClaims is a payload that is JSON of another shape than a token's.
var errClaims = errors.New("claims of a wrong type")

// tokenClaims is a token's payload, by type.
type tokenClaims struct {
	Role        *string        `json:"role"`
	Subject     string         `json:"sub"`
	Audience    audience       `json:"aud"`
	Expires     *float64       `json:"exp"`
	NotBefore   *float64       `json:"nbf"`
	Issued      *float64       `json:"iat"`
	Email       string         `json:"email"`
	Session     string         `json:"session_id"`
	AppMetadata jsontext.Value `json:"app_metadata"`
}

// UnmarshalJSON reads names exactly and refuses one that comes twice, which
// encoding/json does not.
func (c *tokenClaims) UnmarshalJSON(raw []byte) error {
	type plain tokenClaims
	if err := json.Unmarshal(raw, (*plain)(c)); err != nil {
		return fmt.Errorf("%w: %w", errClaims, err)
	}
	return nil
}

// audience is a string, or an array of strings.
type audience []string

// UnmarshalJSON takes both forms.
func (a *audience) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '"' {
		*a = make(audience, 1)
		return json.Unmarshal(raw, &(*a)[0])
	}
	return json.Unmarshal(raw, (*[]string)(a))
}

func (a audience) has(name string) bool {
	for _, one := range a {
		if one == name {
			return true
		}
	}
	return false
}

// caller judges the claims at a moment.
func (c *tokenClaims) caller(now time.Time) (*Caller, error) {
	if c.Expires == nil {
		return nil, fault.New(CodeBadClaims, "JWT has no 'exp' claim")
	}
	expires, err := clock(c.Expires)
	if err != nil {
		return nil, err
	}
	if !now.Before(expires.Add(Leeway)) {
		return nil, fault.New(CodeBadClaims, "JWT expired")
	}
	for _, claim := range []struct {
		value *float64
		text  string
	}{{c.NotBefore, "JWT not yet valid"}, {c.Issued, "JWT issued at future"}} {
		at, err := clock(claim.value)
		if err != nil {
			return nil, err
		}
		if at.After(now.Add(Leeway)) {
			return nil, fault.New(CodeBadClaims, claim.text)
		}
	}
	return c.identity(expires)
}

// identity is the caller whom the claims name.
func (c *tokenClaims) identity(expires time.Time) (*Caller, error) {
	if c.Role == nil {
		return nil, fault.New(CodeBadClaims, "JWT has no 'role' claim")
	}
	caller := &Caller{Role: Role(*c.Role), Claims: "{}", Expires: expires}
	switch caller.Role {
	case Anon, Service:
		return caller, nil
	case Authenticated:
	default:
		return nil, fault.New(CodeBadClaims, "JWT has a 'role' claim that is none of anon, authenticated, service_role")
	}
	if c.Subject == "" || len(c.Subject) > maxSubject {
		return nil, fault.New(CodeBadClaims, "JWT has no usable 'sub' claim")
	}
	if !c.Audience.has(string(Authenticated)) {
		return nil, fault.New(CodeBadClaims, "JWT not in audience")
	}
	switch c.AppMetadata.Kind() {
	case '{':
		if err := c.AppMetadata.Compact(); err != nil {
			return nil, fault.New(CodeBadClaims, "Parsing claims failed").WithCause(err)
		}
		caller.Claims = string(c.AppMetadata)
	case 'n', jsontext.KindInvalid:
	default:
		return nil, fault.New(CodeBadClaims, "JWT has an 'app_metadata' claim that is no object")
	}
	caller.UID, caller.Email, caller.Session = c.Subject, c.Email, c.Session
	return caller, nil
}

// clock is a NumericDate as a time; nil is the epoch.
func clock(seconds *float64) (time.Time, error) {
	if seconds == nil {
		return time.Unix(0, 0), nil
	}
	if math.Abs(*seconds) > maxClock {
		return time.Time{}, fault.New(CodeBadClaims, "JWT has a time that is out of range")
	}
	return time.Unix(int64(math.Floor(*seconds)), 0), nil
}

// The accessors of jwt.Claims. The parser does not call them: it was told to
// leave the claims to us.

// GetExpirationTime is of jwt.Claims.
func (c *tokenClaims) GetExpirationTime() (*jwt.NumericDate, error) { return nil, nil }

// GetIssuedAt is of jwt.Claims.
func (c *tokenClaims) GetIssuedAt() (*jwt.NumericDate, error) { return nil, nil }

// GetNotBefore is of jwt.Claims.
func (c *tokenClaims) GetNotBefore() (*jwt.NumericDate, error) { return nil, nil }

// GetIssuer is of jwt.Claims.
func (c *tokenClaims) GetIssuer() (string, error) { return "", nil }

// GetSubject is of jwt.Claims.
func (c *tokenClaims) GetSubject() (string, error) { return c.Subject, nil }

// GetAudience is of jwt.Claims.
func (c *tokenClaims) GetAudience() (jwt.ClaimStrings, error) {
	return jwt.ClaimStrings(c.Audience), nil
}
