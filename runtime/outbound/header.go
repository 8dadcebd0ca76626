package outbound

import (
	"net/http"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

const (
	maxHeaders     = 64
	maxHeaderBytes = 16 << 10
)

// reserved are headers that say how a message is sent, which is ours to say.
var reserved = []string{
	"Accept-Encoding", "Connection", "Content-Length", "Expect", "Host", "Http2-Settings", "Keep-Alive",
	"Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// harmless are headers that say nothing of who sends them: a redirect to another
// host takes no others along.
var harmless = []string{"Accept", "Accept-Language", "Content-Type", "User-Agent"}

// checkHeader refuses what may not be sent, and gives a copy with the names as
// net/http has them.
func checkHeader(sent http.Header) (http.Header, *fault.Fault) {
	out := make(http.Header, len(sent)+1)
	count, bytes := 0, 0
	for name, values := range sent {
		if !isToken(name) {
			return nil, fault.Newf(CodeRequest, "%q is no header's name", fault.Clip(name, shown))
		}
		canonical := http.CanonicalHeaderKey(name)
		if slices.Contains(reserved, canonical) {
			return nil, fault.Newf(CodeRequest, "the header %s is not the sender's to say", canonical).WithHint("leave it out: the host sets it")
		}
		for _, v := range values {
			if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
				return nil, fault.Newf(CodeRequest, "the value of the header %s has a control character, such as a line's end", canonical)
			}
			count, bytes = count+1, bytes+len(name)+len(v)
		}
		out[canonical] = append(out[canonical], values...)
	}
	if count > maxHeaders || bytes > maxHeaderBytes {
		return nil, fault.Newf(CodeRequest, "a request has at most %d headers, and of them %d bytes", maxHeaders, maxHeaderBytes)
	}
	if out["User-Agent"] == nil {
		out["User-Agent"] = []string{"edge-hive"}
	}
	return out, nil
}

func isToken(name string) bool {
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return name != ""
}
