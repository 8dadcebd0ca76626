package data_test

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// asking makes random requests of a world. It asks for what is hidden as well:
// the answer must then be that of what is absent.
type asking struct {
	*world
	caller *auth.Caller
	pairs  []string
	names  int
}

// request is the URL's query of a random read.
func (w *world) request(t *worldTable, caller *auth.Caller) string {
	a := &asking{world: w, caller: caller}
	grouped := w.one(5)
	a.pairs = append(a.pairs, "select="+url.QueryEscape(a.members(t, 2, "", grouped)))
	a.filters(t, "")
	switch {
	case grouped:
	case w.one(8) && t.searchable(caller):
		a.search(t)
	case w.one(6):
		a.walk(t)
	case w.one(2):
		a.order(t, "")
	}
	if w.one(4) {
		a.pairs = append(a.pairs, "limit="+strconv.Itoa(w.IntN(5)))
	}
	if w.one(6) {
		a.pairs = append(a.pairs, "offset="+strconv.Itoa(w.IntN(3)))
	}
	return strings.Join(a.pairs, "&")
}

// target is the URL's query of a random write: its filter, and what is shown.
func (w *world) target(t *worldTable, caller *auth.Caller) string {
	a := &asking{world: w, caller: caller}
	a.pairs = append(a.pairs, "select="+url.QueryEscape(a.members(t, 2, "", false)))
	a.filters(t, "")
	a.pairs = append(a.pairs, "id=gt.0")
	return strings.Join(a.pairs, "&")
}

// name is a column's, most often of one that is there.
func (a *asking) name(t *worldTable) string {
	if a.one(8) {
		return "id"
	}
	if a.one(50) {
		return oneOf(a.world, "nothing", "spt", "r9", "ownr")
	}
	c := oneOf(a.world, t.columns...)
	if !seesColumn(&c, a.caller) && !a.one(20) {
		return "id"
	}
	return c.Name
}

// members are those of a select, with what they embed. path is where the
// filters of the table's rows stand.
func (a *asking) members(t *worldTable, depth int, path string, grouped bool) string {
	var list []string
	if !grouped && a.one(3) {
		list = append(list, "*")
	}
	for range a.IntN(3) {
		name := a.name(t)
		switch {
		case grouped && a.one(3):
			list = append(list, "count()")
		case grouped && a.one(2):
			list = append(list, fmt.Sprintf("m%d:%s.%s()", len(list), name, oneOf(a.world, "max", "min", "count", "sum", "avg")))
		case a.one(8):
			list = append(list, fmt.Sprintf("c%d:%s::text", len(list), name))
		case name == "j" && a.one(2):
			list = append(list, fmt.Sprintf("p%d:j->>%s", len(list), oneOf(a.world, "k", "t")))
		default:
			list = append(list, name)
		}
	}
	if grouped && !strings.Contains(strings.Join(list, ","), "(") {
		list = append(list, "count()")
	}
	if len(list) == 0 && path == "" {
		list = append(list, "id")
	}
	for range a.IntN(3) {
		if depth == 0 || grouped {
			break
		}
		list = append(list, a.embed(t, depth, path))
	}
	return strings.Join(list, ",")
}

// embed is a relation of the table, or of what might be one.
func (a *asking) embed(t *worldTable, depth int, path string) string {
	to, target, toOne := a.relation(t)
	a.names++
	alias := "x" + strconv.Itoa(a.names)
	as := alias + ":"
	if toOne && a.one(4) { // a spread has no alias
		alias, _, _ = strings.Cut(target, "!")
		as = "..."
	}
	inner := path + alias + "."
	grouped := a.one(8)
	members := a.members(to, depth-1, inner, grouped)
	if members == "" {
		members = oneOf(a.world, "*", "id", "")
	}
	a.filters(to, inner)
	if a.one(3) && !grouped {
		a.order(to, inner)
	}
	if a.one(4) {
		a.pairs = append(a.pairs, inner+"limit="+strconv.Itoa(a.IntN(3)))
	}
	if a.one(8) {
		a.pairs = append(a.pairs, inner+"offset="+strconv.Itoa(a.IntN(3)))
	}
	if a.one(3) {
		a.pairs = append(a.pairs, path+alias+"="+oneOf(a.world, "is.null", "not.is.null"))
	}
	if a.one(6) {
		a.pairs = append(a.pairs, path+"or=("+alias+"."+oneOf(a.world, "is.null", "not.is.null")+","+a.condition(t)+")")
	}
	if toOne && a.one(3) && !a.ordered(path) {
		a.pairs = append(a.pairs, path+"order="+alias+"("+a.name(to)+")"+oneOf(a.world, "", ".desc", ".nullsfirst")+",id")
	}
	return as + target + oneOf(a.world, "", "", "!inner", "!left") + "(" + members + ")"
}

