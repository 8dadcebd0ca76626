package load

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// Policy loads a manifest and holds a team's own CUE against it: file says in
// the manifest's form what a manifest must be, and is unified with the
// effective one, all defaults filled in. Whatever cannot hold is a fault at
// the policy's and the manifest's places. A policy adds nothing: a field that
// it has and the manifest does not is a fault too. It may use CUE's standard
// packages, and imports nothing else.
func Policy(ctx context.Context, o Options, file string) error {
	l, err := run(ctx, o)
	if err != nil {
		return err
	}
	abs, err := filepath.Abs(file)
	if err != nil {
		return fault.List{fault.Newf(codePolicy, "%q is no path", file).WithCause(err)}
	}
	src, ok := o.Overlay[abs]
	if !ok {
		if src, err = readPolicy(abs); err != nil {
			return fault.List{fault.Newf(codePolicy, "the policy %s cannot be read", file).WithHint("name a CUE file").WithCause(err)}
		}
	}
	return within(ctx, func() error { return holdPolicy(l, abs, src) })
}

func readPolicy(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err //nolint:wrapcheck // the caller names the file
	}
	defer func() { _ = f.Close() }() // only read
	buf := make([]byte, maxSource)
	n, err := readFull(f, buf)
	return buf[:n], err
}

// holdPolicy unifies, and explains what does not hold.
func holdPolicy(l *loaded, name string, src []byte) error {
	if f := checkDepth(name, src); f != nil {
		return fault.List{f}
	}
	file, err := parser.ParseFile(name, src, parser.ParseComments)
	if err != nil {
		return finish(syntaxFaults(name, src, err))
	}
	ctx := cuecontext.New()
	inst := build.NewContext().NewInstance(filepath.Dir(name), nil)
	if err := inst.AddSyntax(file); err != nil {
		return policyFaults(l, findings(err))
	}
	policy := ctx.BuildInstance(inst)
	if err := policy.Err(); err != nil {
		return policyFaults(l, findings(err))
	}
	effective := ctx.CompileBytes([]byte("#effective: "+string(l.root.json(nil))), cue.Filename(effectiveName)).LookupPath(cue.ParsePath("#effective"))
	if err := effective.Err(); err != nil {
		return fault.List{fault.Internal(err)}
	}
	return policyFaults(l, findings(effective.Unify(policy).Validate(cue.Concrete(true), cue.All())))
}

// effectiveName stands for the effective manifest in CUE's positions.
const effectiveName = "effective manifest"

// policyFaults has one fault a path: what the policy wants, and where the
// manifest says otherwise.
func policyFaults(l *loaded, found []finding) error {
	var faults fault.List
	told := map[string]*fault.Fault{}
	for _, f := range found {
		if policyIsWrong(f) {
			f.path = nil
			f.places = slices.DeleteFunc(f.places, func(p token.Pos) bool { return p.Filename() == effectiveName })
		}
		path := cuePath(slices.DeleteFunc(slices.Clone(f.path), func(p string) bool { return p == "#effective" }))
		key := path
		if path == "" {
			key = placeKey(f)
		}
		g := policyFault(l, f, path)
		if first := told[key]; first != nil {
			for _, p := range g.Positions {
				if !slices.Contains(first.Positions, p) {
					first.Positions = append(first.Positions, p)
				}
			}
			continue
		}
		told[key] = g
		faults = append(faults, g)
	}
	return finish(faults)
}

// policyIsWrong reports whether the policy itself is at fault, whatever the
// manifest.
func policyIsWrong(f finding) bool {
	return slices.ContainsFunc([]string{"reference %q not found", "import", "package"}, func(s string) bool { return strings.Contains(f.format, s) })
}

func policyFault(l *loaded, f finding, path string) *fault.Fault {
	var at []fault.Position
	if len(f.path) > 0 {
		at = append(at, l.manifest.Positions.At(path))
	}
	for _, p := range f.places {
		if pos := position(p); pos.File != effectiveName && !slices.Contains(at, pos) {
			at = append(at, pos)
		}
	}
	has := func(s string) bool { return strings.Contains(f.format, s) }
	g := fault.New(codePolicy, "the policy does not allow this value").WithHint("change it, or the policy")
	switch {
	case policyIsWrong(f):
		g = fault.New(codePolicy, "the policy names something that is not there").WithHint("see the place named; a policy imports CUE's standard packages alone")
	case has("field not allowed"), has("required but not present"):
		g = fault.Newf(codePolicy, "the policy asks for %q, which the manifest does not have", f.last()).WithHint("add it, or change the policy")
	case has("incomplete"), has("non-concrete"):
		g = fault.New(codePolicy, "the policy leaves this value open").WithHint("refer only to what every manifest has")
	case has("division"), has("call"), has("operand"), has("cannot use"), has("cycle"):
		g = fault.New(codePolicy, "the policy cannot be worked out here").WithHint("see the place named")
	}
	return g.At(path, at...)
}
