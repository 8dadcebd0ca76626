package live

import (
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// groupKey tells who may share frames.
type groupKey struct {
	bound   string
	encoder Encoder
}

// group is the attached subscriptions that see the same: a change is judged
// and encoded once for them all.
type group struct {
	key     groupKey
	view    view
	members []*Subscription
	pending []Frame // of the commit at hand
	// unjudged: the store has not said what the commit at hand is to the group.
	unjudged bool
}

// rebuild binds the group anew; what it sees stays the same.
func (g *group) rebuild(bound *data.Subscription) {
	if g.view.of != bound {
		g.view = newView(bound, g.key.encoder)
	}
}

// groups finds the groups by key and by table. It is guarded by the hub's
// mutex.
type groups struct {
	byKey   map[groupKey]*group
	byTable map[string]map[*group]struct{}
	asking  map[string]map[*group]struct{} // those of byTable that look beyond the row
	touched []*group
	unknown []*group // for which the commit at hand could not be judged
	full    []*Subscription
}

func newGroups() groups {
	return groups{
		byKey:   make(map[groupKey]*group),
		byTable: make(map[string]map[*group]struct{}), asking: make(map[string]map[*group]struct{}),
	}
}

// join adds a subscription to its group.
func (gs *groups) join(s *Subscription) {
	key := groupKey{bound: s.bound.Group, encoder: s.encoder}
	g := gs.byKey[key]
	if g == nil {
		g = &group{key: key, view: newView(s.bound, s.encoder)}
		gs.byKey[key] = g
		enlist(gs.byTable, g)
		if g.view.beyond {
			enlist(gs.asking, g)
		}
	}
	s.group, s.index = g, len(g.members)
	g.members = append(g.members, s)
}

// leave takes a subscription out of its group; an empty group is forgotten.
func (gs *groups) leave(s *Subscription) {
	g := s.group
	last := len(g.members) - 1
	g.members[s.index] = g.members[last]
	g.members[s.index].index = s.index
	g.members[last] = nil
	g.members = g.members[:last]
	s.group = nil
	if last > 0 {
		return
	}
	delete(gs.byKey, g.key)
	strike(gs.byTable, g)
	strike(gs.asking, g)
}

// enlist adds a group to those of its table.
func enlist(byTable map[string]map[*group]struct{}, g *group) {
	table := g.view.of.Table.Name
	if byTable[table] == nil {
		byTable[table] = make(map[*group]struct{})
	}
	byTable[table][g] = struct{}{}
}

func strike(byTable map[string]map[*group]struct{}, g *group) {
	table := g.view.of.Table.Name
	delete(byTable[table], g)
	if len(byTable[table]) == 0 {
		delete(byTable, table)
	}
}

// judge gives every group its frames of a commit, in pending, by what the
// store has answered; the groups that lack an answer are in unknown. An error
// says that a stored row can not be read any more.
func (gs *groups) judge(c *query.Commit, q *questions) error {
	gs.touched, gs.unknown = gs.touched[:0], gs.unknown[:0]
	for i := range c.Changes {
		var rows decoded
		for g := range gs.byTable[c.Changes[i].Table] {
			if g.unjudged {
				continue
			}
			before, after, err := rows.of(g.view.of.Table, &c.Changes[i])
			if err != nil {
				return err
			}
			f, told, err := g.view.frame(c, i, before, after, q)
			if err != nil {
				g.unjudged = true
				gs.unknown = append(gs.unknown, g)
				continue
			}
			if !told {
				continue
			}
			if len(g.pending) == 0 {
				gs.touched = append(gs.touched, g)
			}
			g.pending = append(g.pending, f)
		}
	}
	return nil
}

// deliver pushes what judge found, and gives the subscriptions whose queue is
// full.
func (gs *groups) deliver(c *query.Commit) []*Subscription {
	gs.full = gs.full[:0]
	for _, g := range gs.touched {
		if g.unjudged {
			continue // what was judged of it goes with the rest
		}
		b := newBundle(g.pending)
		g.pending = nil // the queues have it now
		for _, s := range g.members {
			// One that attached ahead of the hub has seen these already.
			if c.Cursor.Compare(s.place.cursor.Commit) > 0 && !s.push(b) {
				gs.full = append(gs.full, s)
			}
		}
	}
	return gs.full
}

// forget drops what a failed judge left behind.
func (gs *groups) forget() {
	for _, g := range gs.byKey {
		g.pending, g.unjudged = nil, false
	}
}
