package autotls

import (
	"net"
	"net/http"
	"strings"
)

// Redirect is what plain HTTP answers where there is TLS: challenges of the
// authority, and the way to HTTPS for hosts that are ours. A host that is not is
// never sent anywhere.
type Redirect struct {
	Certificates *Certificates
	// Port gives the port that HTTPS has for clients of a host, "" for its own.
	Port func(host string) string
}

func (h Redirect) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.Certificates.ServeChallenge(w, r) {
		return
	}
	host := hostOf(r.Host)
	if !h.Certificates.Ours(host) || !strings.HasPrefix(r.URL.Path, "/") {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.WriteHeader(http.StatusMisdirectedRequest)
		_, _ = w.Write([]byte(`{"code":"wrong-host","message":"this server has nothing for that host","details":null,"hint":null}` + "\n"))
		return
	}
	to := canonical(host)
	if port := h.Port(to); port != "" {
		to = net.JoinHostPort(to, port)
	} else if strings.Contains(to, ":") {
		to = "[" + to + "]"
	}
	// The method and the body stay, and who came once need not come again.
	w.Header().Set("Location", "https://"+to+r.URL.RequestURI())
	w.Header().Set("Connection", "close")
	w.WriteHeader(http.StatusPermanentRedirect)
}

// hostOf is the host of a Host header, without its port.
func hostOf(text string) string {
	if host, _, err := net.SplitHostPort(text); err == nil {
		return host
	}
	return text
}
