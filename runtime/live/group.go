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
	touched []*group
	full    []*Subscription
}

func newGroups() groups {
	return groups{byKey: make(map[groupKey]*group), byTable: make(map[string]map[*group]struct{})}
}

// join adds a subscription to its group.
func (gs *groups) join(s *Subscription) {
	key := groupKey{bound: s.bound.Group, encoder: s.encoder}
	g := gs.byKey[key]
	if g == nil {
		g = &group{key: key, view: newView(s.bound, s.encoder)}
		gs.byKey[key] = g
		table := s.bound.Table.Name
		if gs.byTable[table] == nil {
			gs.byTable[table] = make(map[*group]struct{})
		}
		gs.byTable[table][g] = struct{}{}
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
	table := g.view.of.Table.Name
	delete(gs.byTable[table], g)
	if len(gs.byTable[table]) == 0 {
		delete(gs.byTable, table)
	}
}

// judge gives every group its frames of a commit, in pending. An error says
// that a stored row can not be read any more.
func (gs *groups) judge(c *query.Commit) error {
	gs.touched = gs.touched[:0]
	for i := range c.Changes {
		interested := gs.byTable[c.Changes[i].Table]
		var table *query.Table // that the rows are decoded by
		var before, after query.Row
		for g := range interested {
			if of := g.view.of.Table; of != table {
				var err error
				if before, after, err = decode(of, &c.Changes[i]); err != nil {
					return err
				}
				table = of
			}
			f, told := g.view.frame(c, i, before, after)
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
		b := newBatch(g.pending)
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
		g.pending = nil
	}
}
