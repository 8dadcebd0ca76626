package edgehive

// Hash gives the digest of data: sha256, sha384, sha512, sha1 or md5.
func Hash(hash string, data []byte) ([]byte, error) {
	return Do("crypto.hash", map[string]string{"hash": hash}, data, nil)
}

// HMAC gives the tag of a message under a secret, which stays with the host.
func HMAC(hash, secret string, message []byte) ([]byte, error) {
	return Do("crypto.hmac", map[string]string{"hash": hash, "secret": secret}, message, nil)
}

// HMACKey gives the tag of a message under a key.
func HMACKey(hash string, key, message []byte) ([]byte, error) {
	return Do("crypto.hmac", struct {
		Hash string `json:"hash"`
		Key  []byte `json:"key"` // base64, as encoding/json has bytes
	}{hash, key}, message, nil)
}

// Equal compares in a time that tells nothing of where they differ.
func Equal(a, b []byte) (bool, error) {
	var reply struct {
		Equal bool `json:"equal"`
	}
	_, err := Do("crypto.equal", struct {
		To []byte `json:"to"`
	}{a}, b, &reply)
	return reply.Equal, err
}

// Sign signs a message with a secret, a private key in PEM: ES256, EdDSA or RS256.
func Sign(algorithm, secret string, message []byte) ([]byte, error) {
	return Do("crypto.sign", map[string]string{"algorithm": algorithm, "secret": secret}, message, nil)
}

// Verify checks a signature with a public key in PEM.
func Verify(algorithm, publicKey string, message, signature []byte) (bool, error) {
	var reply struct {
		Valid bool `json:"valid"`
	}
	_, err := Do("crypto.verify", struct {
		Algorithm string `json:"algorithm"`
		Key       string `json:"key"`
		Signature []byte `json:"signature"`
	}{algorithm, publicKey, signature}, message, &reply)
	return reply.Valid, err
}
