package meter

// What a module may have. Each bounds memory or time that a few bytes of a module
// could claim; no toolchain comes near.
const (
	maxTypes     = 20_000
	maxImports   = 2_000
	maxFunctions = 200_000
	maxTables    = 16
	maxGlobals   = 20_000
	maxExports   = 20_000
	maxElements  = 20_000    // segments
	maxItems     = 1_000_000 // of all segments
	maxData      = 100_000   // segments
	maxParams    = 1_000     // and as many results
	maxLocals    = 50_000    // with the parameters
	maxAllLocals = 4_000_000 // of all functions
	maxAllParams = 1_000_000 // of all types, and results
	maxBody      = 4 << 20   // bytes
	maxNesting   = 10_000
	maxTargets   = 65_520
	maxName      = 100_000
	// maxWeave bounds locals times loops and depth of blocks, of a function and of
	// all: so many values may have to be told apart to compile it. 23 KB with 4
	// million took wazero minutes and 1.6 GB; QuickJS's interpreter has 17 thousand.
	maxWeave    = 500_000
	maxAllWeave = 10_000_000
	// maxTable is what a table may grow to, and what all tables together may
	// begin with: 8 bytes each.
	maxTable = 1_000_000
	// maxGrown is what a table may grow to, where it begins with less.
	maxGrown = 100_000
	// maxPages is what 32 bits can address.
	maxPages = 65536
)
