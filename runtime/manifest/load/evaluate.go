package load

import (
	"os"
	"path/filepath"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/cuecontext"
	cueload "cuelang.org/go/cue/load"
	"cuelang.org/go/cue/parser"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// maxRounds bounds how often a manifest is evaluated anew after a mistake that
// hides others was cut out of it. A manifest without such mistakes takes one.
const maxRounds = 10

// evaluated is a manifest that CUE has worked out, as far as it goes.
type evaluated struct {
	value   cue.Value
	sources *sources
	faults  fault.List
	found   []finding // about values
	whole   bool      // the value may be read
}

// explain gives all that CUE found as faults, also what reading the value came
// upon, but for what own faults say already, and better.
func (e *evaluated) explain(reading []finding, own fault.List) fault.List {
	type place struct {
		path string
		at   fault.Position
	}
	said := map[place]bool{}
	for _, f := range own {
		for _, p := range f.Positions {
			said[place{f.Path, p}] = true
		}
	}
	all := e.faults
	for _, f := range e.sources.translate(append(e.found, reading...)) {
		if len(f.Positions) == 0 || !said[place{f.Path, f.Positions[0]}] {
			all = append(all, f)
		}
	}
	return all
}

// evaluate runs CUE over the project's files: once, and once more for each
// layer of mistakes that hides others.
func evaluate(p *project, tags []string) *evaluated {
	var c cuts
	var faults fault.List
	for round := range maxRounds {
		parsed, mistakes := parseAll(p, c)
		if len(mistakes) > 0 {
			return &evaluated{faults: append(faults, mistakes...)}
		}
		good, mistakes := checkTags(tags, parsed.files)
		if round == 0 {
			faults = append(faults, mistakes...)
		}
		out, hiding := parsed.build(p, good)
		if len(hiding) == 0 {
			out.faults = append(faults, out.faults...)
			return out
		}
		mistakes, cut := parsed.hidingFaults(hiding)
		faults = append(faults, mistakes...)
		if !cut {
			break
		}
		c = parsed.cuts
	}
	return &evaluated{faults: faults}
}

// build loads and evaluates once. Mistakes that keep CUE from evaluating
// anything are given back as hiding.
func (s *sources) build(p *project, tags []string) (*evaluated, []finding) {
	root, err := os.OpenRoot(p.root)
	if err != nil {
		return &evaluated{faults: fault.List{unreadable(p.root).WithCause(err)}}, nil
	}
	defer func() { _ = root.Close() }() // only read
	fsys := &projectFS{root: root, left: maxSource, counts: map[string]bool{}, memory: map[string][]byte{}}
	args := make([]string, len(p.files))
	for i, f := range p.files {
		args[i] = slashed(p.root, f)
		fsys.memory[args[i][1:]] = p.sources[f]
		fsys.left -= int64(len(p.sources[f]))
	}
	instances := cueload.Instances(args, &cueload.Config{
		Dir:        slashed(p.root, p.dir),
		FS:         fsys,
		FromFSPath: func(path string) string { return filepath.Join(p.root, filepath.FromSlash(path)) },
		Tags:       tags,
		Registry:   noRegistry{},
		ParseFile:  s.parseFile,
	})
	if fsys.over != "" {
		return &evaluated{faults: fault.List{tooLarge(filepath.Join(p.root, fsys.over))}}, nil
	}
	inst := instances[0]
	if inst.Err != nil {
		return nil, findings(inst.Err)
	}
	v := cuecontext.New().BuildInstance(inst)
	if hiding := compileFindings(v.Err()); len(hiding) > 0 {
		return nil, hiding
	}
	return &evaluated{value: v, sources: s, whole: true, faults: s.schemaFaults, found: findings(v.Validate(cue.All()))}, nil
}

// slashed is a path as the loader sees it: absolute under the project's root.
func slashed(root, abs string) string {
	rel, err := filepath.Rel(root, abs)
	if err != nil || rel == "." {
		return "/"
	}
	return "/" + filepath.ToSlash(rel)
}

// parseFile gives the loader the files that are parsed already; those that are
// imported are parsed here.
func (s *sources) parseFile(name string, src any, cfg parser.Config) (*ast.File, error) {
	if f := s.byName[name]; f != nil {
		return f, nil
	}
	if text, ok := src.([]byte); ok {
		if f := checkDepth(name, text); f != nil {
			return nil, f
		}
	}
	f, err := parser.ParseFile(name, src, cfg)
	if err == nil {
		s.prepare(f)
	}
	return f, err //nolint:wrapcheck // the loader takes CUE's own errors apart
}

func unreadable(path string) *fault.Fault {
	return fault.Newf(CodeNoManifest, "%s cannot be read", path).WithHint("see whether you may read it")
}
