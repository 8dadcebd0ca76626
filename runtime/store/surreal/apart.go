package surreal

import (
	"slices"
	"strconv"
)

// SurrealDB refuses a text whose expressions stand in each other deeper than 20
// levels, and one embed within another, under rules that ask other tables, is soon
// there. So what stands deeper than deepest is written apart: as a function in
// front of the statement, of the fields that it reads, which is called where it
// would stand. It costs no round trip, and the indexes serve it as they would there.

// deepest is the level that a part may begin at in its place. What a part has
// between its own beginning and that of the parts in it takes the rest.
const deepest = 9

// apart is a part of a statement that is written in front of it.
type apart struct {
	around *apart // in which it is called
	name   string
	// rows are the prefixes of the rows outside, as they are called in the part.
	rows []passedRow
	// fields are what it reads of them: its parameters.
	fields []passedField
}

type passedRow struct{ prefix, outside string }

type passedField struct {
	row  passedRow
	name string
}

// isDeep reports that what comes is to be written apart.
func (c *compiler) isDeep() bool { return !c.inline && c.nested.in(c.buf) >= deepest }

// portion writes what body writes, apart where the text is nested deep.
func (c *compiler) portion(body func()) {
	if c.isDeep() {
		c.apart(body)
		return
	}
	body()
}

// group writes what body writes as one operand: in parentheses, or apart.
func (c *compiler) group(body func()) {
	if c.isDeep() {
		c.apart(body)
		return
	}
	c.text("(")
	body()
	c.text(")")
}

// apart writes what body writes in front of the statement, and a call of it.
func (c *compiler) apart(body func()) {
	c.scope.made++
	p := &apart{around: c.inner, name: "$h" + strconv.Itoa(c.scope.made)}
	text, nested, outside := c.buf, c.nested, c.scope
	c.buf, c.nested, c.inner = nil, nesting{level: bodyLevel, base: bodyLevel}, p
	c.scope.rows = make([]string, len(outside.rows))
	for i, row := range outside.rows {
		c.scope.rows[i] = p.row(row, strconv.Itoa(i))
	}
	if outside.old != "" {
		c.scope.old = p.row(outside.old, "o")
	}
	body()
	outside.made = c.scope.made
	c.front = append(c.front, slices.Concat([]byte("LET "+p.name+" = |"+p.parameters()+"| "), c.buf))
	c.buf, c.nested, c.scope, c.inner = text, nested, outside, p.around
	if len(p.fields) == 0 {
		// The server looks at what a call is made of, not at what is called, for
		// whether an expression needs the database: this one does.
		c.text("(" + p.name + " ?? " + functionPrefix + "text_of(NONE))()")
		return
	}
	c.text(p.name + "(")
	for i := range p.fields {
		if i > 0 {
			c.text(", ")
		}
		c.fieldNamed(p.fields[i].row.outside, p.fields[i].name)
	}
	c.text(")")
}

// row gives the prefix of a row outside.
func (p *apart) row(outside, number string) string {
	row := passedRow{p.name + "u" + number + "_", outside}
	p.rows = append(p.rows, row)
	return row.prefix
}

// reads notes a field that is read of a row outside.
func (p *apart) reads(prefix, name string) {
	if p == nil {
		return
	}
	for _, row := range p.rows {
		if row.prefix == prefix && !slices.Contains(p.fields, passedField{row, name}) {
			p.fields = append(p.fields, passedField{row, name})
		}
	}
}

func (p *apart) parameters() string {
	list := ""
	for i := range p.fields {
		if i > 0 {
			list += ", "
		}
		list += p.fields[i].row.prefix + p.fields[i].name
	}
	return list
}

// statements are the text with what stands in front of it.
func (c *compiler) statements() string {
	if len(c.front) == 0 {
		return string(c.buf)
	}
	var text []byte
	for _, part := range c.front {
		text = append(append(text, part...), "; "...)
	}
	return string(append(text, c.buf...))
}
