package storetest

import (
	"errors"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// revision reads that of one row.
func (f *fixture) revision(table, key string) int64 {
	f.Helper()
	t := f.table(table)
	_, info := f.selectRows(query.Select{Table: t, Where: equal(t, "id", query.Text(key)), Limit: 1, Revision: true})
	return info.Revision
}

func testRevisions(t *testing.T, s store.Store) {
	f := open(t, s, library())
	f.apply(f.insert("authors", author("a", "Ann"), author("b", "Bob")))
	authors := f.table("authors")
	rename := func(key string, revisions ...int64) query.Write {
		return query.Write{
			Op: query.Update, Table: authors, Where: equal(authors, "id", query.Text(key)), Revisions: revisions,
			Set: []query.Assignment{set(authors, "name", query.NewLiteral(query.Text("renamed")))},
		}
	}
	first := f.revision("authors", "a")
	if first <= 0 {
		t.Fatalf("the revision is %d", first)
	}
	f.apply(rename("a", first+5, first))
	second := f.revision("authors", "a")
	if second <= first {
		t.Errorf("the revision is %d after %d", second, first)
	}
	moved := func(name string, writes ...query.Write) {
		t.Helper()
		if err := f.refused(writes...); !errors.Is(err, store.ErrRevisionMoved) {
			t.Errorf("%s: %v, want ErrRevisionMoved", name, err)
		}
	}
	moved("update of an older row", rename("a", first))
	moved("update of no row", rename("nobody", first))
	moved("no revision is right", query.Write{Op: query.Delete, Table: authors, Revisions: []int64{}})
	remove := f.remove("authors", "a")
	remove.Revisions = []int64{first}
	moved("delete of an older row", remove)
	moved("the batch is undone", f.insert("authors", author("c", "Cid")), remove)
	both := query.Write{Op: query.Delete, Table: authors, Revisions: []int64{second}}
	moved("one of two rows", both)
	remove.Revisions = []int64{second}
	f.apply(remove)
	moved("delete of no row", remove)
	// A row that comes again under the same key has no revision of the former.
	f.apply(f.insert("authors", author("a", "Ann")))
	if third := f.revision("authors", "a"); third <= second {
		t.Errorf("the revision is %d, the row before it had %d", third, second)
	}
}
