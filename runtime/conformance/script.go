package conformance

import (
	"fmt"
	"regexp"
	"strings"
)

// scripted is one case of a script.
type scripted struct {
	title string
	line  int
	request
	status  []string // one of them
	headers []header
	want    string // the body
}

// request is what is asked.
type request struct {
	as, method, target string
	sends              []header
	body               string
}

type header struct{ name, value string }

var (
	headerLine = regexp.MustCompile(`^([A-Z][A-Za-z-]*):(?: (.*))?$`)
	statusLine = regexp.MustCompile(`^[1-5][0-9]{2}(\|[1-5][0-9]{2})*$`)
)

// parse reads the cases of a script.
func parse(script string) ([]scripted, error) {
	var cases []scripted
	titles := map[string]int{}
	lines := strings.Split(script, "\n")
	for at := 0; at < len(lines); {
		if strings.TrimSpace(lines[at]) == "" {
			at++
			continue
		}
		end := at + 1
		for end < len(lines) && !strings.HasPrefix(lines[end], "# ") {
			end++
		}
		one, err := parseCase(lines[at:end])
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", at+1, err)
		}
		if before, twice := titles[one.title]; twice {
			return nil, fmt.Errorf("line %d: the title of line %d", at+1, before)
		}
		titles[one.title], one.line = at+1, at+1
		cases, at = append(cases, one), end
	}
	return cases, nil
}

func parseCase(lines []string) (one scripted, _ error) {
	title, ok := strings.CutPrefix(lines[0], "# ")
	if !ok {
		return one, fmt.Errorf("%q is no title", lines[0])
	}
	one.title, one.as = title, "anon"
	lines = lines[1:]
	if len(lines) > 0 {
		if who, ok := strings.CutPrefix(lines[0], "as "); ok {
			one.as, lines = who, lines[1:]
		}
	}
	if len(lines) == 0 {
		return one, fmt.Errorf("no request")
	}
	if one.method, one.target, ok = strings.Cut(lines[0], " "); !ok {
		return one, fmt.Errorf("%q is no request", lines[0])
	}
	one.sends, lines = parseHeaders(lines[1:])
	for i, line := range lines {
		if line == "--" {
			one.body, lines = strings.Join(lines[:i], "\n"), lines[i+1:]
			break
		}
		if i == len(lines)-1 {
			return one, fmt.Errorf("no -- before the answer")
		}
	}
	if len(lines) == 0 {
		return one, fmt.Errorf("no answer")
	}
	if !statusLine.MatchString(lines[0]) {
		return one, fmt.Errorf("%q is no status", lines[0])
	}
	one.status = strings.Split(lines[0], "|")
	one.headers, lines = parseHeaders(lines[1:])
	one.want = strings.TrimRight(strings.Join(lines, "\n"), "\n")
	return one, nil
}

func parseHeaders(lines []string) (headers []header, rest []string) {
	for len(lines) > 0 {
		parts := headerLine.FindStringSubmatch(lines[0])
		if parts == nil {
			break
		}
		headers, lines = append(headers, header{parts[1], parts[2]}), lines[1:]
	}
	return headers, lines
}
