// Package sqlite is the embedded engine: store.Store on one SQLite file. One
// goroutine writes and groups waiting batches into one durable commit, a pool
// of connections reads, and the feed is written in the transaction of the rows.
// engine opens it. It knows no caller and no rule beyond the bound trees it is
// handed, and it never puts a name or value of a request into SQL text.
//
// Where what is:
//
//   - The store: store and options open and close it; view and layout are one
//     generation's way in; lock
//     keeps other processes out; meta and marks are our own tables and the
//     file's format; faults says errors as faults.
//   - Connections: conn, pool, limiter (a statement's time), statements
//     (prepared ones), functions (what SQL calls of ours), address (the file
//     system), memory (a database without a file).
//   - SQL from trees: compile and scope write a condition; beyond, embed, group,
//     reach, cast and search write the nodes that compile hands on; bind binds
//     values; evaluate computes what SQL would say otherwise.
//   - Reading: select, ask (conditions without a row), snapshot (one moment),
//     planner (how SQLite runs it), versions.
//   - Writing: writer owns the goroutine, transaction a group of batches; insert,
//     upsert, update and delete are the writes; judge (checks) serves them; once remembers repeatable batches.
//   - The feed: feed, encode, trim; ledger is for what runs beside requests and
//     follows it.
//   - Search: wordindex (full text), vectors.
//   - Named queries: verifyquery and authorize judge a text, named runs one that
//     reads, run and witness one that writes.
//   - The schema: migrate runs a plan; ddl, convert and rebuild change tables;
//     history and drift tell what was changed, and what by hand.
//   - Whole files: backup, seal, verify, restore and disk; offline is for a
//     database that nobody serves.
package sqlite
