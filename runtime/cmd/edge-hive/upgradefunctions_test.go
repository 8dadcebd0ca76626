//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const upgradeFunctions = `
tables: seen: {key: type: "int", columns: {text: {type: "text", required: true}}, access: read: true}
tables: times: {key: type: "int", columns: {due: {type: "text", required: true}}, access: read: true}
functions: {
	slow: {module: "slow.js", access: call: true}
	watcher: {module: "watcher.js", as: "service", on: tables: notes: {}, grants: tables: seen: ["create"]}
	clock: {module: "clock.js", as: "service", on: schedule: cron: "* * * * *", grants: tables: times: ["create"]}
}
`

var upgradeScripts = map[string]string{
	"slow.js": `export default () => new Response((async function* () {
  for (let i = 0; i < 8; i++) { yield "piece " + i + "\n"; await new Promise((done) => setTimeout(done, 100)); }
})());`,
	"watcher.js": `import { db } from "edgehive";
export default { async change({ row }) { await db.insert("seen", { text: row.text }); } };`,
	"clock.js": `import { db } from "edgehive";
export default { async scheduled({ due }) { await db.insert("times", { due: String(due) }); } };`,
}

// TestUpgradeFunctions: a streamed answer is whole, each commit has called its trigger,
// and no schedule has run twice.
func TestUpgradeFunctions(t *testing.T) {
	t.Parallel()
	s := startStorm(t, plainly(upgradeFunctions), func(dir string) {
		for name, text := range upgradeScripts {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	})
	const each = 10
	upgrades := stormNumber(t, upgradesVariable, 1)
	for turn := range upgrades {
		response, err := s.client().Get(s.url + "/api/edge/slow")
		if err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReader(response.Body)
		if line, err := in.ReadString('\n'); err != nil || line != "piece 0\n" {
			t.Fatalf("%q %v %s", line, err, response.Status)
		}
		for i := range each {
			s.insert(fmt.Sprintf("change %d of turn %d", i, turn))
		}
		s.upgrade() // while it streams, and changes wait for their calls
		rest, err := io.ReadAll(in)
		_ = response.Body.Close()
		if err != nil || strings.Count(string(rest), "\n") != 7 || !strings.HasSuffix(string(rest), "piece 7\n") {
			t.Errorf("the answer goes on with %q, %v", rest, err)
		}
	}
	texts := func(table, column string) []string {
		response, err := s.client().Get(fmt.Sprintf("%s/api/data/%s?limit=1000", s.url, table))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		var rows []map[string]any
		if err := json.NewDecoder(response.Body).Decode(&rows); err != nil || response.StatusCode != http.StatusOK {
			t.Fatal(response.Status, err)
		}
		var all []string
		for _, row := range rows {
			all = append(all, fmt.Sprint(row[column]))
		}
		return all
	}
	s.await("each change was seen", func() bool {
		seen := map[string]bool{}
		for _, text := range texts("seen", "text") {
			seen[text] = true
		}
		return len(seen) == upgrades*each
	})
	due := map[string]bool{}
	for _, one := range texts("times", "due") { // where a minute has begun meanwhile
		if due[one] {
			t.Errorf("the schedule has run twice for %s", one)
		}
		due[one] = true
	}
	s.end()
}
