package surreal

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// notebook is a store on tables that were made by hand: notes, tags, and edges
// between them. What is written to them is written by hand too.
type notebook struct {
	*testing.T
	store *Store
}

func notesSchema(quiet bool) *query.Schema {
	text := query.Type{Kind: query.KindText}
	number := query.Type{Kind: query.KindInt}
	notes := query.NewTable("notes", []*query.Column{
		{Name: "id", Type: number, Required: true}, {Name: "text", Type: text}, {Name: "day", Type: query.Type{Kind: query.KindDate}},
	}, nil)
	tags := query.NewTable("tags", []*query.Column{{Name: "id", Type: text, Required: true}, {Name: "name", Type: text}}, nil)
	from := &query.Column{Name: "note", Type: number, Ref: &query.Ref{Table: "notes"}, Required: true}
	to := &query.Column{Name: "tag", Type: text, Ref: &query.Ref{Table: "tags"}, Required: true}
	tagged := query.NewTable("tagged", []*query.Column{
		{Name: "id", Type: number, Required: true}, from, to, {Name: "weight", Type: number},
	}, nil)
	tagged.Edge = &query.Edge{From: from, To: to}
	tags.Quiet = quiet
	return query.NewSchema([]*query.Table{notes, tags, tagged})
}

func notesTables(quiet bool) string {
	text := "DEFINE TABLE notes SCHEMAFULL; DEFINE FIELD text ON notes TYPE none | string; DEFINE FIELD day ON notes TYPE none | datetime;\n" +
		"DEFINE FIELD _rev ON notes TYPE int VALUE rand::int();\n" +
		"DEFINE TABLE tags SCHEMAFULL; DEFINE FIELD name ON tags TYPE none | string;\n" +
		"DEFINE TABLE tagged TYPE RELATION IN notes OUT tags SCHEMAFULL; DEFINE FIELD weight ON tagged TYPE none | int;\n"
	for _, table := range []string{"notes", "tags", "tagged"} {
		text += "DEFINE EVENT _feed" + eventText(table, quiet && table == "tags") + ";\n"
	}
	return text
}

// openNotes opens a store on a database of its own; share opens another one on
// the same.
func openNotes(t *testing.T, quiet bool, change func(*Options)) *notebook {
	t.Helper()
	o := Options{
		URL: surrealtest.Shared(t).URL, Namespace: fmt.Sprintf("f%d_%d", time.Now().UnixNano(), namespaces.Add(1)), Database: "main",
		User: "root", Password: "root",
	}
	if change != nil {
		change(&o)
	}
	n := share(t, o, quiet)
	n.hand(notesTables(quiet))
	return n
}

func share(t *testing.T, o Options, quiet bool) *notebook {
	t.Helper()
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	s.feed.learn(newLayout(notesSchema(quiet)))
	return &notebook{t, s}
}

// hand writes by hand.
func (n *notebook) hand(text string) {
	n.Helper()
	if _, err := n.store.client.Query(n.Context(), text, nil); err != nil {
		n.Fatalf("%s: %v", text, err)
	}
	n.store.feed.wrote()
}

func (n *notebook) position() query.Cursor {
	n.Helper()
	at, err := n.store.Position(n.Context())
	if err != nil {
		n.Fatal(err)
	}
	return at
}

// changes reads all commits after a cursor, a page at a time.
func (n *notebook) changes(after query.Cursor, page int) []query.Commit {
	n.Helper()
	var all []query.Commit
	for {
		commits, err := n.store.Changes(n.Context(), after, page)
		if err != nil {
			n.Fatalf("changes after %s: %v", after, err)
		}
		if len(commits) == 0 {
			return all
		}
		for _, c := range commits {
			if c.Cursor.Compare(after) <= 0 {
				n.Fatalf("commit %s after %s", c.Cursor, after)
			}
			after = c.Cursor
		}
		all = append(all, commits...)
	}
}

func told(commits []query.Commit) string {
	var text strings.Builder
	for _, commit := range commits {
		for _, c := range commit.Changes {
			fmt.Fprintf(&text, "%d %s %s>%s\n", c.Op, c.Table, c.Before, c.After)
		}
		text.WriteString("--\n")
	}
	return text.String()
}

