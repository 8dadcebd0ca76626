package surreal

import (
	"math/bits"
	"slices"
	"time"
)

// Versions that nodes share.
//
// What a node knows of a table is the set of its commits that have come into
// sight. Two nodes that know the same set may share answers: whoever read the rows
// after it knew the set has every commit of it in them. So a version is a hash of
// that set, and two nodes that do not know the same have different ones.
//
// No node has read all commits. Those of a table that are older than its last one
// by settled are in everybody's sight, whatever their order was; so the set is told
// by its last commit and those that are in the time of settled before it. Of a
// table with no commit in the time that a node has read, it knows the token: a
// number that stands for all commits up to a place in the feed, which nodes agree
// on by way of the board (see agree.go). A commit that comes into sight later than
// settled changes the version of who sees it, and then leaves a break in the feed,
// which is a commit of all tables.
//
// A commit of this process moves versions before it is in sight: until then the
// tables that it touched have the process' own.

// settled is after what time a commit is in the sight of all nodes.
const settled = farBackFor

// everyTable is what commits of all tables are kept under: breaks, and what
// begins an epoch.
const everyTable = ""

// sharedVersions are guarded by the mutex of the versions that have them.
type sharedVersions struct {
	based  bool
	at     uint64 // the place that the tokens are of
	tag    uint64 // the token of tables that have none
	tables map[string]*sharedTable
}

// sharedTable is what is known of a table's commits.
type sharedTable struct {
	recent []uint64 // those in sight that are not long before the place of the tokens, in order
	from   int      // where in recent the time of settled before the last one begins
	sum    uint64   // of those from there on
	late   uint64   // of those that came before it, when it was passed
	token  uint64
	agreed bool // it has a token of its own
	held   int  // commits of this process that are not in sight
}

func newSharedVersions() *sharedVersions {
	return &sharedVersions{tables: map[string]*sharedTable{}}
}

func (s *sharedVersions) table(name string) *sharedTable {
	t := s.tables[name]
	if t == nil {
		t = &sharedTable{}
		s.tables[name] = t
	}
	return t
}

// of gives a table's version; false where it has none that others may have.
func (s *sharedVersions) of(name string) (uint64, bool) {
	if !s.based {
		return 0, false
	}
	t := s.tables[name]
	if t != nil && t.held > 0 {
		return 0, false
	}
	return spread(s.tokenOf(t)) + bits.RotateLeft64(spread(s.tokenOf(s.tables[everyTable])), 32), true
}

// tokenOf is what stands for all commits of a table that are known now.
func (s *sharedVersions) tokenOf(t *sharedTable) uint64 {
	switch {
	case t == nil:
		return s.tag
	case len(t.recent) > 0 && (t.recent[len(t.recent)-1] > before(s.at, settled) || !t.agreed):
		return t.hash()
	case t.agreed:
		return t.token
	}
	return s.tag
}

// hash is that of the commits that are known.
func (t *sharedTable) hash() uint64 {
	return spread(t.recent[len(t.recent)-1]) + t.sum + t.late
}

// spread makes numbers that are near each other far from each other.
func spread(n uint64) uint64 {
	n ^= n >> 30
	n *= 0xbf58476d1ce4e5b9
	n ^= n >> 27
	n *= 0x94d049bb133111eb
	return n ^ n>>31
}

const commitSalt = 0x9e3779b97f4a7c15

// add adds a commit that has come into sight.
func (t *sharedTable) add(seq uint64) {
	n := len(t.recent)
	if n == 0 || seq > t.recent[n-1] {
		t.recent = append(t.recent, seq)
		t.sum += spread(seq + commitSalt)
		for start := before(seq, settled); t.recent[t.from] < start; t.from++ {
			t.sum -= spread(t.recent[t.from] + commitSalt)
		}
		return
	}
	at, found := slices.BinarySearch(t.recent, seq)
	if found {
		return
	}
	t.recent = slices.Insert(t.recent, at, seq)
	if seq >= before(t.recent[n], settled) {
		t.sum += spread(seq + commitSalt)
		return
	}
	t.from++
	t.late += spread(seq - commitSalt)
}

