//go:build !linux

package supervisor

// monotonic is 0: there is no systemd.
func monotonic() (int64, error) { return 0, nil }
