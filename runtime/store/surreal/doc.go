// Package surreal is the engine on a SurrealDB server: store.Store over its
// WebSocket RPC. A statement is SurrealQL with bound parameters, a batch is one
// text and one transaction, and every table's event writes the feed. engine opens
// it. It knows no caller and no rule beyond the bound trees it is handed, and it
// never puts a name or value of a request into a statement's text.
//
// Where what is:
//
//   - The store: store and options open and close it; names and system are what
//     is ours in the database, functions what SurrealQL calls of ours; view,
//     viewgate and layout are one generation's way in; unavailable tells a server
//     that is away, timeout bounds what it is asked, faults says errors as
//     faults, storage those of the server's storage.
//   - Several nodes: lease (which of them does what one alone shall do), ledger
//     (the same for those above, and their notes), nodes (which are there),
//     tablegate (tables that nobody writes to meanwhile), relay (what they tell
//     each other).
//   - Stored forms: value says what they are, and json how json, lists and
//     decimals are; literal writes what stands in a definition.
//   - SurrealQL from trees: compile writes one; condition and compare its truth,
//     expression, call and jsonexpr its values, beyond what asks other rows,
//     match patterns; apart writes in front of a statement what nesting finds too
//     deep in it; foresight computes before a statement what SurrealQL has no
//     word for.
//   - Reading: select runs a statement; level says which fields one select of it
//     has, its own or an embed's, and sort in which order its rows come, group
//     and tally the same of groups, embed and reach what goes along relations;
//     keysource says which rows are read, rows makes the answer of what came. ask
//     is conditions without a row; snapshot one moment, snapshotplace its place
//     in the feed; explain how the server runs it.
//   - Writing: apply tries a batch, transaction is one try, direct a write that
//     reads nothing first; insert, upsert, update and delete are the writes;
//     judge (checks), unique (which constraint a refused row is told of),
//     references (what points at a row), keys (int keys) and representation (what
//     lies beyond written rows) serve them; once remembers repeatable batches,
//     and place finds one whose answer was lost.
//   - The feed: events writes it; feed hands it out, reader and feedstart follow
//     it, listen wakes the reader, order brings commits into order, feedpast
//     reads what memory no longer has, decode their rows; mark knows this
//     process's own batches again; versions are those of tables, quiet the tables
//     whose rows it does not have.
//   - Search: words and search (full text), wordkeeper (words of rows written by
//     hand), nearest (vectors).
//   - Named queries: named runs one that reads, runtext one that writes,
//     textfault what it broke; surql, a package of its own, judges and bounds
//     their texts.
//   - The schema: migrate runs a plan, conversation is its transaction; change
//     says what becomes of a table, ddl defines it, convert and rebuild give its
//     rows their new values and places, in pages; inspect reads what is recorded,
//     drift what was changed by hand, history and values what plans ask.
//
// The server is spoken to through rpc, in bytes that wire reads and writes.
package surreal
