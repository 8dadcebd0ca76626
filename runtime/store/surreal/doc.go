// Package surreal is the engine on a SurrealDB server: store.Store over its
// WebSocket RPC. A statement is SurrealQL with bound parameters, a batch is one
// text and one transaction, and every table's event writes the feed. engine opens
// it. It knows no caller and no rule beyond the bound trees it is handed, and it
// never puts a name or value of a request into a statement's text.
package surreal
