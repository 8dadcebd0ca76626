package openapi_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/openapi"
)

// TestPattern has those patterns alone in a schema that mean the same there.
func TestPattern(t *testing.T) {
	for pattern, portable := range map[string]bool{
		`^97[89]\d{10}$`:         true,
		`^[a-z][\w\-.]{0,62}$`:   true,
		`^(?:a|b)+?\.\/x$`:       true,
		`^.{2,}$`:                true,
		`(?i)abc`:                false,
		`(?P<year>\d+)`:          false,
		`\Aabc\z`:                false,
		`[[:alpha:]]+`:           false,
		`\pL+`:                   false,
		`\x{10FFFF}`:             false,
		`\Qa.b\E`:                false,
		`[]a]`:                   false,
		`[^]a]`:                  false,
		`a{,2}`:                  false,
		`{a}`:                    false,
		`a}`:                     false,
		`é`:                      false,
		`\@`:                     false,
		`a\-b`:                   false,
		`a]`:                     false,
		`^[^@ ]+@[^@ ]+\.[a-z]+`: true,
	} {
		text := "manifest: 1\ntables: t: {columns: c: {type: \"text\", pattern: " + strconv.Quote(pattern) + "}, access: {read: true, create: true}}\n"
		raw := string(write(t, source(t, text), openapi.Everyone))
		valid(t, []byte(raw))
		schemas, _, _ := strings.Cut(raw, `"parameters":{`)
		if got := strings.Contains(schemas, `"pattern":`); got != portable {
			t.Errorf("%s: in the schema %v, want %v", pattern, got, portable)
		}
		if got := strings.Contains(raw, "Must match the RE2 pattern"); got == portable {
			t.Errorf("%s: in words %v", pattern, got)
		}
	}
}
