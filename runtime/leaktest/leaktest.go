// Package leaktest looks for goroutines that tests leave behind. Those that are about
// to end are waited for as long as a loaded machine may take; goleak alone gives them
// less than half a second. It is what rooms are tested with, and never shipped.
package leaktest

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience is for what ends late; what never ends is told after it.
const patience = time.Minute

// Main runs the tests of a package and ends its process, with a failure where they
// leave goroutines behind.
func Main(m *testing.M, ignored ...goleak.Option) {
	code := m.Run()
	if code == 0 {
		if err := find(patience, ignored); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, "goroutines that the tests left behind:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// None fails a test that has left goroutines behind.
func None(t testing.TB, ignored ...goleak.Option) {
	t.Helper()
	if err := find(patience, ignored); err != nil {
		t.Error(err)
	}
}

func find(patience time.Duration, ignored []goleak.Option) error {
	for end := time.Now().Add(patience); ; {
		err := goleak.Find(ignored...)
		if err == nil || time.Now().After(end) {
			return err
		}
	}
}
