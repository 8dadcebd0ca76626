package javascript_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/edge-hive/edge-hive/runtime/function/javascript"
)

// What is wrong with a script is said with the file and the place.
func TestLoadErrors(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string // besides functions/x.js, which is ""
		want  string
	}{
		"syntax":            {map[string]string{"": "export default () => {\n  let = ;\n}"}, "functions/x.js:2:7: SyntaxError: variable name expected"},
		"unclosed":          {map[string]string{"": "export default () => {"}, "functions/x.js:1:"},
		"thrown":            {map[string]string{"": "const a = 1;\nfunction f() { throw new RangeError('too far') }\nf();"}, "functions/x.js:2:26: RangeError: too far"},
		"thrown late":       {map[string]string{"": "await null;\nthrow new Error('late')"}, "functions/x.js:2:11: Error: late"},
		"thrown text":       {map[string]string{"": "throw 'oh'"}, "functions/x.js: oh"},
		"thrown nothing":    {map[string]string{"": "throw undefined"}, "functions/x.js: undefined"},
		"no handler":        {map[string]string{"": "export const a = 1"}, "functions/x.js: Error: the script exports no handler"},
		"empty":             {map[string]string{"": ""}, "functions/x.js: Error: the script exports no handler"},
		"no such export":    {map[string]string{"": "import { nothing } from './y.js'\nexport default () => {}", "functions/y.js": ""}, "functions/x.js: SyntaxError: Could not find export 'nothing'"},
		"fault elsewhere":   {map[string]string{"": "import './y.js'", "functions/y.js": "\n\n  null.x"}, "functions/y.js:3:3: TypeError: "},
		"syntax elsewhere":  {map[string]string{"": "import './y.js'", "functions/y.js": "\n)"}, "functions/y.js:2:1: SyntaxError: "},
		"absent":            {map[string]string{"": "import './y.js'"}, "functions/x.js: Error: there is no file functions/y.js"},
		"a folder":          {map[string]string{"": "import './y.js'", "functions/y.js/z.js": ""}, "functions/x.js: Error: functions/y.js is no file"},
		"outside":           {map[string]string{"": "import '../../y.js'"}, "functions/x.js: Error: functions/x.js imports \"../../y.js\": it is outside of the project's folder"},
		"absolute":          {map[string]string{"": "import '/y.js'"}, "functions/x.js: Error: functions/x.js imports \"/y.js\": paths are relative"},
		"a package":         {map[string]string{"": "import 'lodash'"}, "functions/x.js: Error: functions/x.js imports \"lodash\": packages are not looked up: bundle"},
		"of Node":           {map[string]string{"": "import 'node:fs'"}, "functions/x.js: Error: functions/x.js imports \"node:fs\": there is no Node.js here"},
		"an address":        {map[string]string{"": "import 'https://esm.sh/x'"}, "functions/x.js: Error: functions/x.js imports \"https://esm.sh/x\": modules are files"},
		"the prelude":       {map[string]string{"": "import 'edgehive:host.js'"}, "functions/x.js: Error: functions/x.js imports \"edgehive:host.js\": modules are files"},
		"no ending":         {map[string]string{"": "import './y'", "functions/y.js": ""}, "functions/x.js: Error: functions/x.js imports \"./y\": only .js, .mjs and .json files can be imported, by their whole names"},
		"TypeScript":        {map[string]string{"": "import './y.ts'", "functions/y.ts": ""}, "functions/x.js: Error: functions/y.ts: TypeScript and JSX are not run as they are: build"},
		"another kind":      {map[string]string{"": "import './y.txt'", "functions/y.txt": ""}, "functions/x.js: Error: functions/y.txt: only .js, .mjs and .json"},
		"no JSON":           {map[string]string{"": "import './y.json'", "functions/y.json": "{,"}, "functions/x.js: Error: functions/y.json is no JSON"},
		"no UTF-8":          {map[string]string{"": "import './y.js'", "functions/y.js": "\xff"}, "functions/x.js: Error: functions/y.js is no UTF-8"},
		"never awaited":     {map[string]string{"": "await new Promise(() => {})\nexport default () => {}"}, "functions/x.js: an await at the top of the script never ended"},
		"a lost rejection":  {map[string]string{"": "Promise.reject(new Error('lost'))\nexport default () => {}"}, "functions/x.js:1:20: Error: lost"},
		"fetch":             {map[string]string{"": "await fetch('http://a/')\nexport default () => {}"}, "functions/x.js:1:6: Error: fetch is for calls"},
		"random":            {map[string]string{"": "const key = crypto.randomUUID()\nexport default () => {}"}, "functions/x.js:1:19: Error: crypto.randomUUID is for calls"},
		"a timer":           {map[string]string{"": "setTimeout(() => {}, 1)\nexport default () => {}"}, "functions/x.js:1:1: Error: setTimeout is for calls"},
		"the kit":           {map[string]string{"": "import { cache } from 'edgehive'\nawait cache.get('a')"}, "functions/x.js:2:13: Error: cache.get is for calls"},
		"too deep":          {map[string]string{"": "(function f() { f() })()"}, "functions/x.js:1:16: RangeError: Maximum call stack size exceeded"},
		"what cannot speak": {map[string]string{"": "throw { get constructor() { throw 1 } }"}, "functions/x.js: an exception that cannot be described"},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{}
			for file, text := range c.files {
				if file == "" {
					file = "functions/x.js"
				}
				files[file] = text
			}
			_, err := loadFiles(t, files)
			var said *javascript.LoadError
			if !errors.As(err, &said) || !strings.HasPrefix(said.Error(), c.want) {
				t.Errorf("loading gives\n%v\nnot\n%s", err, c.want)
			}
		})
	}
	for name, script := range map[string]*javascript.Script{
		"TypeScript and JSX": {Path: "functions/x.ts", Code: []byte("export default () => {}")},
		"it is no UTF-8":     {Path: "functions/x.js", Code: []byte("\xff")},
		"at most 8388608":    {Path: "functions/x.js", Code: make([]byte, 8<<20+1)},
		"edgehive:host.js":   {Path: "x.js", Code: []byte("import './edgehive:host.js'")},
		"has no folder":      {Path: "functions/x.js", Code: []byte("import './y.js'")},
		"out of memory":      {Path: "functions/x.js", Code: []byte("const a = []; for (;;) a.push(new Uint8Array(1e6))"), MemoryLimit: 8 << 20},
	} {
		_, err := tryLoad(t, script)
		var said *javascript.LoadError
		if !errors.As(err, &said) || !strings.Contains(said.Error(), name) {
			t.Errorf("loading gives %v, not %q", err, name)
		}
	}
}

