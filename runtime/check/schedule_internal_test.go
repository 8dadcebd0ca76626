package check

import (
	"testing"
	"time"

	"github.com/adhocore/gronx"
)

// FuzzSchedule holds that what passes as a schedule is one at any time: gronx
// looks at a list only as far as it must to say whether it is due now.
func FuzzSchedule(f *testing.F) {
	for _, cron := range []string{"0 3 * * *", "*/10 8-18 1,15 JAN-MAR mon-fri", "0 0 29 2 *", "5,99 * * * *", "0 0 L * *", "* * * * 7", "0 0 31 * 5-7/2", "0-59/7 */5 * * *"} {
		f.Add(cron)
	}
	f.Fuzz(func(t *testing.T, cron string) {
		if cronProblem(cron) != nil {
			return
		}
		if !gronx.IsValid(cron) {
			t.Fatalf("gronx does not know %q", cron)
		}
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for range 5 {
			next, err := gronx.NextTickAfter(cron, at, false)
			if err != nil || !next.After(at) || next.Sub(at) > 9*366*24*time.Hour {
				t.Fatalf("%q after %s: %s, %v", cron, at, next, err)
			}
			at = next
		}
	})
}

// FuzzFetchHost holds that no grant makes it fail, and that one that passes has a
// host.
func FuzzFetchHost(f *testing.F) {
	for _, host := range []string{"api.stripe.com", "http://127.0.0.1:80", "[::1]:8080", "*.x", "a/b", "://", "[", "x:0"} {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, granted string) {
		problem := fetchHost(granted)
		if name, _ := addressOf(granted); problem == nil && name == "" {
			t.Fatalf("%q passes without a host", granted)
		}
		if problem != nil && (problem.Hint == "" || problem.Code != codeGrant) {
			t.Fatalf("%q: %+v", granted, problem)
		}
	})
}
