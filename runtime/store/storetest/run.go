package storetest

import (
	"testing"

	"github.com/edge-hive/edge-hive/runtime/store"
)

// Run proves an engine. open gives a new, empty store for each call; Run
// closes it. Subtests are named for what they prove.
func Run(t *testing.T, open func(*testing.T) store.Store) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(*testing.T, store.Store)
	}{
		{"types round trip", testTypes},
		{"three-valued logic", testLogic},
		{"order", testOrder},
		{"limit, offset and count", testPages},
		{"paths as output and order", testPaths},
		{"insert", testInsert},
		{"int keys are never reused", testIntKeys},
		{"update", testUpdate},
		{"checks undo the batch", testChecks},
		{"single", testSingle},
		{"at most", testAtMost},
		{"a batch is all or nothing", testAtomic},
		{"unique", testUnique},
		{"unique where", testPartialUnique},
		{"never null", testNotNull},
		{"references must exist", testMissing},
		{"restrict", testRestrict},
		{"cascade and set null are in the feed", testCascade},
		{"a tree in one table", testTree},
		{"feed", testFeed},
		{"versions", testVersions},
		{"watch", testWatch},
		{"snapshot under writers", testSnapshot},
		{"migration adds", testMigrationAdds},
		{"migration renames and drops", testMigrationRenames},
		{"migration refuses", testMigrationRefuses},
		{"backup", testBackup},
		{"health and close", testClose},
		{"agrees with query.Holds", testAgreement},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := open(t)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			test.run(t, s)
		})
	}
}