// relation is the other table, the name that it is embedded by, and whether
// that is one row.
func (a *asking) relation(t *worldTable) (*worldTable, string, bool) {
	refs := t.refs()
	if !a.one(10) {
		refs = slices.DeleteFunc(refs, func(c manifest.Column) bool { return !seesColumn(&c, a.caller) || !a.table(c.Table).granted })
	}
	if len(refs) > 0 && a.one(2) {
		c := oneOf(a.world, refs...)
		return a.table(c.Table), oneOf(a.world, c.Name, c.Name, c.Table+"!"+c.Name, t.name+"_"+c.Name+"_fkey"), true
	}
	if e := a.table("e0"); e != nil && !a.one(3) {
		from, to := e.column("a").Table, e.column("z").Table
		if to == t.name {
			from, to = to, from
		}
		if from == t.name {
			return a.table(to), to + "!e0", false
		}
	}
	if a.one(12) { // it may be ambiguous, or none
		other := oneOf(a.world, a.tables...)
		return other, other.name, false
	}
	for range 20 {
		other := oneOf(a.world, a.tables...)
		for _, c := range other.refs() {
			if c.Table == t.name && a.one(2) && (seesColumn(&c, a.caller) && other.granted || a.one(20)) {
				return other, other.name + "!" + other.name + "_" + c.Name + "_fkey", false
			}
		}
	}
	return t, t.name, false
}

// filters are those of a table's rows.
func (a *asking) filters(t *worldTable, path string) {
	for range a.IntN(3) {
		switch {
		case a.one(4):
			a.pairs = append(a.pairs, path+oneOf(a.world, "or", "and", "not.or", "not.and")+"="+url.QueryEscape("("+a.condition(t)+","+a.condition(t)+")"))
		default:
			name, rest, _ := strings.Cut(a.condition(t), ".")
			a.pairs = append(a.pairs, path+name+"="+url.QueryEscape(rest))
		}
	}
}

// condition is one as it stands in a tree.
func (a *asking) condition(t *worldTable) string {
	name := a.name(t)
	not := oneOf(a.world, "", "", "", "not.")
	c := t.column(name)
	switch {
	case a.one(5):
		return name + "." + not + "is.null"
	case c == nil || c.Type == "int" || c.Type == "ref" && c.Table != "users":
		return name + "." + not + oneOf(a.world, "eq.", "neq.", "gt.", "lte.") + strconv.Itoa(a.IntN(6))
	case c.Type == "text":
		return name + "." + not + oneOf(a.world, "eq.red", "like.*fox*", "ilike.b*", "in.(red,blue)", "fts.fox", "gt.blue")
	case c.Type == "bool":
		return name + "." + not + "is." + oneOf(a.world, "true", "false", "unknown")
	case c.Type == "ref":
		return name + "." + not + oneOf(a.world, "eq.", "neq.") + oneOf(a.world, annID, bobID)
	case c.Type == "json":
		return "j->>k." + not + oneOf(a.world, "eq.1", "gt.0", "is.null")
	}
	return "id." + not + "neq.1"
}

func (a *asking) order(t *worldTable, path string) {
	var terms []string
	for range 1 + a.IntN(2) {
		name := a.name(t)
		if name == "spot" {
			name = "id"
		}
		terms = append(terms, name+oneOf(a.world, "", ".asc", ".desc", ".desc.nullslast", ".nullsfirst"))
	}
	if !a.ordered(path) {
		a.pairs = append(a.pairs, path+"order="+strings.Join(terms, ","))
	}
}

func (a *asking) ordered(path string) bool {
	return slices.ContainsFunc(a.pairs, func(pair string) bool { return strings.HasPrefix(pair, path+"order=") })
}

// searchable reports whether the caller sees what is searched: an index may be
// searched by those, too, who do not see its columns.
func (t *worldTable) searchable(caller *auth.Caller) bool {
	s, spot := t.column("s"), t.column("spot")
	return s != nil && spot != nil && seesColumn(s, caller) && seesColumn(spot, caller)
}

// search asks for what is near, or for words, or for both.
func (a *asking) search(t *worldTable) {
	which := a.IntN(3)
	if which != 1 {
		a.pairs = append(a.pairs, fmt.Sprintf("_near=spot&_vector=[%d,%d]&_k=%d", 1+a.IntN(2), a.IntN(3), 1+a.IntN(9)))
	}
	if which != 0 {
		a.pairs = append(a.pairs, "_search=words&_text="+oneOf(a.world, "fox", "red", "blue fox"))
	}
	a.pairs[0] += url.QueryEscape("," + []string{"_distance", "_rank", "_score"}[which])
}

// walk asks for what is reached from a row.
func (a *asking) walk(t *worldTable) {
	from := strconv.Itoa(1 + a.IntN(10))
	if a.one(6) {
		from = oneOf(a.world, a.tables...).name + "/" + from
	}
	via := "e0"
	if refs := t.refs(); len(refs) > 0 && (a.table(via) == nil || a.one(4)) {
		via = oneOf(a.world, refs...).Name
	}
	a.pairs = append(a.pairs, "_from="+from, "_via="+via, "_hops="+oneOf(a.world, "1", "1-2", "1-4", "2"))
	if a.one(2) {
		a.pairs = append(a.pairs, "_direction="+oneOf(a.world, "out", "in", "both"))
	}
}
