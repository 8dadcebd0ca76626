package load

import (
	"cmp"
	"math"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// formats check what a pattern of the schema cannot: by definition. The
// message shows the value, so none of these may hold a secret.
var formats = map[string]func(string) *fault.Fault{
	"#Duration": func(s string) *fault.Fault { _, f := parseDuration(s); return f },
	"#DurationOrNone": func(s string) *fault.Fault {
		if isNone(s) {
			return nil
		}
		_, f := parseDuration(s)
		return f
	},
	"#Size":        func(s string) *fault.Fault { _, f := parseSize(s); return f },
	"#Address":     checkAddress,
	"#URL":         checkURL,
	"#DatabaseURL": checkDatabaseURL,
	"#Origin":      checkOrigin,
	"#Network":     func(s string) *fault.Fault { _, f := parseNetwork(s); return f },
	"#Path":        checkPath,
}

// formatWords and formatExamples say the same to users.
var formatWords = map[string]string{
	"#Duration":       `a duration such as "30s", "5m", "12h" or "30d"`,
	"#DurationOrNone": `a duration such as "12h" or "30d", or "0s" for none`,
	"#Size":           `a size such as "64KiB", "16MiB" or "1GiB"`,
	"#Address":        `an address such as "127.0.0.1:8080"`,
	"#URL":            `a URL such as "https://api.example.com"`,
	"#Origin":         `an origin such as "https://www.example.com"`,
	"#Network":        `an address or network such as "127.0.0.1" or "10.0.0.0/8"`,
	"#Path":           "the path of a file or folder, in quotes",
	"#DatabaseURL":    `the address of a SurrealDB server such as "ws://127.0.0.1:8000"`,
	"#Condition":      "true, false or a rule in quotes",
	"#Secret":         `{env: "NAME"} or {file: "PATH"}`,
}

var formatExamples = map[string]string{
	"#Duration": `"5m"`, "#DurationOrNone": `"30d"`, "#Size": `"16MiB"`, "#Address": `"127.0.0.1:8080"`, "#URL": `"https://..."`,
	"#DatabaseURL": `"ws://127.0.0.1:8000"`,
	"#Origin":      `"https://..."`, "#Network": `"127.0.0.1"`, "#Path": `"..."`, "#Condition": "true, or a rule", "#Secret": `{env: "NAME"}`,
}

var durationUnits = map[string]time.Duration{
	"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
}

// durationWords are units that people write.
var durationWords = map[string]string{
	"sec": "s", "secs": "s", "second": "s", "seconds": "s", "min": "m", "mins": "m", "minute": "m", "minutes": "m",
	"hr": "h", "hrs": "h", "hour": "h", "hours": "h", "day": "d", "days": "d", "S": "s", "H": "h", "D": "d", "M": "m",
	"milliseconds": "ms", "millisecond": "ms", "msec": "ms", "": "s",
}

// meantDuration writes as ours what other tools take: "1m30s", "1.5h", "30
// sec", "1w"; "" if it is none of these.
func meantDuration(s string) string {
	digits, unit := splitUnit(s)
	unit = strings.TrimSpace(unit)
	n, err := strconv.ParseInt(digits, 10, 32)
	switch {
	case strings.HasPrefix(unit, "w") && err == nil && n > 0:
		return strconv.FormatInt(n*7, 10) + "d"
	case err == nil && durationUnits[unit] != 0:
		return digits + unit
	case err == nil && durationWords[unit] != "":
		return digits + durationWords[unit]
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < time.Millisecond || d%time.Millisecond != 0 {
		return ""
	}
	for _, unit := range []string{"h", "m", "s", "ms"} {
		if step := durationUnits[unit]; d%step == 0 {
			return strconv.FormatInt(int64(d/step), 10) + unit
		}
	}
	return ""
}

// maxDuration bounds durations: a hundred years.
const maxDuration = 100 * 365 * 24 * time.Hour

// parseDuration reads "30s", "5m", "12h", "30d".
func parseDuration(s string) (time.Duration, *fault.Fault) {
	digits, unit := splitUnit(s)
	bad := fault.Newf(codeBadDuration, "%q is not a duration", cutText(s))
	step, ok := durationUnits[unit]
	switch {
	case digits == "" || !ok:
		if meant := meantDuration(s); meant != "" {
			return 0, bad.WithHint(`did you mean "` + meant + `"?`)
		}
		return 0, bad.WithHint(`a number and one of ms, s, m, h, d: "30s", "5m", "12h", "30d"`)
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	switch {
	case err != nil || n > int64(maxDuration/step):
		return 0, fault.Newf(codeBadDuration, "%q is longer than a hundred years", cutText(s)).WithHint("write a shorter duration")
	case n == 0:
		return 0, fault.Newf(codeBadDuration, "%q is no time at all", cutText(s)).WithHint("write a longer duration, or leave the field out")
	}
	return time.Duration(n) * step, nil
}

// isNone reports whether a duration is none: 0s.
func isNone(s string) bool {
	digits, unit := splitUnit(s)
	return digits != "" && strings.Trim(digits, "0") == "" && durationUnits[unit] != 0
}

var sizeUnits = map[string]int64{"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}

// parseSize reads "64KiB", "16MiB", "1GiB" as bytes.
func parseSize(s string) (int64, *fault.Fault) {
	digits, unit := splitUnit(s)
	bad := fault.Newf(codeBadSize, "%q is not a size", cutText(s))
	step, ok := sizeUnits[unit]
	if digits == "" || !ok {
		short := strings.ToUpper(strings.TrimSpace(unit))
		for _, letter := range []string{"K", "M", "G", "T"} {
			if digits != "" && strings.HasPrefix(short, letter) {
				return 0, bad.WithHint(`did you mean "` + digits + letter + `iB"?`)
			}
		}
		return 0, bad.WithHint(`a number and one of B, KiB, MiB, GiB, TiB: "64KiB", "16MiB", "1GiB"`)
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	switch {
	case err != nil || n > math.MaxInt64/step:
		return 0, fault.Newf(codeBadSize, "%q is larger than any disk", cutText(s)).WithHint("write a smaller size")
	case n == 0:
		return 0, fault.Newf(codeBadSize, "%q is nothing at all", cutText(s)).WithHint("write a larger size, or leave the field out")
	}
	return n * step, nil
}

// splitUnit gives the leading digits, and the rest.
func splitUnit(s string) (string, string) {
	i := 0
	for i < len(s) && '0' <= s[i] && s[i] <= '9' {
		i++
	}
	return s[:i], s[i:]
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]{0,60}$`)

func checkAddress(s string) *fault.Fault {
	bad := fault.Newf(codeBadAddress, "%q is not an address to listen on", cutText(s))
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		if _, err := strconv.ParseUint(s, 10, 16); err == nil {
			return bad.WithHint(`did you mean "127.0.0.1:` + s + `"?`)
		}
		if strings.Contains(s, "://") {
			return bad.WithHint(`leave the scheme out: HOST:PORT, as "127.0.0.1:8080"`)
		}
		if hostName.MatchString(s) {
			return bad.WithHint(`a port is missing: "` + s + `:8080"`)
		}
		return bad.WithHint(`HOST:PORT, as "127.0.0.1:8080" or ":8080"`)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return bad.WithHint("a port is a number from 0 to 65535")
	}
	if strings.ContainsAny(host, " /?#@") {
		return bad.WithHint(`HOST:PORT, as "127.0.0.1:8080" or ":8080"`)
	}
	return nil
}

func checkURL(s string) *fault.Fault {
	bad := fault.New(codeBadURL, "this is not the URL of a backend")
	u, err := url.Parse(s)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "":
		return bad.WithHint(`scheme and host, as "https://api.example.com"`)
	case u.User != nil:
		return bad.WithHint("a user or password does not belong in it")
	case u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(s, "?#"):
		return bad.WithHint("leave out what begins with ? or #")
	case badPort(u):
		return bad.WithHint("a port is a number from 1 to 65535")
	}
	return nil
}

func badPort(u *url.URL) bool {
	if u.Port() == "" {
		return strings.HasSuffix(u.Host, ":")
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	return err != nil || n == 0
}

func checkOrigin(s string) *fault.Fault {
	bad := fault.Newf(codeBadURL, "%q is not a web origin", cutText(s))
	if s == "*" {
		return bad.WithHint("any origin may call when cors is left out")
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil || badPort(u):
		return fault.New(codeBadURL, "this is not a web origin").WithHint(`scheme, host and perhaps port, as "https://www.example.com"`)
	case u.Path != "" || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(s, "?#"):
		return bad.WithHint(`did you mean "` + u.Scheme + "://" + u.Host + `"?`)
	case strings.Contains(u.Host, "*"):
		return bad.WithHint("name each host; a * does not stand for many")
	}
	return nil
}

// parseNetwork reads an address or a network as a CIDR prefix.
func parseNetwork(s string) (string, *fault.Fault) {
	bad := fault.Newf(codeBadAddress, "%q is not an address or network", cutText(s)).WithHint(`as "127.0.0.1", "10.0.0.0/8" or "fd00::/8"`)
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return "", bad
		}
		return netip.PrefixFrom(a, a.BitLen()).String(), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return "", bad
	}
	if p.Masked() != p {
		return "", bad.WithHint(`did you mean "` + p.Masked().String() + `"?`)
	}
	return p.String(), nil
}

// checkDatabasePath refuses what other programs take for a database, and would
// be a file of a strange name here.
func checkDatabasePath(path, name string) *fault.Fault {
	file := cmp.Or(name, "edgehive") + ".db"
	switch {
	case strings.HasPrefix(path, ":") || strings.HasPrefix(path, "file:"):
		return fault.Newf(codeBadPath, "%q is not the path of a file", cutText(path)).
			WithHint(`rows are kept in a file: "data/` + file + `"`)
	case strings.HasSuffix(path, "/"):
		return fault.Newf(codeBadPath, "%q is a folder, and the database is a file", cutText(path)).
			WithHint(`name a file in it: "` + cutText(path) + file + `"`)
	}
	return nil
}

// checkDatabaseURL looks at the address of a server. It is not shown, for people
// write passwords into such.
func checkDatabaseURL(s string) *fault.Fault {
	bad := fault.New(codeBadURL, "this is not the address of a SurrealDB server")
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Hostname() == "":
		return bad.WithHint(`ws or wss, host and port, as "ws://127.0.0.1:8000"`)
	case u.User != nil:
		return bad.WithHint("a user or password does not belong in it: write user, and password: env: \"NAME\"")
	case u.Scheme == "http" && !badPort(u):
		return bad.WithHint(`did you mean "ws://` + u.Host + `"?`)
	case u.Scheme == "https" && !badPort(u):
		return bad.WithHint(`did you mean "wss://` + u.Host + `"?`)
	case u.Scheme != "ws" && u.Scheme != "wss":
		return bad.WithHint(`ws or wss, host and port, as "ws://127.0.0.1:8000"`)
	case strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), "/rpc") != "" || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(s, "?#"):
		return bad.WithHint("leave out what comes after the port")
	case badPort(u):
		return bad.WithHint("a port is a number from 1 to 65535")
	}
	return nil
}

func checkPath(s string) *fault.Fault {
	if s == "" || strings.ContainsRune(s, 0) {
		return fault.New(codeBadValue, "this is not a path").WithHint("a path that is not absolute starts at the manifest's folder")
	}
	return nil
}
