package surreal

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"
)

// knower is a node of TestSharedVersionsMeanTheSame.
type knower struct {
	versions *versions
	sees     map[uint64]string // commits in sight, and their tables
	late     map[uint64]int    // steps until the others are
	last     uint64            // every commit up to it is in sight
	looked   map[versionOf]int // at which versions, and how much was in sight
}

func (n *knower) see(seq uint64, table string) {
	if _, there := n.sees[seq]; there {
		return
	}
	n.sees[seq] = table
	e := feedEntry{seq: seq}
	if table == everyTable {
		e.breaks = true
	} else {
		e.changes = []feedChange{{table: table}}
	}
	n.versions.saw(&e)
}

// known is what a node knows of a table.
func (n *knower) known(table string) []uint64 {
	var list []uint64
	for _, seq := range slices.Sorted(maps.Keys(n.sees)) {
		if of := n.sees[seq]; of == table || of == everyTable {
			list = append(list, seq)
		}
	}
	return list
}

// TestSharedVersionsMeanTheSame has nodes come and go, see commits late and in
// another order, and take checkpoints from a board that forgets, and shows what was
// there long ago: where two have the same version of a table, they know the same
// commits of it. So does whoever had the version before, at any time: what was kept
// under it then may be there still.
func TestSharedVersionsMeanTheSame(t *testing.T) {
	tables := []string{"a", "b", "c", "d"}
	met, pairs, rounds := 0, 0, 8
	if os.Getenv("EDGEHIVE_STORM") != "" {
		rounds = 200
	}
	for round := range rounds {
		random := rand.New(rand.NewPCG(uint64(round), 1))
		now := uint64(time.Now().UnixMilli()) << ownBits
		var all []uint64
		database := map[uint64]string{}
		var boards []checkpoint
		var nodes []*knower
		had := map[versionOf]string{} // what was known of a table by who had a version of it first
		board := func() checkpoint {  // the last one, or one of before
			if random.IntN(3) > 0 {
				return boards[len(boards)-1]
			}
			return boards[random.IntN(len(boards))]
		}
		join := func() *knower {
			n := &knower{versions: newVersions(), sees: map[uint64]string{}, late: map[uint64]int{}, looked: map[versionOf]int{}}
			n.versions.share()
			for seq, table := range database { // the replay, and more: it knows no less than others
				n.see(seq, table)
			}
			n.last = all[len(all)-1]
			if len(boards) > 0 && random.IntN(4) > 0 {
				p := board()
				// Only what is replayed is known one by one.
				n.forgetBefore(before(p.at, 2*settled))
				n.versions.base(p)
			} else {
				n.forgetBefore(before(n.last, 2*settled))
				n.versions.base(checkpoint{at: n.last, tag: random.Uint64()})
			}
			return n
		}
		for step := range 400 {
			now += uint64(random.IntN(4000)) << ownBits
			if random.IntN(3) > 0 || step < 3 {
				seq, table := now+uint64(random.IntN(100)), tables[1+random.IntN(3)]
				if random.IntN(25) == 0 { // one that is quiet for long
					table = tables[0]
				}
				if random.IntN(60) == 0 {
					table = everyTable
				}
				all, database[seq] = append(all, seq), table
				for _, n := range nodes {
					n.late[seq] = random.IntN(3)
				}
			}
			for _, n := range nodes {
				for _, seq := range slices.Sorted(maps.Keys(n.late)) {
					if n.late[seq]--; n.late[seq] < 0 || before(now, settled/2) > seq {
						delete(n.late, seq)
						n.see(seq, database[seq])
					}
				}
				n.last = all[len(all)-1]
				for seq := range n.late {
					n.last = min(n.last, seq-1)
				}
				i, _ := slices.BinarySearch(all, n.last+1)
				n.last = all[max(i-1, 0)]
			}
			switch random.IntN(8) {
			case 0:
				if len(nodes) < 4 {
					nodes = append(nodes, join())
				} else {
					nodes[random.IntN(4)] = join()
				}
			case 1, 2:
				if len(nodes) > 0 {
					n := nodes[random.IntN(len(nodes))]
					boards = append(boards, n.versions.checkpoint(n.last))
				}
			case 3, 4:
				if len(nodes) > 0 && len(boards) > 0 {
					n := nodes[random.IntN(len(nodes))]
					if p := board(); p.at <= n.last {
						n.versions.yield(p)
					}
				}
			}
			for i, x := range nodes {
				for _, table := range tables {
					of := versionOf{table, x.versions.of(table)}
					if x.looked[of] == len(x.sees) {
						continue
					}
					x.looked[of] = len(x.sees)
					knows := fmt.Sprint(x.known(table))
					if before, there := had[of]; there && before != knows {
						t.Fatalf("round %d, step %d: the version that a node has of %s is one of before, when other commits were known", round, step, table)
					}
					had[of] = knows
				}
				for _, y := range nodes[:i] {
					for _, table := range tables {
						pairs++
						if x.versions.of(table) != y.versions.of(table) {
							continue
						}
						met++
						if a, b := x.known(table), y.known(table); !slices.Equal(a, b) {
							t.Fatalf("round %d, step %d: two nodes have the same version of %s, and know\n%s\n%s", round, step, table, times(a, now), times(b, now))
						}
					}
				}
			}
		}
	}
	t.Logf("%d of %d pairs had the same version", met, pairs)
	if met < pairs/10 {
		t.Error("nodes hardly ever agree")
	}
}

