// Package coding is content codings, as RFC 9110 has them: which one a client takes of
// those that we have, the encoders of the process, what a coding does to an ETag,
// which answers are worth one, and bodies of requests that come in one. The router
// calls it while it sends an answer, and everybody who looks at Accept-Encoding does
// so here. It never decides that an answer is compressed, and writes no header but the
// conditions of a request whose tags it makes plain.
package coding
