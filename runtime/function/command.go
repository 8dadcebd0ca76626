package function

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Commands are programs that read the body from stdin and write the answer to
// stdout, as CGI has it (RFC 3875).

// arguments are a program's: its name alone.
func (r *running) arguments() []string {
	if r.function.convention != Command {
		return nil
	}
	return []string{r.function.definition.Name}
}

// variables are a program's environment, made for each call.
func (r *running) variables() []string {
	if r.function.convention != Command || r.event == nil {
		return nil
	}
	if r.environment == nil {
		r.environment = r.makeEnvironment()
	}
	return r.environment
}

func (r *running) makeEnvironment() []string {
	set := map[string]string{
		"GATEWAY_INTERFACE": "CGI/1.1",
		"SERVER_SOFTWARE":   "edge-hive",
		"SERVER_PROTOCOL":   "HTTP/1.1",
		"SCRIPT_NAME":       "",
		"CONTENT_LENGTH":    strconv.Itoa(len(r.event.Body)),
		"EDGEHIVE_EVENT":    string(r.eventJSON()),
	}
	if q := r.event.Request; q != nil {
		set["REQUEST_METHOD"] = q.Method
		set["PATH_INFO"] = q.Path
		set["QUERY_STRING"] = q.Query
		if q.Host != "" {
			set["HTTP_HOST"] = q.Host
		}
		for name, values := range q.Header {
			if !r.function.shows(name) || name == "Proxy" { // libraries take HTTP_PROXY for their own
				continue
			}
			separator := ", "
			if name == "Cookie" {
				separator = "; "
			}
			key := "HTTP_" + strings.ReplaceAll(strings.ToUpper(name), "-", "_")
			switch name {
			case "Content-Type":
				key = "CONTENT_TYPE"
			case "Content-Length":
				continue
			}
			set[key] = strings.Join(values, separator)
		}
	}
	for name, value := range r.function.definition.Config {
		if _, taken := set[name]; !taken && !strings.HasPrefix(name, "HTTP_") {
			set[name] = value
		}
	}
	list := make([]string, 0, len(set))
	for _, name := range slices.Sorted(maps.Keys(set)) {
		if text := name + "=" + set[name]; !strings.ContainsRune(text, 0) {
			list = append(list, text)
		}
	}
	return list
}

// completeCommand takes the head off what a program wrote.
func (r *running) completeCommand() error {
	a := r.answer
	if a.body == nil {
		return nil
	}
	status, header, rest, err := commandHead(*a.body)
	if err != nil || status == 0 {
		return err
	}
	if f := a.take(status, header); f != nil {
		return errors.New(f.Message)
	}
	*a.body = append((*a.body)[:0], rest...)
	return nil
}

// commandHead reads the lines that an answer of CGI begins with. The status is 0
// where there are none: then the whole is the body.
func commandHead(out []byte) (status int, header http.Header, rest []byte, err error) {
	header = http.Header{}
	rest = out
	known := false
	for {
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		if !ended || len(out)-len(after) > maxHead {
			return 0, nil, nil, nil
		}
		rest = after
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 {
			break
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || len(name) == 0 || bytes.ContainsAny(name, " \t") {
			return 0, nil, nil, nil
		}
		text := string(bytes.TrimSpace(value))
		switch key := http.CanonicalHeaderKey(string(name)); key {
		case "Status":
			known = true
			number, _, _ := strings.Cut(text, " ")
			if status, err = strconv.Atoi(number); err != nil || status < 200 {
				return 0, nil, nil, fmt.Errorf("it wrote a status that there is not: %.40q", text)
			}
		case "Content-Length": // the server's to count
		default:
			known = known || key == "Content-Type" || key == "Location"
			if f := addHeader(header, key, text); f != nil {
				if !known {
					return 0, nil, nil, nil
				}
				return 0, nil, nil, errors.New(f.Message)
			}
		}
	}
	if !known {
		return 0, nil, nil, nil // CGI wants one of the three: it is text that looks alike
	}
	if status == 0 {
		status = http.StatusOK
		if header["Location"] != nil {
			status = http.StatusFound
		}
	}
	return status, header, rest, nil
}
