package load

// CodeNoManifest is the fault of a manifest that is not there or cannot be
// read.
const CodeNoManifest = "no-manifest"

// The stable codes of the other faults that loading can find.
const (
	codeTooLarge     = "too-large"
	codeTooDeep      = "too-deep"
	codeTooSlow      = "too-slow"
	codeSyntax       = "syntax"
	codeConflict     = "conflict"
	codeReference    = "unresolved-reference"
	codeImport       = "bad-import"
	codeTag          = "bad-tag"
	codeCycle        = "cycle"
	codeEvaluation   = "bad-expression"
	codeUnknownField = "unknown-field"
	codeMissingField = "missing-field"
	codeWrongType    = "wrong-type"
	codeBadValue     = "bad-value"
	codeBadDuration  = "bad-duration"
	codeBadSize      = "bad-size"
	codeBadAddress   = "bad-address"
	codeBadURL       = "bad-url"
	codeBadPath      = "bad-path"
	codeBadName      = "bad-name"
	codeBadRoute     = "bad-route"
	codeIncomplete   = "incomplete"
	codeNotYet       = "not-in-this-version"
	codeSecret       = "literal-secret"
	codeBuiltIn      = "built-in"
	codePolicy       = "policy"
)
