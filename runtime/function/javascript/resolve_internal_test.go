package javascript

import (
	"io/fs"
	"strings"
	"testing"
)

// What a script imports is the kit, or a name within its files, whatever it says.
func FuzzResolve(f *testing.F) {
	for _, specifier := range []string{
		"./a.js", "../a.js", "../../a.js", "edgehive", "edgehive:host.js", "./../../../etc/passwd", "/etc/passwd", "..", ".", "./", "a", "node:fs",
		"https://a/b", "./a\x00b", ".\\..\\a", "./edgehive", "../edgehive:host.js", "./edgehive:main.js", "../x/../../y",
	} {
		f.Add("functions/x.js", specifier)
		f.Add("x.js", specifier)
	}
	f.Fuzz(func(t *testing.T, base, specifier string) {
		if !fs.ValidPath(base) || strings.HasPrefix(base, internal) || base == kit {
			t.Skip()
		}
		name, err := resolve(base, specifier)
		if err != nil || name == kit && specifier == kit {
			return
		}
		if !fs.ValidPath(name) || strings.HasPrefix(name, internal) || name == kit {
			t.Errorf("%q imports %q: %q", base, specifier, name)
		}
	})
}
