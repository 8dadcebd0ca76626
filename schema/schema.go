// Package schema holds the manifest's definitions in CUE, a file per noun. It
// embeds them and does nothing else: runtime/manifest/load reads them to check
// a manifest, to print the reference and to hand them to editors. Their
// comments are written for users.
package schema

import "embed"

// Files holds every definition; #Manifest is the whole manifest.
//
//go:embed *.cue
var Files embed.FS
