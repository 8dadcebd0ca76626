// Package access turns the manifest's CEL rules into typed query.Expr: once,
// at build, with every fault placed in the manifest. check uses it to find
// what is wrong, engine to build what the gate enforces. It evaluates nothing
// and knows no request.
//
// CEL's parser reads the text; names are resolved here, types are decided by
// query's constructors, and the manifest's `rules` are put in place as trees.
// Only this package knows CEL.
package access
