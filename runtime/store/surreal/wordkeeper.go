package surreal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

const (
	// leaseWords is led by the one node that makes words at the time.
	leaseWords = "words"
	// keeperRows bounds the rows of a table that are remembered; where there are
	// more, the whole table is looked through.
	keeperRows = 1000
	// keeperBreath is between two rounds, keeperRetry after one that failed.
	keeperBreath = 200 * time.Millisecond
	keeperRetry  = 2 * time.Second
)

// wordKeeper makes the words of rows that the feed shows without: those written
// by hand, and those of a view on a node that does not know an index yet. Every
// node sees them; one after the other looks, and the first finds something to do.
// What it writes is silent, so no change leads to another one.
type wordKeeper struct {
	store  *Store
	cancel context.CancelFunc
	ended  chan struct{}
	wake   chan struct{}

	mu     sync.Mutex
	tables map[string]*lackingRows
}

// lackingRows are the keys of a table's rows that lack words, as they are stored.
type lackingRows struct {
	keys [][]byte
	// all stands for more rows than are remembered.
	all bool
}

func newWordKeeper(s *Store) *wordKeeper {
	return &wordKeeper{store: s, wake: make(chan struct{}, 1), tables: map[string]*lackingRows{}}
}

// start begins the keeper's goroutine, which ends with stop.
func (k *wordKeeper) start() {
	ctx, cancel := context.WithCancel(context.Background())
	k.cancel, k.ended = cancel, make(chan struct{})
	go k.run(ctx)
}

func (k *wordKeeper) stop() {
	if k.cancel != nil {
		k.cancel()
		<-k.ended
	}
}

// note remembers a row; nil is all of them.
func (k *wordKeeper) note(table string, key []byte) {
	k.mu.Lock()
	rows := k.tables[table]
	if rows == nil {
		rows = &lackingRows{}
		k.tables[table] = rows
	}
	if key == nil || len(rows.keys) == keeperRows {
		rows.all, rows.keys = true, nil
	}
	if !rows.all {
		rows.keys = append(rows.keys, key)
	}
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

func (k *wordKeeper) run(ctx context.Context) {
	defer close(k.ended)
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.wake:
		}
		rest := keeperBreath
		if err := k.repair(ctx); err != nil && ctx.Err() == nil {
			rest = keeperRetry
			if !errors.Is(err, errShut) {
				k.store.options.Logger.Warn("rows that were written by hand are not found by their words yet", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(rest):
		}
	}
}

// repair makes the words of all rows that were noted; those it fails at are
// noted again.
func (k *wordKeeper) repair(ctx context.Context) error {
	k.mu.Lock()
	tables := k.tables
	k.tables = map[string]*lackingRows{}
	k.mu.Unlock()
	if len(tables) == 0 {
		return nil
	}
	err := k.repairTables(ctx, tables)
	if err == nil {
		return nil
	}
	for name, rows := range tables {
		if rows.all {
			k.note(name, nil)
		}
		for _, key := range rows.keys {
			k.note(name, key)
		}
	}
	return err
}

func (k *wordKeeper) repairTables(ctx context.Context, tables map[string]*lackingRows) error {
	led, err := k.store.lead(ctx, leaseWords)
	if err != nil {
		return err
	}
	defer led.release()
	have, err := readRecorded(led.ctx, k.store.client)
	if err != nil {
		return err
	}
	for name, rows := range tables {
		t := have.schema.Table(name)
		if t == nil {
			continue
		}
		only := plan.Schema{Tables: []plan.Table{*t}}
		if err := k.store.repairRows(led.ctx, &only, rows.param()); err != nil {
			return err
		}
	}
	return nil
}

// param is the rows as a parameter; nil is all.
func (l *lackingRows) param() []byte {
	if l.all {
		return nil
	}
	list := wire.AppendArray(nil, len(l.keys))
	for _, key := range l.keys {
		list = append(list, key...)
	}
	return list
}

// noteLacking tells of a commit that another process made which of its rows have
// texts and no words. The caller holds f.mu.
func (f *feed) noteLacking(e *feedEntry) {
	if f.known == nil || f.lacking == nil {
		return
	}
	for i := range e.changes {
		c := &e.changes[i]
		t := f.known.byName[c.table]
		if t == nil || len(t.words) == 0 {
			continue
		}
		switch {
		case c.hush:
			if e.batch == "" {
				f.lacking(c.table, nil)
			}
		case c.op != query.Delete && t.lacksWords(c.after):
			f.lacking(c.table, c.key)
		}
	}
}

// lacksWords reports a stored row that has a text and not its words.
func (t *table) lacksWords(row []byte) bool {
	there := map[string]bool{}
	r := wire.NewReader(row)
	if r.Kind() != wire.Map {
		return false
	}
	for range r.Map() {
		name := string(r.String())
		there[name] = r.Kind() != wire.None && r.Kind() != wire.Null
		r.Skip()
	}
	if r.Err() != nil {
		return false // who reads the feed tells
	}
	for _, x := range t.words {
		if there[indexedWords(x)] {
			continue
		}
		for _, c := range x.Columns {
			if there[fieldOf(t.Table, c)] {
				return true
			}
		}
	}
	return false
}

// repairAtStart makes all words that are missing before a view is served. The
// feed is read from before that on, so that no row falls between the two; what
// stands in tables that are shut is left to the keeper.
func (s *Store) repairAtStart(ctx context.Context, schema *plan.Schema) error {
	var searched []string
	for i := range schema.Tables {
		t := &schema.Tables[i]
		if slices.ContainsFunc(t.Indexes, func(x plan.Index) bool { return x.Kind == plan.FullText }) {
			searched = append(searched, t.Name)
		}
	}
	if len(searched) == 0 {
		return nil
	}
	if _, err := s.feed.released(ctx); err != nil {
		return err
	}
	err := s.repairWords(ctx, schema)
	if !errors.Is(err, errShut) {
		return err
	}
	for _, name := range searched {
		s.words.note(name, nil)
	}
	return nil
}

// repairWords makes the words of rows that have texts and no words: those that
// were there before their index, and those that were written by hand. It may be
// stopped anywhere and run again, and by several nodes at once.
func (s *Store) repairWords(ctx context.Context, schema *plan.Schema) error {
	return s.repairRows(ctx, schema, nil)
}

// repairRows is repairWords of some rows; nil is all.
func (s *Store) repairRows(ctx context.Context, schema *plan.Schema, rows []byte) error {
	for i := range schema.Tables {
		t := &schema.Tables[i]
		for j := range t.Indexes {
			x := &t.Indexes[j]
			if x.Kind != plan.FullText {
				continue
			}
			in, f := query.LanguageNamed(x.Language)
			if f != nil {
				return fmt.Errorf("full-text index %s.%s: %w", t.Name, x.Name, f)
			}
			for more := true; more; {
				var err error
				if more, err = s.repairSome(ctx, t, x, in, rows); err != nil {
					return fmt.Errorf("make the words of %s.%s: %w", t.Name, x.Name, err)
				}
			}
		}
	}
	return nil
}
