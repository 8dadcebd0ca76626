package pebbletest

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// responses answers what a certificate's state is, as pebble has it.
type responses struct {
	management http.Handler
	issuer     *x509.Certificate
	key        crypto.Signer
}

func (r *responses) prepare(t testing.TB, management http.Handler) {
	t.Helper()
	r.management = management
	block, _ := pem.Decode(fetch(t, management, intermediatePath+"0"))
	var err error
	if r.issuer, err = x509.ParseCertificate(block.Bytes); err != nil {
		t.Fatal(err)
	}
	block, _ = pem.Decode(fetch(t, management, intermediateKeyPath+"0"))
	if r.key, err = x509.ParsePKCS1PrivateKey(block.Bytes); err != nil {
		t.Fatal(err)
	}
}

func (r *responses) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(io.LimitReader(request.Body, 1<<16))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	asked, err := ocsp.ParseRequest(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	now := time.Now()
	answer := ocsp.Response{Status: ocsp.Good, SerialNumber: asked.SerialNumber, ThisUpdate: now.Add(-time.Second), NextUpdate: now.Add(short)}
	state := httptest.NewRecorder()
	r.management.ServeHTTP(state, httptest.NewRequestWithContext(request.Context(), http.MethodGet, fmt.Sprintf("%s%x", statusPath, asked.SerialNumber), nil))
	if strings.Contains(state.Body.String(), "Revoked") {
		answer.Status, answer.RevokedAt = ocsp.Revoked, now
	}
	der, err := ocsp.CreateResponse(r.issuer, r.issuer, answer, r.key)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/ocsp-response")
	_, _ = w.Write(der)
}

// What the authority tells its operator.
const (
	intermediatePath    = "/intermediates/"
	intermediateKeyPath = "/intermediate-keys/"
	statusPath          = "/cert-status-by-serial/"
)
