package javascript_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/edge-hive/edge-hive/runtime/function/javascript"
)

func TestCheck(t *testing.T) {
	source := func(code string) *javascript.Script {
		return &javascript.Script{
			Path: "functions/x.js", Code: []byte(code),
			Files: fstest.MapFS{"functions/y.js": {Data: []byte("export const y = 1;\n null.x")}},
		}
	}
	wrong, err := javascript.Check(t.Context(), source("export default () => {}"), source(`import "./y.js"`), source(`globalThis.left = 1`), source("export default () => left"))
	if err != nil {
		t.Fatal(err)
	}
	if wrong[0] != nil || wrong[3] != nil {
		t.Errorf("of scripts that are well it says %v, %v", wrong[0], wrong[3])
	}
	if w := wrong[1]; w == nil || w.Path != "functions/y.js" || w.Line != 2 || !strings.HasPrefix(w.Message, "TypeError: ") {
		t.Errorf("of a fault in another file it says %v", w)
	}
	if w := wrong[2]; w == nil || !strings.Contains(w.Message, "exports no handler") {
		t.Errorf("of a script without a handler it says %v", w)
	}
	// A script that never ends is given up with who asked.
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := javascript.Check(ctx, source(`for (;;);`)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("of a loop it says %v", err)
	}
}
