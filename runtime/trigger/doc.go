// Package trigger calls functions for what is no request: for rows that were
// written, after their commit, and at times. Each committed change that a function
// asks for is run at least once, those of one row in their order, with back-off
// and, in the end, a dead letter; what was done is kept in the store's ledger, so
// that a crash repeats little and skips nothing.
//
// On a database that several nodes share, one of them does it, under a lease.
//
// One goroutine, the driver, has all the state of who leads; others read the feed
// for it, call functions and write the ledger, and tell it what came of that.
//
// Where what is: trigger is what engine sees; set what a manifest asks for; lead
// holds the lease; driver is the goroutine, adopt its way from one set to the next;
// line is what one function has to do, read finds it in the feed, change says it,
// call does it; save and load are the ledger; letters are what failed for good;
// schedule and cron are times; status tells how it stands.
package trigger
