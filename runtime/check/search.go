package check

import (
	"slices"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// vector checks what makes a vector column.
func (c *checker) vector(column *manifest.Column) {
	if column.Dimensions < 1 || column.Dimensions > query.MostDimensions {
		c.report(column.Path+".dimensions", fault.Newf(codeRange, "dimensions is %d; a vector has 1 to %d", column.Dimensions, query.MostDimensions).
			WithHint("write as many as your model makes"))
	}
	if _, ok := query.ParseMetric(column.Metric); !ok {
		metrics := []string{"cosine", "l2", "dot"}
		c.report(column.Path+".metric", fault.Newf(codeColumnType, "%q is no metric", column.Metric).
			WithHint(fault.NearestHint(column.Metric, metrics, "metrics are cosine, l2 and dot")))
	}
}

// searchIndex checks an index over words or vectors.
func (c *checker) searchIndex(t *manifest.Table, index *manifest.Index) {
	path := index.Path + ".columns"
	switch {
	case index.Unique:
		c.report(index.Path+".unique", fault.Newf(codeIndex, "a %s index makes nothing unique", index.Kind).WithHint("leave unique out"))
	case index.Where != "":
		c.report(index.Path+".where", fault.Newf(codeIndex, "a %s index is over all rows", index.Kind).WithHint("leave where out, and filter when you search"))
	case t.Column(index.Name) != nil:
		c.report(index.Path, fault.Newf(codeIndex, "%s is an index and a column: a search could not say which it means", index.Name).WithHint("give the index another name"))
	case index.Kind == "vector" && len(index.Columns) != 1:
		c.report(path, fault.Newf(codeIndex, "a vector index is over one column, and %s names %d", index.Name, len(index.Columns)).WithHint("declare an index for each column"))
	case len(index.Columns) == 0:
		c.report(path, fault.Newf(codeIndex, "index %s has no columns", index.Name).WithHint("name at least one"))
	}
	want := "vector"
	if index.Kind == "fulltext" {
		want = "text"
	}
	for i, name := range index.Columns {
		column := t.Column(name)
		switch {
		case column == nil:
			c.report(item(path, i), c.noColumn(t, name))
		case slices.Contains(index.Columns[:i], name):
			c.report(item(path, i), fault.Newf(codeIndex, "index %s names the column %s twice", index.Name, name).WithHint("name it once"))
		case column.Type != want:
			c.report(item(path, i), fault.Newf(codeIndex, "a %s index is over %s columns, and %s is %s", index.Kind, want, name, column.Type).
				WithHint("name a "+want+" column, or leave kind out"))
		}
	}
}
