// Package querytest makes random tables, rows and conditions for tests: those
// of query itself, and storetest, which holds an engine's answers against the
// evaluation in memory. The values come from small pools full of what goes
// wrong (nulls, extremes, case, escapes, other forms of equal json), so that
// conditions hold often enough to mean something. Nothing but tests uses it.
package querytest