// forget lets go of commits before a place, but for those that count.
func (t *sharedTable) forget(seq uint64) {
	n, _ := slices.BinarySearch(t.recent, seq)
	if n == len(t.recent) {
		t.recent, t.from, t.sum, t.late = nil, 0, 0, 0
		return
	}
	n = min(n, t.from)
	t.recent = slices.Delete(t.recent, 0, n)
	t.from -= n
}

// share begins to make versions that others may have.
func (v *versions) share() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.shared = newSharedVersions()
}

// saw adds the commits of one entry of the feed.
func (v *versions) saw(e *feedEntry) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.shared == nil {
		return
	}
	if e.breaks || e.epoch != 0 {
		v.shared.table(everyTable).add(e.seq)
	}
	for i := range e.changes {
		if i == 0 || e.changes[i].table != e.changes[i-1].table {
			v.shared.table(e.changes[i].table).add(e.seq)
		}
	}
}

// hold keeps the tables' versions this process' own until free.
func (v *versions) hold(tables []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.shared != nil {
		for _, name := range tables {
			v.shared.table(name).held++
		}
	}
}

// free says that a commit that was held is in sight.
func (v *versions) free(tables []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.shared != nil {
		for _, name := range tables {
			v.shared.table(name).held--
		}
	}
}

// leave gives up what was agreed on, and what is known: the server may have lost
// it.
func (v *versions) leave() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.shared == nil {
		return
	}
	v.shared.based = false
	for _, t := range v.shared.tables {
		*t = sharedTable{held: t.held}
	}
}

// checkpoint is what nodes agree on: what stands for all commits of each table up
// to a place.
type checkpoint struct {
	at, tag uint64
	tokens  map[string]uint64
}

// base begins with a checkpoint; what is in sight since some time before it is
// known already.
func (v *versions) base(p checkpoint) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.shared
	s.based, s.at, s.tag = true, p.at, p.tag
	for name, token := range p.tokens {
		t := s.table(name)
		t.token, t.agreed = token, true
	}
}

// yield takes the tokens of another node's checkpoint, where this one knows as
// little of a table as that. Whose place is before what this node remembers says
// nothing: what was committed since is not known here one by one.
func (v *versions) yield(p checkpoint) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.shared
	if !s.based || p.at < before(s.at, settled) {
		return
	}
	names := make([]string, 0, len(s.tables)+len(p.tokens))
	for name := range s.tables {
		names = append(names, name)
	}
	for name := range p.tokens {
		names = append(names, name)
	}
	for _, name := range names {
		t := s.table(name)
		token, has := p.tokens[name]
		switch n := len(t.recent); {
		case n > 0 && t.recent[n-1] > before(p.at, settled): // its own commits tell it
		case has:
			t.token, t.agreed = token, true
		default:
			t.agreed = false
		}
	}
	s.tag, s.at = p.tag, max(s.at, p.at)
}

// checkpoint is what this node knows up to a place that it has passed, and it
// forgets what was long before.
func (v *versions) checkpoint(at uint64) checkpoint {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.shared
	p := checkpoint{at: at, tag: s.tag, tokens: make(map[string]uint64, len(s.tables))}
	for name, t := range s.tables {
		known := sharedTable{token: t.token, agreed: t.agreed}
		if n := len(t.recent); n > 0 && t.recent[n-1] <= at {
			known = *t
		} else {
			for _, seq := range t.recent {
				if seq <= at {
					known.add(seq)
				}
			}
			known.late = t.late
		}
		if token := s.tokenOf(&known); token != s.tag {
			p.tokens[name] = token
		}
	}
	for name, token := range p.tokens {
		t := s.tables[name]
		t.token, t.agreed = token, true
	}
	s.at = at
	for _, t := range s.tables {
		t.forget(before(at, 2*settled))
	}
	return p
}

// trim forgets what was long before a place, while nothing is agreed on: what is
// needed of it is read again.
func (v *versions) trim(seq uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, t := range v.shared.tables {
		t.forget(seq)
	}
}

// age is how long before now a commit was made.
func age(seq uint64) time.Duration { return time.Since(time.UnixMilli(millis(seq))) }
