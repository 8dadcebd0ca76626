package difference

import (
	"fmt"
	"path/filepath"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// renames tells which tables clients have to call otherwise.
func (c *comparer) renames() {
	for old, next := range c.keptTables() {
		if old.Name != next.Name {
			c.add(next.Path+".was", Change{
				Area: Tables, Sign: Turns, Grade: Breaks, Was: old.Name, Is: next.Name,
				What: fmt.Sprintf("table %s is called %s from now on", old.Name, next.Name),
			})
		}
	}
}

// rows compares how many rows an answer may hold.
func (c *comparer) rows() {
	for old, next := range c.keptTables() {
		c.bound(next.Path+".rows", Tables, "rows of "+next.Name+" an answer", int64(old.Rows), int64(next.Rows), plain)
	}
}

// edges compares which tables join two others. That a pair comes once is an
// index, which Steps has.
func (c *comparer) edges() {
	for old, next := range c.keptTables() {
		was, is := sayEdge(old.Edge), sayEdge(next.Edge)
		if was == is {
			continue
		}
		change := Change{Area: Tables, Sign: Turns, Grade: Breaks, What: "table " + next.Name + " joins otherwise: embeds and walks through it give other rows", Was: was, Is: is}
		switch {
		case old.Edge == nil:
			change.Sign, change.Grade, change.What = Comes, Safe, "table "+next.Name+" becomes an edge"
			if next.Edge.Unique {
				change.Grade, change.What = Breaks, change.What+", and refuses a pair that is there"
			}
		case next.Edge == nil:
			change.Sign, change.What = Goes, "table "+next.Name+" is no edge any more: embeds and walks through it fail"
		case old.Edge.From == next.Edge.From && old.Edge.To == next.Edge.To && next.Edge.Unique:
			change.What = "edge " + next.Name + " refuses a pair that is there"
		case old.Edge.From == next.Edge.From && old.Edge.To == next.Edge.To:
			change.Grade, change.What = Safe, "edge "+next.Name+" takes a pair more than once"
		}
		c.add(next.Path+".edge", change)
	}
}

func sayEdge(e *manifest.Edge) string {
	if e == nil {
		return ""
	}
	said := "from " + e.From + " to " + e.To
	if e.Unique {
		said += ", each pair once"
	}
	return said
}

// retentions compares when rows leave by themselves: earlier is a loss that
// nobody carries out by hand.
func (c *comparer) retentions() {
	for old, next := range c.keptTables() {
		was, is := sayRetention(old.Retention), sayRetention(next.Retention)
		if was == is {
			continue
		}
		change := Change{Area: Tables, Sign: Turns, Grade: LosesData, What: "rows of " + next.Name + " leave by themselves at another time: those that are past it go", Was: was, Is: is}
		switch {
		case old.Retention == nil:
			change.Sign, change.What = Comes, "rows of "+next.Name+" leave by themselves: those that are past it go"
		case next.Retention == nil:
			change.Sign, change.Grade, change.What = Goes, Safe, "rows of "+next.Name+" stay until somebody deletes them"
		case !sameColumn(next, old.Retention.Column, next.Retention.Column):
		case next.Retention.Keep < old.Retention.Keep:
			change.What = "rows of " + next.Name + " leave by themselves earlier: those that are past it go"
		default:
			change.Grade, change.What = Safe, "rows of "+next.Name+" leave by themselves later"
		}
		c.add(next.Path+".retention", change)
	}
}

// sameColumn reports whether a column of next is the one that was called was.
func sameColumn(next *manifest.Table, was, is string) bool {
	column := next.Column(is)
	return was == is || column != nil && column.Was == was && next.Column(was) == nil
}

func sayRetention(r *manifest.Retention) string {
	if r == nil {
		return ""
	}
	return short(r.Keep) + " after " + r.Column
}

// feeds compares which tables keep the changes of their rows.
func (c *comparer) feeds() {
	for old, next := range c.keptTables() {
		switch {
		case next.Quiet && !old.Quiet:
			c.add(next.Path+".changes", Change{
				Area: Tables, Sign: Goes, Grade: Breaks,
				What: "changes of " + next.Name + " are kept no longer: nobody can subscribe to it, or resume",
			})
		case old.Quiet && !next.Quiet:
			c.add(next.Path+".changes", Change{Area: Tables, Sign: Comes, Grade: Safe, What: "changes of " + next.Name + " are kept for subscribers"})
		}
	}
}

// seeds compares the files of first rows of tables that are there: they do
// nothing any more. Of a table that comes it is a part of the step.
func (c *comparer) seeds() {
	for old, next := range c.keptTables() {
		if old.Seed != next.Seed {
			c.add(next.Path+".seed", Change{
				Area: Tables, Sign: Turns, Grade: Safe, What: "table " + next.Name + " is there, so its seed is not read",
				Was: sayFile(c.old.Manifest, old.Seed), Is: sayFile(c.next.Manifest, next.Seed),
			})
		}
	}
}

// sayFile is a file as a manifest has it.
func sayFile(m *manifest.Manifest, path string) string {
	if rel, err := filepath.Rel(m.Dir, path); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return path
}
