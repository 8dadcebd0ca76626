package conformance

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// judge says what of an answer is not as it should be, and takes the values
// that the case asks for.
func (c *client) judge(one scripted, a answer) (problems []string) {
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if !slices.Contains(one.status, strconv.Itoa(a.status)) {
		problem("status %d, want %s", a.status, strings.Join(one.status, " or "))
	}
	typed := false
	for _, h := range one.headers {
		typed = typed || strings.EqualFold(h.name, "Content-Type")
		got, want := strings.Join(a.header.Values(h.name), ", "), c.put(h.value)
		if !c.same(got, want) {
			problem("%s: %q, want %q", h.name, got, want)
		}
	}
	word, rest, _ := strings.Cut(c.put(one.want), "\n")
	word, argument, _ := strings.Cut(word, " ")
	switch word {
	case "":
		if a.body != "" {
			problem("a body")
		}
		return problems
	case "any":
		return problems
	case "raw":
		if strings.TrimSuffix(a.body, "\n") != rest {
			problem("want the text\n%s", rest)
		}
		return problems
	case "ids":
		var rows []string
		for _, id := range strings.Fields(argument) {
			rows = append(rows, `{"id":`+id+`}`)
		}
		rest = "[" + strings.Join(rows, ",") + "]"
	case "fault":
		problems = append(problems, c.judgeFault(argument, rest, a.body)...)
		rest = ""
	default:
		rest = c.put(one.want)
	}
	if got := a.header.Get("Content-Type"); !typed && got != "application/json; charset=utf-8" {
		problem("Content-Type: %s", got)
	}
	if rest == "" {
		return problems
	}
	got, err := decode(a.body)
	if err != nil {
		problem("the body is no JSON: %v", err)
		return problems
	}
	want, err := decode(rest)
	if err != nil {
		problem("what is wanted is no JSON: %v", err)
		return problems
	}
	if at, same := c.equal(got, want, "$"); !same {
		problem("differs at %s, want %s", at, rest)
	}
	return problems
}

// judgeFault compares a fault, which has exactly its four members.
func (c *client) judgeFault(first, more, body string) (problems []string) {
	members := map[string]any{}
	if err := json.Unmarshal([]byte(body), &members); err != nil || len(members) != 4 {
		return []string{"no fault of four members"}
	}
	code, message, _ := strings.Cut(first, " ")
	if got, _ := members["code"].(string); !c.same(got, code) {
		problems = append(problems, fmt.Sprintf("code %s, want %s", got, code))
	}
	if got, _ := members["message"].(string); message != "" && !c.same(got, message) {
		problems = append(problems, fmt.Sprintf("message %q, want %q", got, message))
	}
	for line := range strings.Lines(more) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		want, err := decode(text)
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s %s is no JSON", name, text))
		} else if at, same := c.equal(members[name], want, name); !same {
			problems = append(problems, fmt.Sprintf("differs at %s, want %s", at, text))
		}
	}
	return problems
}

var taking = regexp.MustCompile(`\$\{([A-Za-z0-9]+=|_)\}`)

// same compares a text with one that may hold ${NAME=} and ${_}.
func (c *client) same(got, want string) bool {
	if !strings.Contains(want, "${") {
		return got == want
	}
	pattern, names, at := "^(?s)", []string(nil), 0
	for _, found := range taking.FindAllStringIndex(want, -1) {
		pattern += regexp.QuoteMeta(want[at:found[0]]) + "(.+)"
		names, at = append(names, strings.TrimSuffix(want[found[0]+2:found[1]-1], "=")), found[1]
	}
	matched := regexp.MustCompile(pattern + regexp.QuoteMeta(want[at:]) + "$").FindStringSubmatch(got)
	for i, name := range names {
		if matched != nil {
			c.values[name] = matched[i+1]
		}
	}
	return matched != nil
}

// equal compares two values of JSON, and says where they differ.
func (c *client) equal(got, want any, at string) (string, bool) {
	switch want := want.(type) {
	case map[string]any:
		have, ok := got.(map[string]any)
		if !ok || len(have) != len(want) {
			return at, false
		}
		for name, value := range want {
			member, ok := have[name]
			if !ok {
				return at + "." + name, false
			}
			if where, same := c.equal(member, value, at+"."+name); !same {
				return where, false
			}
		}
		return "", true
	case []any:
		have, ok := got.([]any)
		if !ok || len(have) != len(want) {
			return at, false
		}
		for i := range want {
			if where, same := c.equal(have[i], want[i], fmt.Sprintf("%s[%d]", at, i)); !same {
				return where, false
			}
		}
		return "", true
	case string:
		if want == "${_}" {
			return "", true
		}
		have, ok := got.(string)
		if number, isNumber := got.(json.Number); isNumber && strings.Contains(want, "${") {
			have, ok = number.String(), true
		}
		return at, ok && c.same(have, want)
	}
	return at, got == want
}

// decode reads JSON whose numbers keep their digits.
func decode(text string) (value any, err error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err = d.Decode(&value); err == nil && d.More() {
		err = fmt.Errorf("more than one value")
	}
	return value, err
}
