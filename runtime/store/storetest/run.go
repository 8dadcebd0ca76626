package storetest

import (
	"slices"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/store"
)

// Exception is a test of the suite that an engine does without.
type Exception struct{ Test, Why string }

// Exceptions are the tests that do not run on all engines, by the engine's name:
// `make test` prints them.
var Exceptions = map[string][]Exception{
	"sqlite":    nil,
	"surrealdb": {{"backup", "its own tools copy it: surreal export"}},
}

// Without names the tests that an engine does without.
func Without(engine string) []string {
	var names []string
	for _, e := range Exceptions[engine] {
		names = append(names, e.Test)
	}
	return names
}

// Count is how many tests the suite has.
func Count() int { return len(tests) }

// tests are named for what they prove.
var tests = []struct {
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
	{"upsert merges", testUpsertMerge},
	{"upsert sets", testUpsertSet},
	{"upsert passes over", testUpsertIgnore},
	{"upsert refuses", testUpsertRefused},
	{"upsert is counted", testUpsertCounts},
	{"upsert of a tree", testUpsertTree},
	{"upsert looks beyond the row", testUpsertBeyond},
	{"checks look beyond the row", testChecksBeyond},
	{"writes pick by other tables", testWhereBeyond},
	{"beyond the written rows", testBeyondWritten},
	{"keys made in a batch", testMade},
	{"keys made by an upsert", testMadeByUpsert},
	{"keys made nowhere", testMadeNowhere},
	{"a batch that is not kept", testRollback},
	{"quiet tables", testQuiet},
	{"revisions", testRevisions},
	{"a batch done once", testOnce},
	{"a batch of nothing, done once", testOnceOfNothing},
	{"a batch of all types, done once", testOnceTypes},
	{"a batch sent many times at once", testOnceTogether},
	{"a batch repeated after a migration", testOnceMigrated},
	{"writes agree with a map", testModel},
	{"writes by key agree with query.Holds", testByKey},
	{"writes by key are refused", testByKeyRefused},
	{"writes by key and references", testByKeyReferences},
	{"writes by key, done once", testByKeyOnce},
	{"many write the row of a key", testByKeyTogether},
	{"unique", testUnique},
	{"unique where", testPartialUnique},
	{"unique, which one is named", testUniqueNamed},
	{"what indexes begin with", testIndexed},
	{"never null", testNotNull},
	{"references must exist", testMissing},
	{"restrict", testRestrict},
	{"cascade and set null are in the feed", testCascade},
	{"a tree in one table", testTree},
	{"feed", testFeed},
	{"depth of a commit", testDepth},
	{"leases", testLeases},
	{"a lease that many want", testLeaseRace},
	{"notes", testNotes},
	{"notes are no commits", testNotesUnseen},
	{"where a feed ended", testResume},
	{"versions", testVersions},
	{"watch", testWatch},
	{"snapshot under writers", testSnapshot},
	{"a moment that is read twice", testMoment},
	{"a moment outlives its tables", testMomentMigrated},
	{"moments are bounded", testMoments},
	{"embeds that stream are bounded by row", testMomentEmbeds},
	{"migration adds", testMigrationAdds},
	{"migration renames and drops", testMigrationRenames},
	{"migration refuses", testMigrationRefuses},
	{"migration converts", testMigrationConverts},
	{"migration names rows", testMigrationNamesRows},
	{"migration and null", testMigrationNulls},
	{"migration and refs", testMigrationRefs},
	{"migration and keys", testMigrationKeys},
	{"migration and edges of edges", testMigrationEdges},
	{"migrations at random", testMigrationRandom},
	{"history", testHistory},
	{"backup", testBackup},
	{"health and close", testClose},
	{"agrees with query.Holds", testAgreement},
	{"search agrees with memory", testSearch},
	{"the nearest of many", testNearestOfMany},
	{"the best come first", testRankOrder},
	{"vectors", testVectors},
	{"indexes for search follow migrations", testSearchMigrations},
	{"agrees on other tables", testBeyond},
	{"embeds", testEmbeds},
	{"embeds in embeds", testDeepEmbeds},
	{"embeds keep their order", testEmbedOrder},
	{"embeds are bounded", testEmbedBound},
	{"embeds of many columns", testWideEmbed},
	{"exists and look throughs", testOtherRows},
	{"walks agree with memory", testReach},
	{"walks among keys that are alike", testReachAlike},
	{"walks are bounded", testReachBound},
	{"the revision of a selected row", testSelectRevision},
	{"aggregates", testAggregates},
	{"aggregates in embeds", testAggregateEmbeds},
	{"sums that leave their type", testSumRange},
	{"casts", testCasts},
}

// Run proves an engine. open gives a new, empty store for each call; Run closes
// it. The tests named in except do not run; that there are such tests is proved.
func Run(t *testing.T, open func(*testing.T) store.Store, except ...string) {
	t.Helper()
	left := len(tests)
	for _, test := range tests {
		if slices.Contains(except, test.name) {
			left--
			continue
		}
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
	if left != len(tests)-len(except) {
		t.Errorf("not all of the tests %q are there", except)
	}
}
