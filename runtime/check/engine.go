package check

import (
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

const (
	codeEngine  = "engine-limit"
	codeMissing = "missing-field"
)

// limits are what each engine cannot do: a fault and its place, or nil for a
// table that is fine. What is not here works the same in all.
var limits = map[string][]func(*manifest.Table) (path string, f *fault.Fault){
	manifest.SurrealDB: {edgeEnds},
}

// engine checks what the manifest's engine cannot do, and what it asks for.
func (c *checker) engine() {
	for i := range c.m.Tables {
		for _, l := range limits[c.m.Database.Engine] {
			if path, f := l(&c.m.Tables[i]); f != nil {
				c.report(path, f)
			}
		}
	}
	if c.m.Database.Engine == manifest.SurrealDB && c.m.Auth.Secret == nil {
		c.report("database.engine", fault.New(codeMissing, "the engine surrealdb needs auth.secret: every node signs and checks tokens with the same one").
			WithHint(`add auth: secret: env: "JWT_SECRET"`))
	}
}

// edgeEnds refuses a column in the place where SurrealDB keeps an edge's end.
func edgeEnds(t *manifest.Table) (string, *fault.Fault) {
	if t.Edge == nil {
		return "", nil
	}
	for i := range t.Columns {
		column := &t.Columns[i]
		end := column.Name == t.Edge.From || column.Name == t.Edge.To
		if !end && (column.Name == "in" || column.Name == "out") {
			return column.Path, fault.Newf(codeEngine, "column %s of the edge table %s cannot be on SurrealDB, which keeps the edge's own ends under in and out", column.Name, t.Name).
				WithHint("call it something else; was: \"" + column.Name + "\" keeps its values")
		}
	}
	return "", nil
}
