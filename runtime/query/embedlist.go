package query

import (
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// innerParser reads what a request says of one embedded relation.
type innerParser struct {
	requestParser
	embed  *EmbedRequest
	target string // as select writes it, behind the alias
}

// embedItem reads what stands behind the target of an embed:
// !hint!inner(select). alias is "" where there is none.
func (p *requestParser) embedItem(s *scanner, alias, target string, spread bool) *fault.Fault {
	embed := &EmbedRequest{Name: alias, Spread: spread}
	if alias == "" {
		embed.Name = target
	}
	hint, f := embed.hints(s)
	if f != nil {
		return f
	}
	if !s.take('(') {
		return s.fail(`"!" or "("`)
	}
	if embed.Relation, f = p.relation(target, hint); f != nil {
		return f
	}
	if spread && embed.Relation.Many {
		return NoSpread(p.table, target)
	}
	if p.embeddedAs(embed.Name) != nil {
		return fault.Newf(CodeParse, "select embeds '%s' twice", clip(embed.Name)).WithHint("give one of the two an alias, as in other:" + clip(target) + "(*)")
	}
	inner, f := p.open(embed, target)
	if f != nil {
		return f
	}
	if f := inner.members(s); f != nil {
		return f
	}
	p.spent = inner.spent
	p.inner = append(p.inner, inner)
	p.request.Embeds = append(p.request.Embeds, embed)
	if embed.Hidden {
		return nil
	}
	out := Output{Name: embed.Name, Expr: &Related{Of: embed}}
	if spread {
		out.Name = ""
	}
	p.request.Outputs = append(p.request.Outputs, out)
	return nil
}

// hints reads the !inner, !left and !hint of an embed.
func (e *EmbedRequest) hints(s *scanner) (string, *fault.Fault) {
	hint, joined := "", false
	for s.take('!') {
		at := s.at
		word, f := s.name()
		switch {
		case f != nil:
			return "", f
		case (word == "inner" || word == "left") && !joined:
			joined, e.Inner = true, word == "inner"
		case word != "inner" && word != "left" && hint == "":
			hint = word
		default:
			s.at = at
			return "", s.fail(`one hint, one of inner and left, then "("`)
		}
	}
	return hint, nil
}

// open begins an embed inside the bounds of a request.
func (p *requestParser) open(embed *EmbedRequest, target string) (*innerParser, *fault.Fault) {
	if p.spent.embeds++; p.spent.embeds > p.limits.Embeds {
		return nil, beyond("select embeds", p.limits.Embeds, "relations")
	}
	if p.depth++; p.depth > p.limits.Depth {
		return nil, beyond("relations are embedded", p.limits.Depth, "deep")
	}
	table := embed.Relation.To
	inner := &innerParser{embed: embed, target: target, requestParser: requestParser{
		schema: p.schema, table: table, limits: p.limits, readable: p.limits.readable(table),
		spent: p.spent, depth: p.depth, seen: seenSelect,
	}}
	p.depth--
	inner.request.Limit = -1
	return inner, nil
}

// members reads an embed's own select, up to its closing parenthesis.
func (p *innerParser) members(s *scanner) *fault.Fault {
	s.blanks()
	if s.take(')') {
		p.embed.Hidden = true
		p.request.Outputs = []Output{}
		s.blanks()
		return nil
	}
	if f := p.selectList(s); f != nil {
		return f
	}
	if !s.take(')') {
		return s.fail(`"," or ")"`)
	}
	s.blanks()
	if p.embed.Spread && p.aggregates {
		return fault.New(CodeNotImplemented, "Feature not implemented").
			WithDetails("Aggregates are not implemented for spreads.").
			WithHint("embed the rows without the dots, or ask the aggregate of the table itself")
	}
	return nil
}

// embeddedAs finds an embed of this table by its name; nil when there is none.
func (p *requestParser) embeddedAs(name string) *innerParser {
	for _, inner := range p.inner {
		if inner.embed.Name == name {
			return inner
		}
	}
	return nil
}

// embedded is embeddedAs with the fault of a name that select does not embed.
func (p *requestParser) embedded(name string) (*innerParser, *fault.Fault) {
	if inner := p.embeddedAs(name); inner != nil {
		return inner, nil
	}
	f := fault.Newf(CodeNotEmbedded, "'%s' is not an embedded resource in this request", clip(name)).
		WithHint("Verify that '" + clip(name) + "' is included in the 'select' query parameter.")
	for _, inner := range p.inner {
		if inner.target == name {
			return nil, f.WithDetails("Target names are not allowed in filters if they have an alias")
		}
	}
	return nil, f
}

// cutPath cuts the first name of an embed's path off a key: books.year is
// books and year.
func cutPath(key string) (string, string, bool) {
	if strings.IndexByte(key, '.') < 0 {
		return "", "", false
	}
	s := scanner{text: key}
	name, f := s.name()
	if f != nil || !s.take('.') {
		return "", "", false
	}
	return name, s.rest(), true
}

// within reads a key behind the name of an embed.
func (p *requestParser) within(name, key, value string) *fault.Fault {
	inner, f := p.embedded(name)
	if f != nil {
		return f
	}
	inner.spent = p.spent
	f = inner.shape(key, value)
	p.spent = inner.spent
	return f
}

// relatedOrder reads the (column) of an order by a to-one relation.
func (p *requestParser) relatedOrder(s *scanner, name string) (Expr, *fault.Fault) {
	inner, f := p.embedded(name)
	if f != nil {
		return nil, f
	}
	if inner.embed.Relation.Many {
		return nil, fault.Newf(CodeRelatedOrder, "A related order on '%s' is not possible", clip(name)).WithDetails(notToOne(p.table, name))
	}
	s.at++ // the parenthesis
	value, c, f := inner.field(s)
	if f != nil {
		return nil, f
	}
	if !s.take(')') {
		return nil, s.fail(`"->", "->>" or ")"`)
	}
	inner.request.Ordered.Add(c)
	return &Related{Of: inner.embed, Ask: RelatedValue, Value: value}, nil
}

func notToOne(t *Table, target string) string {
	return "'" + t.Name + "' and '" + clip(target) + "' do not form a many-to-one or one-to-one relationship"
}