// versionOf is a version of a table.
type versionOf struct {
	table   string
	version uint64
}

// forgetBefore keeps what the versions know since a place alone.
func (n *knower) forgetBefore(seq uint64) {
	v := newVersions()
	v.share()
	n.versions = v
	known := n.sees
	n.sees = map[uint64]string{}
	for at, table := range known {
		if at >= seq {
			n.see(at, table)
		} else {
			n.sees[at] = table
		}
	}
}

func times(list []uint64, now uint64) string {
	text := ""
	for _, seq := range list {
		text += fmt.Sprintf(" -%dms", int64(now>>ownBits)-int64(seq>>ownBits))
	}
	return text
}

// TestOldCheckpointsSayNothing gives a node what another left on the board before a
// commit that both have seen, and do not remember one by one any more. A Redis that
// came back with the contents of an hour ago shows it, and has the answers of then
// beside it.
func TestOldCheckpointsSayNothing(t *testing.T) {
	now := uint64(time.Now().UnixMilli()) << ownBits
	after := func(d time.Duration) uint64 { return now + uint64(d.Milliseconds())<<ownBits }
	for _, of := range []struct {
		name  string
		later time.Duration // that the node has passed, since the commit
		old   bool          // what it then makes of the checkpoint
	}{
		{"forgotten", 3 * settled, true},
		{"remembered", settled / 2, false},
	} {
		t.Run(of.name, func(t *testing.T) {
			v := newVersions()
			v.share()
			v.base(checkpoint{at: now, tag: 1, tokens: map[string]uint64{"notes": 2}})
			then, quiet := v.of("notes"), v.of("quiet")
			left := v.checkpoint(now)
			left.tag = 3 // another's
			v.saw(&feedEntry{seq: after(time.Second), changes: []feedChange{{table: "notes"}}})
			if v.of("notes") == then {
				t.Fatal("a commit changes nothing")
			}
			v.checkpoint(after(time.Second + of.later))
			v.checkpoint(after(time.Second + of.later)) // what the first let go of is forgotten
			v.yield(left)
			if v.of("notes") == then {
				t.Error("the node has the version of before the commit, and would serve what was kept under it")
			}
			if yielded := v.of("quiet") != quiet; yielded == of.old {
				t.Errorf("the tag of the checkpoint is taken: %t", yielded)
			}
		})
	}
}

func TestCheckpointsAreRead(t *testing.T) {
	p := checkpoint{at: 7, tag: 8, tokens: map[string]uint64{"": 1, "notes": 1 << 63}}
	got, ok := readCheckpoint(p.bytes())
	if !ok || got.at != 7 || got.tag != 8 || !maps.Equal(got.tokens, p.tokens) {
		t.Errorf("%+v, %v", got, ok)
	}
	raw := p.bytes()
	for n := range raw {
		if short, ok := readCheckpoint(raw[:n]); ok && len(short.tokens) == 2 {
			t.Errorf("%d bytes of %d are read", n, len(raw))
		}
	}
}

func FuzzCheckpoint(f *testing.F) {
	p := checkpoint{at: 7, tag: 8, tokens: map[string]uint64{"": 1, "notes": 1 << 63}}
	f.Add(p.bytes())
	f.Fuzz(func(t *testing.T, raw []byte) {
		if p, ok := readCheckpoint(raw); ok && (p.at == 0 || len(p.tokens) > mostTables) {
			t.Errorf("%+v", p)
		}
	})
}

// TestOwnCommitsAreNotShared keeps the versions of what this process has committed
// its own until the commit is in sight.
func TestOwnCommitsAreNotShared(t *testing.T) {
	a, b := newVersions(), newVersions()
	now := uint64(time.Now().UnixMilli()) << ownBits
	for _, v := range []*versions{a, b} {
		v.share()
		v.base(checkpoint{at: now, tag: 1})
	}
	if a.of("notes") != b.of("notes") {
		t.Fatal("they do not agree")
	}
	was := a.of("notes")
	a.bump("notes")
	a.hold([]string{"notes"})
	if a.of("notes") == was || a.of("other") != b.of("other") {
		t.Error("a commit of its own does not move the version of its table alone")
	}
	e := feedEntry{seq: now + 1<<ownBits, changes: []feedChange{{table: "notes"}, {table: "notes"}}}
	a.saw(&e)
	a.free([]string{"notes"})
	if a.of("notes") == b.of("notes") {
		t.Error("the other node has not seen it")
	}
	b.saw(&e)
	if a.of("notes") != b.of("notes") || a.of("notes") == was {
		t.Error("both have seen it")
	}
	b.leave()
	if a.of("notes") == b.of("notes") {
		t.Error("who agrees on nothing has a version of another")
	}
}
