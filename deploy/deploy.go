// Package deploy holds what a backend is run with on a server: the systemd unit,
// which `edge-hive install` writes, beside the samples that people copy. It embeds
// the unit and does nothing else.
package deploy

import _ "embed" // for the unit

// Unit is the systemd unit as it is for the folders and the user that install
// takes when nothing is said.
//
//go:embed edge-hive.service
var Unit string
