//go:build unix

package install

import "syscall"

// usualMask lets what is made have the modes that it is made with, whatever mask
// who runs this has; the function that it gives puts that back.
func usualMask() func() {
	before := syscall.Umask(0o022)
	return func() { syscall.Umask(before) }
}