func (n *notebook) wantFeed(after query.Cursor, want string) {
	n.Helper()
	if got := told(n.changes(after, 100)); got != want {
		n.Errorf("the feed tells\n%swant\n%s", got, want)
	}
}

func TestFeedTellsWhatWasWrittenByHand(t *testing.T) {
	n := openNotes(t, false, nil)
	start := n.position()
	n.hand(`CREATE notes:1 SET text = "one", day = d"2026-02-03T00:00:00Z"`)
	n.hand(`BEGIN; UPDATE notes:1 SET text = "uno"; CREATE tags:red; UPDATE notes:1 SET day = NONE; COMMIT`)
	n.hand(`INSERT RELATION INTO tagged {id: 5, in: notes:1, out: tags:red, weight: 3}`)
	n.hand(`BEGIN; DELETE tagged:5; RELATE notes:1->tagged:5->tags:red SET weight = 4; COMMIT`)
	n.hand(`DELETE notes:1`)
	n.wantFeed(start, `0 notes >{"id":1,"text":"one","day":"2026-02-03"}
--
1 notes {"id":1,"text":"one","day":"2026-02-03"}>{"id":1,"text":"uno","day":"2026-02-03"}
0 tags >{"id":"red","name":null}
1 notes {"id":1,"text":"uno","day":"2026-02-03"}>{"id":1,"text":"uno","day":null}
--
0 tagged >{"id":5,"note":1,"tag":"red","weight":3}
--
1 tagged {"id":5,"note":1,"tag":"red","weight":3}>{"id":5,"note":1,"tag":"red","weight":4}
--
2 tagged {"id":5,"note":1,"tag":"red","weight":4}>
2 notes {"id":1,"text":"uno","day":null}>
--
`)
	if commits := n.changes(query.Cursor{}, 100); len(commits) != 5 || commits[0].At == 0 {
		t.Errorf("%d commits from the beginning, want 5: %v", len(commits), commits)
	}
}

func TestFeedKeepsNothingOfQuietTables(t *testing.T) {
	n := openNotes(t, true, nil)
	start := n.position()
	n.hand(`BEGIN; CREATE tags:a SET name = "secret"; CREATE tags:b SET name = "secret"; CREATE notes:1; COMMIT`)
	n.wantFeed(start, "1 tags >\n0 notes >{\"id\":1,\"text\":null,\"day\":null}\n--\n")
	results, err := n.store.client.Read(t.Context(), "SHOW CHANGES FOR TABLE _changes SINCE 0 LIMIT 1000", nil)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(results[0]), "secret") {
		t.Error("what is in a quiet table is in the changefeed")
	}
}

// The events follow the schema that is opened.
func TestQuietEventsFollowTheSchema(t *testing.T) {
	n := openNotes(t, false, nil)
	start := n.position()
	for i, quiet := range []bool{true, true, false} {
		if err := n.store.hush(t.Context(), notesSchema(quiet)); err != nil {
			t.Fatal(err)
		}
		n.hand(fmt.Sprintf("CREATE tags:⟨%d⟩", i))
	}
	n.wantFeed(start, "1 tags >\n--\n1 tags >\n--\n0 tags >{\"id\":\"2\",\"name\":null}\n--\n")
}

// The place of rows is exact: they are what the commits up to it make.
func TestSnapshotPlace(t *testing.T) {
	n := openNotes(t, false, nil)
	start := n.position()
	const each = 60
	var group sync.WaitGroup
	for w := range 4 {
		group.Go(func() {
			for i := range each {
				n.hand(fmt.Sprintf("CREATE notes:%d", w*each+i))
			}
		})
	}
	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	exact := 0
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		released, err := n.store.feed.released(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		results, err := n.store.client.Read(t.Context(), "BEGIN; SELECT VALUE id FROM notes; "+sinceText(released)+"; COMMIT", nil)
		if err != nil {
			t.Fatal(err)
		}
		at, err := n.store.feed.snapshotPlace(t.Context(), released, results[2])
		if err != nil {
			t.Fatal(err)
		}
		rows := wire.NewReader(results[1]).Array()
		upTo := 0
		for _, commit := range n.changes(start, 1000) {
			if commit.Cursor.Compare(at) <= 0 {
				upTo++
			}
		}
		if upTo > rows {
			t.Fatalf("%d rows at a place %d commits after the start: a change is missed", rows, upTo)
		}
		if upTo == rows {
			exact++
		}
	}
	if exact == 0 {
		t.Error("no place was exact")
	}
	group.Wait()
	if got := len(n.changes(start, 1000)); got != 4*each {
		t.Errorf("%d commits, want %d", got, 4*each)
	}
}

