package surreal

import (
	"fmt"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

func TestZZSyntax(t *testing.T) {
	s := nodesOf(t, surrealtest.Shared(t), 1)[0]
	vars := wire.AppendMap(nil, 3)
	vars = wire.AppendString(wire.AppendString(vars, "node"), "abc")
	vars = wire.AppendInt(wire.AppendString(vars, "n"), 3)
	vars = wire.AppendInt(wire.AppendString(vars, "at"), 1)
	for _, text := range []string{
		"DEFINE TABLE _told SCHEMALESS",
		"CREATE type::record('_told', [time::millis(time::now()), $node, $n]) SET message = 'x' RETURN NONE",
		"CREATE type::record('_told', [time::millis(time::now()), $node, $n+1]) SET message = 'x' RETURN NONE",
		"CREATE _told:[time::millis(time::now()), $node, $n+2] SET message = 'x' RETURN NONE",
		"RETURN (SELECT VALUE record::id(id) FROM _told).len()",
		"RETURN (SELECT VALUE record::id(id) FROM _told:[$at]..).len()",
		"RETURN (SELECT VALUE record::id(id) FROM _told:[$at, $node, $n]>..).len()",
		"RETURN (SELECT VALUE record::id(id) FROM _told:[time::millis(time::now()) - 100000]..).len()",
		"RETURN (SELECT VALUE record::id(id) FROM _told:[time::millis(time::now()) + 100000]..).len()",
		"RETURN (SELECT VALUE id FROM _told:..[time::millis(time::now()) + 100000]).len()",
		"RETURN (SELECT VALUE id FROM _told:[0]..[time::millis(time::now()) + 100000] LIMIT 2).len()",
		"RETURN (SELECT VALUE [record::id(id), message] FROM _told:[$at]..)",
		"RETURN (SELECT VALUE [record::id(id)[0], record::id(id)[1], record::id(id)[2], message] FROM _told:[$at]..)",
		"EXPLAIN SELECT VALUE [record::id(id)[0]] FROM _told:[$at, $node, $n]>.. LIMIT 64",
		"LET $old = (SELECT VALUE id FROM _told:[0]..[time::millis(time::now()) + 100000] LIMIT 512); DELETE $old RETURN NONE; $old.len()",
		"{ LET $old = (SELECT VALUE id FROM _told:[0]..[time::millis(time::now()) + 100000] LIMIT 512); DELETE $old RETURN NONE; $old.len() }",
		"RETURN (SELECT VALUE record::id(id) FROM _told).len()",
	} {
		results, err := s.client.Query(t.Context(), text, vars)
		if err != nil {
			fmt.Println("ERR", text, err)
			continue
		}
		fmt.Printf("%s\n   %q\n", text, results[len(results)-1])
	}
}
