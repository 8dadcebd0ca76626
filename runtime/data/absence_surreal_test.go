package data_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/store/surreal"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

var namespaces atomic.Int64

func onSurreal(t *testing.T) emptyDatabase {
	t.Helper()
	url, namespace := surrealtest.Shared(t).URL, fmt.Sprintf("a%d_%d", time.Now().UnixNano(), namespaces.Add(1))
	s, err := surreal.Open(t.Context(), surreal.Options{URL: url, Namespace: namespace, Database: "main", User: "root", Password: "root"})
	if err != nil {
		t.Fatal(err)
	}
	return emptyDatabase{s, func(t *testing.T, text string) {
		t.Helper()
		c, err := rpc.Dial(t.Context(), rpc.Options{URL: url, Namespace: namespace, Database: "main", User: "root", Password: "root"})
		if err != nil {
			t.Fatal(err)
		}
		defer closed(t, c.Close)
		if _, err := c.Query(t.Context(), text, nil); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}}
}

// A column of that server is a reference or it is none, so there the rows that
// references lead to are put in their place while rows are written that point at
// nothing.

// pretend makes way for a table's rows, and makes what they refer to.
func (w *world) pretend(t *worldTable) string {
	text := "LET $_ours = true; DELETE " + t.name + "; "
	for _, c := range t.refs() {
		for _, row := range t.rows {
			key := row[c.Name]
			if key == nil || c.Table == t.name && t.byKey(key) != nil {
				continue
			}
			text += fmt.Sprintf("INSERT IGNORE INTO %s {id: %s}; ", c.Table, keyText(key))
		}
	}
	return text
}

// stopPretending takes away what is no row of the world's.
func (w *world) stopPretending() string {
	var text strings.Builder
	text.WriteString("LET $_ours = true; ")
	for _, t := range w.tables {
		keys := make([]string, len(t.rows))
		for i, row := range t.rows {
			keys[i] = keyText(row["id"])
		}
		slices.Sort(keys)
		fmt.Fprintf(&text, "DELETE %s WHERE record::id(id) NOT IN [%s]; ", t.name, strings.Join(keys, ", "))
	}
	return text.String()
}

// keyText is a key as that server's language has it.
func keyText(key any) string {
	if text, ok := key.(string); ok {
		return "u'" + text + "'"
	}
	return fmt.Sprint(key)
}
