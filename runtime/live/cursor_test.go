package live_test

import (
	"testing"

	"github.com/edge-hive/edge-hive/runtime/live"
)

func TestCursorText(t *testing.T) {
	for _, text := range []string{"0.0", "1.2", "1.2.3", "zz.zz.zz", "1.2~a", "1.2.3~1z141z3"} {
		c, err := live.ParseCursor(text)
		if err != nil || c.String() != text {
			t.Errorf("%q is read as %v (%v)", text, c, err)
		}
	}
	for _, text := range []string{"", ".", "1", "1.", "1.2.", "1.2.0", "1.2.-1", "1.2.3.4", "1.2.03", "01.2", "A.b", "1.2~", "1.2~0", "1.2~1z141z4", "1.2.~1", "1~2", "1.2~3~4", "1.2.zzzzzzzz", " 1.2"} {
		if c, err := live.ParseCursor(text); err == nil {
			t.Errorf("%q is read as %v", text, c)
		}
	}
}

func FuzzParseCursor(f *testing.F) {
	for _, seed := range []string{"0.0", "1.2", "1.2.3~4", "~", "1.2.~"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := live.ParseCursor(text); err == nil && c.String() != text {
			t.Errorf("%q and %q are one cursor", text, c)
		}
	})
}
