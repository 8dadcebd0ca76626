package trigger

import (
	"testing"
	"time"
	_ "time/tzdata"
)

func moments(t *testing.T, cron, zone, from string, n int) []string {
	t.Helper()
	table, err := newTimetable(cron, zone)
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.Parse(time.RFC3339, from)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for range n {
		next, err := table.after(at)
		if err != nil {
			t.Fatal(err)
		}
		if !next.After(at) {
			t.Fatalf("%s is not after %s", next, at)
		}
		list = append(list, next.In(table.zone).Format("01-02T15:04Z07"))
		at = next
	}
	return list
}

func TestTimesOfDay(t *testing.T) {
	const berlin = "Europe/Berlin"
	for _, c := range []struct {
		name, cron, zone, from string
		want                   []string
	}{
		{"daily", "0 3 * * *", "UTC", "2026-01-01T03:00:00Z", []string{"01-02T03:00Z", "01-03T03:00Z"}},
		{"no zone", "0 3 * * *", "", "2026-01-01T02:00:00Z", []string{"01-01T03:00Z"}},
		{"a gap runs when it ends", "30 2 * * *", berlin, "2026-03-28T12:00:00+01:00", []string{"03-29T03:00+02", "03-30T02:30+02"}},
		{"one run for all of a gap", "15,45 2 * * *", berlin, "2026-03-28T12:00:00+01:00", []string{"03-29T03:00+02", "03-30T02:15+02"}},
		{"and of the time it ends at", "0,30 2,3 * * *", berlin, "2026-03-29T00:00:00+01:00", []string{"03-29T03:00+02", "03-29T03:30+02", "03-30T02:00+02"}},
		{"after a gap", "0 4 * * *", berlin, "2026-03-28T12:00:00+01:00", []string{"03-29T04:00+02"}},
		{"an overlap runs once", "30 2 * * *", berlin, "2026-10-24T12:00:00+02:00", []string{"10-25T02:30+02", "10-26T02:30+01"}},
		{"not again in its second hour", "30 2 * * *", berlin, "2026-10-25T02:10:00+01:00", []string{"10-26T02:30+01"}},
		{"several in an overlap", "0,20,40 2 * * *", berlin, "2026-10-25T00:00:00+02:00", []string{"10-25T02:00+02", "10-25T02:20+02", "10-25T02:40+02", "10-26T02:00+01"}},
		{"hours pass in a gap", "30 * * * *", berlin, "2026-03-29T00:45:00+01:00", []string{"03-29T01:30+01", "03-29T03:30+02", "03-29T04:30+02"}},
		{"hours pass in an overlap", "30 * * * *", berlin, "2026-10-25T01:45:00+02:00", []string{"10-25T02:30+02", "10-25T02:30+01", "10-25T03:30+01"}},
		{"minutes pass in an overlap", "*/20 * * * *", berlin, "2026-10-25T02:30:00+02:00", []string{"10-25T02:40+02", "10-25T02:00+01", "10-25T02:20+01", "10-25T02:40+01", "10-25T03:00+01"}},
		{"on a weekday", "0 9 * * MON", berlin, "2026-10-23T09:00:00+02:00", []string{"10-26T09:00+01", "11-02T09:00+01"}},
		{"monthly", "@monthly", "America/New_York", "2026-02-10T00:00:00Z", []string{"03-01T00:00-05", "04-01T00:00-04"}},
		{"half an hour's gap", "15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", []string{"10-04T02:30+11", "10-05T02:15+11"}},
		{"a gap at midnight", "0 0 * * *", "Africa/Cairo", "2026-04-23T12:00:00Z", []string{"04-24T01:00+03", "04-25T00:00+03"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := moments(t, c.cron, c.zone, c.from, len(c.want))
			for i := range got {
				if got[i] != c.want[i] {
					t.Errorf("%q, want %q", got, c.want)
					break
				}
			}
		})
	}
}

// TestTimesComeOnce goes through years of Berlin's days: each day of the calendar
// has one run of what is daily, whatever its hour.
func TestTimesComeOnce(t *testing.T) {
	for _, cron := range []string{"30 2 * * *", "0 3 * * *", "0 0 * * *", "59 1 * * *", "0 2 * * *"} {
		table, err := newTimetable(cron, "Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		at := time.Date(2025, 12, 31, 23, 59, 59, 0, table.zone)
		for day := range 3 * 365 {
			next, err := table.after(at)
			if err != nil {
				t.Fatal(err)
			}
			want := time.Date(2026, 1, 1+day, 0, 0, 0, 0, table.zone)
			if next.In(table.zone).YearDay() != want.YearDay() || next.In(table.zone).Year() != want.Year() {
				t.Fatalf("%s: day %d is %s, want %s", cron, day, next, want)
			}
			at = next
		}
	}
}

func TestNoTimetable(t *testing.T) {
	for _, c := range [][2]string{{"0 3 * *", "UTC"}, {"x", "UTC"}, {"61 * * * *", "UTC"}, {"0 3 * * *", "Europe/Nowhere"}} {
		if _, err := newTimetable(c[0], c[1]); err == nil {
			t.Errorf("%q in %q is a timetable", c[0], c[1])
		}
	}
}

func TestLatest(t *testing.T) {
	at := func(s string) time.Time {
		moment, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return moment
	}
	for _, c := range []struct{ cron, after, until, want string }{
		{"* * * * *", "2026-01-01T00:00:00Z", "2026-06-01T00:00:30Z", "2026-06-01T00:00:00Z"},
		{"0 3 * * *", "2026-01-01T03:00:00Z", "2026-01-01T23:00:00Z", ""},
		{"0 3 * * *", "2026-01-01T03:00:00Z", "2026-01-09T02:59:00Z", "2026-01-08T03:00:00Z"},
		{"0 3 1 * *", "2025-01-01T03:00:00Z", "2026-01-09T02:59:00Z", "2026-01-01T03:00:00Z"},
		{"0 3 29 2 *", "2023-01-01T03:00:00Z", "2027-01-09T02:59:00Z", "2024-02-29T03:00:00Z"},
	} {
		table, err := newTimetable(c.cron, "UTC")
		if err != nil {
			t.Fatal(err)
		}
		got, ok := table.latest(at(c.after), at(c.until))
		if ok != (c.want != "") || ok && !got.Equal(at(c.want)) {
			t.Errorf("%s between %s and %s: %s, %t, want %s", c.cron, c.after, c.until, got, ok, c.want)
		}
	}
}