func TestImports(t *testing.T) {
	s, err := loadFiles(t, map[string]string{
		"functions/x.js": "\ufeff" + `
			import { double } from "./lib/double.js";
			import rates, { default as again } from "../data/rates.json" with { type: "json" };
			import * as all from "./lib/index.mjs";
			import kit, { db, log, Fault } from "edgehive";
			const late = await import("./late.js");
			export default async () => {
				const known = await import("./lib/double.js");
				const unknown = await import("./never.js").catch((e) => e.message);
				return [double(rates.EUR), again === rates, all.name, kit.db === db && edgehive.db === db, typeof log.info, typeof Fault, late.default,
					known.double === double, unknown, import.meta.url ?? "none"].join("|");
			}`,
		"functions/lib/double.js": `import "./index.mjs"; export const double = (n) => 2 * n;`,
		"functions/lib/index.mjs": `import { double } from "./double.js"; export const name = "index"; export const twice = () => double(1);`,
		"functions/late.js":       `export default "late"`,
		"functions/never.js":      `export default "never"`,
		"data/rates.json":         `{"EUR": 21, "__proto__": 1}`,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "42|true|index|true|function|function|late|true|functions/never.js was not imported when the function was loaded: import it at the top of a file|none"
	if got := s.get().answer(); got != want {
		t.Errorf("it answers\n%s\nnot\n%s", got, want)
	}
}

// What was imported is known, and a second instance runs the same code, whatever
// has become of the files.
func TestASecondInstanceRunsTheSame(t *testing.T) {
	files := fstest.MapFS{"functions/y.js": {Data: []byte("export default 'first'")}}
	source := &javascript.Script{
		Path: "functions/x.js", Files: files,
		Code: []byte(`import y from "./y.js"; export default () => y`),
	}
	first, err := tryLoad(t, source)
	if err != nil {
		t.Fatal(err)
	}
	if got := source.Imported(); !slices.Equal(got, []string{"functions/y.js"}) {
		t.Errorf("it says that it imports %q", got)
	}
	files["functions/y.js"] = &fstest.MapFile{Data: []byte("export default 'second'")}
	second, err := tryLoad(t, source)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := first.get().answer(), second.get().answer(); a != "first" || b != "first" {
		t.Errorf("they answer %q and %q", a, b)
	}
}

// What is written while the script is loaded is not lost.
func TestLogWhileLoading(t *testing.T) {
	var logged []string
	_, err := tryLoad(t, &javascript.Script{
		Path: "functions/x.js", Code: []byte(`console.warn("hello"); export default () => {}`),
		Log: func(_ int, text string) { logged = append(logged, text) },
	})
	if err != nil || !slices.Equal(logged, []string{"hello"}) {
		t.Errorf("logged %q, %v", logged, err)
	}
}
