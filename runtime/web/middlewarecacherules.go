package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// headersOfAnswers judges what an answer says of itself.
type headersOfAnswers struct {
	// oursAlone: what of an answer depends on the origin is ours, and is made anew
	// each time.
	oursAlone bool
	// files: their Cache-Control is for browsers, which ask each time.
	files bool
}

// keeps are the statuses of answers that are kept.
func keeps(status int) bool {
	switch status {
	case http.StatusOK, http.StatusMovedPermanently, http.StatusPermanentRedirect, http.StatusNotFound, http.StatusGone:
		return true
	}
	return false
}

// judge reports whether an answer may be given to others, and for how long it is
// fresh, 0 for as long as the policy says.
func (a headersOfAnswers) judge(status int, header http.Header) (maxAge time.Duration, keep bool) {
	if !keeps(status) || len(header["Set-Cookie"]) > 0 || len(header["Www-Authenticate"]) > 0 || len(header["Content-Range"]) > 0 {
		return 0, false
	}
	if !a.judgeVary(header["Vary"]) {
		return 0, false
	}
	if said := header["Cache-Control"]; len(said) > 0 && !a.files && !saidByUs(said) {
		return cacheControl(said)
	}
	return 0, true
}

// saidByUs finds what we say of answers whose handlers say nothing.
func saidByUs(said []string) bool {
	return len(said) == 1 && (&said[0] == &cacheNever[0] || &said[0] == &cacheValidate[0])
}

// judgeVary accepts what is part of the key, or absent from all requests whose
// answers are kept.
func (a headersOfAnswers) judgeVary(headers []string) bool {
	for _, header := range headers {
		for name := range strings.SplitSeq(header, ",") {
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "", "accept-encoding", "authorization", "apikey", "cookie", "origin", "range":
			default:
				return false
			}
		}
	}
	return true
}

// cacheControl reads what a response directive of RFC 9111 says to caches that
// many share.
func cacheControl(headers []string) (maxAge time.Duration, keep bool) {
	var shared, own time.Duration = -1, -1
	for _, header := range headers {
		for directive := range splitQuoted(header) {
			name, value, _ := strings.Cut(directive, "=")
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "no-store", "no-cache", "private", "must-understand":
				return 0, false
			case "s-maxage":
				shared = deltaSeconds(value)
			case "max-age":
				own = deltaSeconds(value)
			}
		}
	}
	if shared < 0 {
		shared = own
	}
	if shared == 0 {
		return 0, false
	}
	return max(shared, 0), true
}

// deltaSeconds is a number of seconds; what is none counts as over.
func deltaSeconds(text string) time.Duration {
	const most = 1 << 31
	n, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(text), `"`), 10, 63)
	switch {
	case err != nil && strings.Trim(strings.TrimSpace(text), `"0123456789`) != "", strings.Trim(strings.TrimSpace(text), `"`) == "":
		return 0
	case err != nil || n > most:
		n = most
	}
	return time.Duration(n) * time.Second
}

// splitQuoted gives the parts between commas that are not in quotes.
func splitQuoted(header string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		quoted, begin := false, 0
		for i := 0; i < len(header); i++ {
			switch c := header[i]; {
			case c == '\\' && quoted:
				i++
			case c == '"':
				quoted = !quoted
			case c == ',' && !quoted:
				if !yield(header[begin:i]) {
					return
				}
				begin = i + 1
			}
		}
		if begin <= len(header) {
			yield(header[begin:])
		}
	}
}

// keptAnswer is what is kept of an answer besides its body.
type keptAnswer struct {
	status int
	made   time.Time
	header http.Header
}

// text is the answer's head as an entry has it: a line of the status and when it
// was made, then a line for each header. False for a header that is no line.
func (k *keptAnswer) text() (string, bool) {
	var b strings.Builder
	b.WriteString(strconv.Itoa(k.status) + " " + strconv.FormatInt(k.made.Unix(), 10) + "\n")
	for name, values := range k.header {
		for _, value := range values {
			if strings.ContainsAny(name, ":\r\n") || strings.ContainsAny(value, "\r\n") {
				return "", false
			}
			b.WriteString(name + ":" + value + "\n")
		}
	}
	return b.String(), true
}

// parseKept reads a head.
func parseKept(text string) (*keptAnswer, bool) {
	line, headers, found := strings.Cut(text, "\n")
	status, made, two := strings.Cut(line, " ")
	code, err := strconv.Atoi(status)
	if !found || !two || err != nil || !keeps(code) {
		return nil, false
	}
	seconds, err := strconv.ParseInt(made, 10, 64)
	if err != nil {
		return nil, false
	}
	k := &keptAnswer{status: code, made: time.Unix(seconds, 0), header: make(http.Header, 8)}
	for line := range strings.Lines(headers) {
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		if !ok || name == "" {
			return nil, false
		}
		k.header[name] = append(k.header[name], value)
	}
	return k, true
}

// perAnswer are headers that are made anew for each answer.
var perAnswer = []string{"Connection", "Content-Length", "Date", "Age", "X-Cache", "X-Request-Id", "Keep-Alive", "Trailer", "Transfer-Encoding"}
