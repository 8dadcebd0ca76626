package check

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

const codeHeader = "bad-header"

// headerWords are what values of headers may take from a request.
var headerWords = []string{"client", "host", "id"}

var bracedWord = regexp.MustCompile(`\{([A-Za-z]+)\}`)

// headerChanges checks changes of headers: that each is one, that none frames the
// message or says how its body is encoded, and that none is set twice.
func (c *checker) headerChanges(path string, h *manifest.Headers) {
	for _, part := range []struct {
		name     string
		settings []manifest.Setting
	}{{"set", h.Set}, {"add", h.Add}} {
		seen := map[string]string{}
		for _, s := range part.settings {
			at := s.Path
			lower := strings.ToLower(s.Name)
			c.headerName(at, s.Name)
			if first, ok := seen[lower]; ok {
				c.report(at, c.also(fault.Newf(codeDuplicate, "the header %s is there twice, letter case aside", s.Name), first).WithHint("write it once"))
			}
			seen[lower] = at
			if !httpguts.ValidHeaderFieldValue(s.Value) {
				c.report(at, fault.Newf(codeHeader, "the value of header %s has a line break or another control character in it", s.Name).WithHint("a header is one line"))
			}
			for _, found := range bracedWord.FindAllStringSubmatch(s.Value, -1) {
				if word := found[1]; !slices.Contains(headerWords, word) {
					c.report(at, fault.Newf(codeHeader, "{%s} is nothing that a header can say", word).
						WithHint(fault.NearestHint(word, headerWords, "{client}, {host} and {id} are")))
				}
			}
		}
	}
	for i, name := range h.Remove {
		at := path + ".remove[" + strconv.Itoa(i) + "]"
		c.headerName(at, name)
		if slices.ContainsFunc(h.Remove[:i], func(other string) bool { return strings.EqualFold(other, name) }) {
			c.report(at, fault.Newf(codeDuplicate, "the header %s is removed twice", name).WithHint("write it once"))
		}
	}
}

func (c *checker) headerName(at, name string) {
	lower := strings.ToLower(name)
	switch {
	case !httpguts.ValidHeaderFieldName(name):
		c.report(at, fault.Newf(codeHeader, "%q is no name of a header", name).WithHint(`write it as in "X-Frame-Options"`))
	case slices.Contains(ownHeaders, lower) || lower == "content-encoding" || lower == "proxy-connection":
		c.report(at, fault.Newf(codeHeader, "the header %s is set by the server itself", name).WithHint("leave it out"))
	}
}