// Every commit of two stores is told by both, in one order, and from any cursor
// on.
func TestFeedOfTwoNodes(t *testing.T) {
	a := openNotes(t, false, nil)
	b := share(t, a.store.options, false)
	start, other := a.position(), b.position()
	if start != other {
		t.Fatalf("two nodes are at %s and %s", start, other)
	}
	wakes, err := b.store.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	version, quiet := b.store.feed.versions.of("notes"), b.store.feed.versions.of("tags")
	const writers, each = 8, 20
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				node := a
				if w%2 == 1 {
					node = b
				}
				node.hand(fmt.Sprintf(`CREATE notes:%d`, w*each+i))
			}
		})
	}
	group.Wait()
	select {
	case <-wakes:
	case <-time.After(2 * time.Minute):
		t.Fatal("no wake-up")
	}
	first := a.changes(start, 7)
	// b is asked for the place that a has told.
	for deadline := time.Now().Add(2 * time.Minute); ; {
		at := b.position()
		if at == first[len(first)-1].Cursor {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("b is at %s, a at %s", at, first[len(first)-1].Cursor)
		}
	}
	if got, want := told(b.changes(start, 11)), told(first); got != want || len(first) != writers*each {
		t.Fatalf("%d commits; one node tells\n%sthe other\n%s", len(first), want, got)
	}
	for _, i := range []int{0, 1, 80, len(first) - 1} {
		if got := len(b.changes(first[i].Cursor, 1000)); got != len(first)-i-1 {
			t.Errorf("%d commits after number %d", got, i)
		}
	}
	if b.store.feed.versions.of("notes") == version || b.store.feed.versions.of("tags") != quiet {
		t.Error("the version of the written table alone moves")
	}
	// A third one has nothing in memory.
	c := share(t, a.store.options, false)
	if got := told(c.changes(start, 9)); got != told(first) {
		t.Errorf("a new node tells\n%swant\n%s", got, told(first))
	}
	for _, at := range []query.Cursor{{Epoch: start.Epoch + 1, Seq: 1}, {Epoch: start.Epoch, Seq: first[len(first)-1].Cursor.Seq + 10}} {
		if _, err := c.store.Changes(t.Context(), at, 10); !errors.Is(err, store.ErrTruncated) {
			t.Errorf("after %s: %v, want ErrTruncated", at, err)
		}
	}
}

func TestFeedEpoch(t *testing.T) {
	n := openNotes(t, false, nil)
	other := share(t, n.store.options, false)
	start := other.position()
	n.hand("CREATE notes:1")
	at := n.position()
	n.hand("BEGIN; " + epochText + "UPDATE notes SET text = 'moved'; COMMIT")
	now := n.position()
	if now.Epoch <= at.Epoch || now.Seq <= at.Seq {
		t.Fatalf("a new epoch begins at %s after %s", now, at)
	}
	for _, node := range []*notebook{n, other, share(t, n.store.options, false)} {
		node.store.feed.wrote()
		if got := node.position(); got != now {
			t.Errorf("a node is at %s, another one at %s", got, now)
		}
		for _, c := range []query.Cursor{start, at} {
			if _, err := node.store.Changes(t.Context(), c, 10); !errors.Is(err, store.ErrTruncated) {
				t.Errorf("after %s: %v, want ErrTruncated", c, err)
			}
		}
	}
	n.hand("CREATE notes:2")
	n.wantFeed(now, "0 notes >{\"id\":2,\"text\":null,\"day\":null}\n--\n")
	n.wantFeed(query.Cursor{}, "0 notes >{\"id\":2,\"text\":null,\"day\":null}\n--\n")
}

