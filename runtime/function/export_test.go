package function

import (
	"testing"
	"time"
)

// ShortenInitialTime makes instances have less time to be made, for a test.
func ShortenInitialTime(t *testing.T, d time.Duration) {
	before := initialTime
	initialTime = d
	t.Cleanup(func() { initialTime = before })
}
