package load

import "github.com/edge-hive/edge-hive/runtime/manifest"

// valueColumn is the name of the one column that makes a query give a value.
const valueColumn = "value"

func (d *decoder) queries(n *node) []manifest.Query {
	var all []manifest.Query
	for _, q := range n.list() {
		all = append(all, d.query(q))
	}
	return all
}

func (d *decoder) query(n *node) manifest.Query {
	path := n.path()
	q := manifest.Query{
		Name:    n.name,
		Reads:   n.strs("reads"),
		Write:   n.flag("write"),
		Returns: manifest.ReturnsNothing,
		SQL:     n.str("sql"),
		SurQL:   n.str("surql"),
		Call:    d.condition(n.at("access", "call"), path+".access.call"),
		Cache:   n.str("cache"),
		Path:    path,
	}
	for _, p := range n.field("params").list() {
		param := manifest.QueryParam{Name: p.name, QueryType: queryType(p), Required: p.flag("required"), Path: p.path()}
		if literal := p.field("default"); literal != nil {
			param.Default = string(literal.json(nil))
		}
		q.Params = append(q.Params, param)
	}
	if returns := n.field("returns"); returns != nil && returns.kind == object {
		q.Returns = manifest.ReturnsRows
		for _, c := range returns.list() {
			q.Columns = append(q.Columns, manifest.QueryColumn{Name: c.name, QueryType: queryType(c), Path: c.path()})
		}
		if len(q.Columns) == 1 && q.Columns[0].Name == valueColumn {
			q.Returns = manifest.ReturnsValue
		}
	}
	return q
}

func queryType(n *node) manifest.QueryType {
	return manifest.QueryType{Type: n.str("type"), Scale: n.num("scale"), Of: n.str("of"), Table: n.str("table")}
}

func callQuery(n *node) *manifest.CallQuery {
	call := &manifest.CallQuery{Name: n.str("name")}
	for _, a := range n.field("with").list() {
		argument := manifest.Argument{Name: a.name, Param: a.str("param"), URL: a.str("query"), Path: a.path()}
		if literal := a.field("value"); literal != nil {
			argument.JSON = string(literal.json(nil))
		}
		call.With = append(call.With, argument)
	}
	return call
}
