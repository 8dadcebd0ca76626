// Package query is the small language between everything and the stores: one
// typed expression tree that the API's filters, the manifest's access rules
// and channel filters all become, with the statements around it. Surfaces
// build it, the gate binds it, engines and the in-memory matcher evaluate it.
// It never touches a database, a request or a file.
//
// Logic is three-valued as in SQL: a null operand makes a comparison unknown,
// !unknown is unknown; only the Is node asks for null.
package query
