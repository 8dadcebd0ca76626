package load

// The stable codes of the faults that loading can find.
const (
	codeNoManifest   = "no-manifest"
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
	codeBadName      = "bad-name"
	codeBadRoute     = "bad-route"
	codeIncomplete   = "incomplete"
	codeNotYet       = "not-in-this-version"
	codeSecret       = "literal-secret" //nolint:gosec // a code, no credential
	codeBuiltIn      = "built-in"
	codePolicy       = "policy"
)
