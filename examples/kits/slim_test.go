package kits

import (
	"bytes"
	"strings"
	"testing"
)

func TestSlim(t *testing.T) {
	section := func(name, content string) string {
		body := string(rune(len(name))) + name + content
		return "\x00" + string(rune(len(body))) + body
	}
	kept := header + "\x01\x01\x00" + section("name", "n") + section(".debugger", "k")
	got, err := slim([]byte(header + section(".debug_info", "x") + "\x01\x01\x00" + section("name", "n") + section(".debugger", "k") + section(".debug_str", strings.Repeat("y", 50))))
	if err != nil || string(got) != kept {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range []string{"", "\x00asm", "\x00asm\x0d\x00\x01\x00", header + "\x01", header + "\x01\x05abc", header + "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"} {
		if _, err := slim([]byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func FuzzSlim(f *testing.F) {
	f.Add([]byte(header + "\x00\x05\x04name\x01\x01\x00"))
	f.Fuzz(func(t *testing.T, module []byte) {
		once, err := slim(module)
		if err != nil {
			return
		}
		twice, err := slim(once)
		if err != nil || !bytes.Equal(once, twice) {
			t.Errorf("%q becomes %q, then %q: %v", module, once, twice, err)
		}
	})
}
