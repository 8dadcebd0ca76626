package fault_test

import (
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

func sample() fault.List {
	return fault.List{
		fault.New("bad-value", `type cannot be "txt"`).WithHint(`did you mean "text"?`).
			At("tables.books.columns.title.type", fault.Position{File: "/p/edgehive.cue", Line: 3, Column: 7}, fault.Position{File: "/q/more.cue", Line: 1, Column: 2}),
		fault.New("no-manifest", "there is no manifest").WithDetails("a.cue"),
	}
}

func TestRender(t *testing.T) {
	var b strings.Builder
	if err := fault.Render(&b, sample(), "/p"); err != nil {
		t.Fatal(err)
	}
	want := `edgehive.cue:3:7: type cannot be "txt"
    tables.books.columns.title.type [bad-value]
    also /q/more.cue:1:2
    hint: did you mean "text"?

there is no manifest
    [no-manifest]
    a.cue
`
	if b.String() != want {
		t.Errorf("got:\n%s", b.String())
	}
}

func TestRenderJSON(t *testing.T) {
	var b strings.Builder
	if err := fault.RenderJSON(&b, sample()[1:], "/p"); err != nil {
		t.Fatal(err)
	}
	want := `{
  "ok": false,
  "faults": [
    {
      "code": "no-manifest",
      "path": "",
      "message": "there is no manifest",
      "details": "a.cue",
      "hint": "",
      "positions": []
    }
  ]
}
`
	if b.String() != want {
		t.Errorf("got:\n%s", b.String())
	}
	b.Reset()
	if err := fault.RenderJSON(&b, nil, ""); err != nil || b.String() != "{\n  \"ok\": true,\n  \"faults\": []\n}\n" {
		t.Errorf("got %q, %v", b.String(), err)
	}
}