func TestFeedIsTruncated(t *testing.T) {
	const keep = 3 * time.Second
	n := openNotes(t, false, func(o *Options) { o.ChangesKeep = keep })
	// told writes one note and reads it from the feed, as often as that takes longer
	// than it is kept.
	key := 0
	told := func(n *notebook) query.Cursor {
		for {
			began, at := time.Now(), n.position()
			key++
			n.hand(fmt.Sprintf("CREATE notes:%d", key))
			commits, err := n.store.Changes(t.Context(), at, 10)
			if err == nil && len(commits) == 1 {
				return at
			}
			if time.Since(began) < keep {
				t.Fatalf("%d commits at once, %v", len(commits), err)
			}
		}
	}
	n.hand("CREATE notes:0")
	old := told(n)
	time.Sleep(keep)
	fresh := share(t, n.store.options, false)
	for _, c := range []query.Cursor{old, {}} {
		if _, err := fresh.store.Changes(t.Context(), c, 10); !errors.Is(err, store.ErrTruncated) {
			t.Errorf("after %s, which is older than what is kept: %v, want ErrTruncated", c, err)
		}
	}
	told(fresh)
}

func TestBatchIsKnownAgain(t *testing.T) {
	n := openNotes(t, false, nil)
	start := n.position()
	f := n.store.feed
	b := f.newMark(0)
	defer b.end()
	n.hand("LET $_batch = '" + b.id + "'; CREATE notes:1")
	b.acknowledge("notes")
	version := f.versions.of("notes")
	at, err := b.cursor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	commits := n.changes(start, 10)
	if len(commits) != 1 || commits[0].Cursor != at {
		t.Errorf("a batch is at %s, the feed tells %v", at, commits)
	}
	if got := f.versions.of("notes"); got != version {
		t.Error("the version moved again when the commit came into sight")
	}
	if len(f.marks) != 0 {
		t.Errorf("%d batches are remembered", len(f.marks))
	}
}

func TestOrderHoldsBack(t *testing.T) {
	q := sequence{hold: minHold}
	at := time.Now()
	commit := func(seq uint64) feedEntry { return feedEntry{seq: seq, size: 1} }
	seqs := func(list []feedEntry) (seqs []uint64) {
		for _, e := range list {
			seqs = append(seqs, e.seq)
		}
		return seqs
	}
	q.add(commit(10), at)
	if got := q.release(at.Add(minHold - 1)); len(got) != 0 {
		t.Errorf("%v is released too early", seqs(got))
	}
	q.add(commit(8), at.Add(15*time.Millisecond))
	if q.hold != 45*time.Millisecond {
		t.Errorf("after 15 ms of disorder the hold is %v", q.hold)
	}
	if added, _ := q.add(commit(8), at); added {
		t.Error("a commit was taken twice")
	}
	if got := q.release(at.Add(50 * time.Millisecond)); len(got) != 0 {
		t.Errorf("%v is released before the one below it", seqs(got))
	}
	if got := seqs(q.release(at.Add(60 * time.Millisecond))); !slices.Equal(got, []uint64{8, 10}) {
		t.Errorf("released %v", got)
	}
	if _, late := q.add(commit(9), at.Add(70*time.Millisecond)); !late || q.hold != 90*time.Millisecond {
		t.Errorf("late %t, the hold is %v", late, q.hold)
	}
	if got, _, ok := q.after(0, 10); !ok || !slices.Equal(seqs(got), []uint64{8, 9, 10}) {
		t.Errorf("memory has %v", seqs(got))
	}
	q.release(at.Add(2 * holdFor))
	if q.hold != minHold {
		t.Errorf("the hold is still %v", q.hold)
	}
	for seq := range uint64(2 * recentCommits) {
		q.add(commit(100+seq), at)
	}
	q.release(at.Add(time.Hour))
	if len(q.recent) != recentCommits || q.base != 100+recentCommits-1 {
		t.Errorf("memory has %d commits after %d", len(q.recent), q.base)
	}
	if _, _, ok := q.after(q.base-1, 1); ok {
		t.Error("memory reaches back too far")
	}
}

func TestClockBits(t *testing.T) {
	const now = 1_795_413_565_620
	for bits := range map[int]bool{ownBits: true, tikvBits: true} {
		if seq := uint64(now) << bits; millis(seq) != now || millis(before(seq, time.Second)) != now-1000 {
			t.Errorf("with %d bits the time is %d", bits, millis(seq))
		}
	}
}
