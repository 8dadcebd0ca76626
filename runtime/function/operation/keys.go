package operation

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function"
)

// algorithm signs and verifies. Its names and forms are those of JSON Web
// Signatures.
type algorithm struct {
	sign   func(key any, message []byte) ([]byte, error)
	verify func(key any, message, signature []byte) (bool, error)
}

var algorithms = map[string]algorithm{
	"ES256": {signES256, verifyES256},
	"EdDSA": {signEdDSA, verifyEdDSA},
	"RS256": {signRS256, verifyRS256},
}

var algorithmNames = []string{"ES256", "EdDSA", "RS256"}

func algorithmOf(name string) (algorithm, error) {
	a, known := algorithms[name]
	switch {
	case known:
		return a, nil
	case name == "":
		return a, required("algorithm", "")
	}
	return a, fault.Newf(function.CodeOperation, "there is no algorithm %q", fault.Clip(name, shown)).
		WithHint(fault.NearestHint(name, algorithmNames, "there are "+strings.Join(algorithmNames, ", ")))
}

// The sizes of RSA keys: smaller ones protect nothing, and larger ones take time
// in which no call can be ended.
const (
	leastRSA = 2048
	mostRSA  = 8192
)

func otherKey(want string) error {
	return fault.Newf(function.CodeOperation, "the key is of another kind: the algorithm wants %s", want)
}

func fitting(key *rsa.PublicKey) error {
	if bits := key.N.BitLen(); bits < leastRSA || bits > mostRSA {
		return fault.Newf(function.CodeOperation, "an RSA key has %d to %d bits", leastRSA, mostRSA)
	}
	return nil
}

const wantES256, wantEdDSA, wantRS256 = "a key on P-256", "an Ed25519 key", "an RSA key"

// half is the length of either number of a signature of ES256.
const half = 32

func signES256(key any, message []byte) ([]byte, error) {
	private, ok := key.(*ecdsa.PrivateKey)
	if !ok || private.Curve != elliptic.P256() {
		return nil, otherKey(wantES256)
	}
	r, s, err := ecdsa.Sign(rand.Reader, private, sha256Of(message))
	if err != nil {
		return nil, err
	}
	signature := make([]byte, 2*half)
	r.FillBytes(signature[:half])
	s.FillBytes(signature[half:])
	return signature, nil
}

// verifyES256 takes both forms of a signature: two numbers of 32 bytes, as in
// tokens, and ASN.1, as most others write it.
func verifyES256(key any, message, signature []byte) (bool, error) {
	public, ok := key.(*ecdsa.PublicKey)
	if !ok || public.Curve != elliptic.P256() {
		return false, otherKey(wantES256)
	}
	digest := sha256Of(message)
	if len(signature) == 2*half {
		return ecdsa.Verify(public, digest, new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:])), nil
	}
	return ecdsa.VerifyASN1(public, digest, signature), nil
}

func signEdDSA(key any, message []byte) ([]byte, error) {
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, otherKey(wantEdDSA)
	}
	return ed25519.Sign(private, message), nil
}

func verifyEdDSA(key any, message, signature []byte) (bool, error) {
	public, ok := key.(ed25519.PublicKey)
	if !ok {
		return false, otherKey(wantEdDSA)
	}
	return ed25519.Verify(public, message, signature), nil
}

func signRS256(key any, message []byte) ([]byte, error) {
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, otherKey(wantRS256)
	}
	if err := fitting(&private.PublicKey); err != nil {
		return nil, err
	}
	return rsa.SignPKCS1v15(nil, private, crypto.SHA256, sha256Of(message))
}

func verifyRS256(key any, message, signature []byte) (bool, error) {
	public, ok := key.(*rsa.PublicKey)
	if !ok {
		return false, otherKey(wantRS256)
	}
	if err := fitting(public); err != nil {
		return false, err
	}
	return rsa.VerifyPKCS1v15(public, crypto.SHA256, sha256Of(message), signature) == nil, nil
}

// privateKey reads the PEM of a secret. Its faults say nothing of what is in it.
func privateKey(text string) (any, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, fault.New(function.CodeOperation, "the secret is no PEM").WithHint("it begins with -----BEGIN PRIVATE KEY-----")
	}
	var key any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	default:
		return nil, fault.New(function.CodeOperation, "the secret is the PEM of something else than a private key").
			WithHint("PRIVATE KEY (PKCS #8), EC PRIVATE KEY and RSA PRIVATE KEY are read, without a password")
	}
	if err != nil {
		return nil, fault.New(function.CodeOperation, "the private key cannot be read")
	}
	return key, nil
}

// publicKey reads a public key: PEM (PUBLIC KEY, RSA PUBLIC KEY), or in base64
// what a PUBLIC KEY holds, the 32 bytes of an Ed25519 key, or the 65 of a point
// on P-256.
func publicKey(text string) (any, error) {
	bad := fault.New(function.CodeOperation, "the public key cannot be read").WithHint("PEM that begins with -----BEGIN PUBLIC KEY-----, or the key in base64")
	if !strings.Contains(text, "-----BEGIN") {
		raw, err := fromBase64("key", strings.TrimSpace(text))
		if err != nil {
			return nil, bad
		}
		return keyOf(raw, bad)
	}
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, bad
	}
	var key any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		return keyOf(block.Bytes, bad)
	case "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	default:
		return nil, bad
	}
	if err != nil {
		return nil, bad
	}
	return key, nil
}

func keyOf(raw []byte, bad *fault.Fault) (any, error) {
	if len(raw) == ed25519.PublicKeySize {
		return ed25519.PublicKey(raw), nil
	}
	if len(raw) == 1+2*half && raw[0] == 4 {
		key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), raw)
		if err != nil {
			return nil, bad
		}
		return key, nil
	}
	key, err := x509.ParsePKIXPublicKey(raw)
	if err != nil {
		return nil, bad
	}
	return key, nil
}
