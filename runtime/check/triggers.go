package check

import (
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones are known wherever a manifest is checked

	"github.com/adhocore/gronx"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// on checks what calls a function besides HTTP.
func (c *checker) on(f *manifest.Function) {
	called := len(f.Tables) > 0 || f.Schedule != nil
	switch {
	case !called && c.written(f.Path+".on"):
		c.report(f.Path+".on", fault.Newf(codeTrigger, "on of function %s names neither tables nor a schedule", f.Name).WithHint("name one of them, or leave on out"))
	case called && !f.Service:
		path := f.Path
		if c.written(f.Path + ".as") {
			path += ".as"
		}
		c.report(path, fault.Newf(codeTrigger, "function %s is called without a caller, and there is nobody that it could act as", f.Name).
			WithHint(`add as: "service": it then acts as the service role, within its grants`))
	}
	for i := range f.Tables {
		c.tableTrigger(f, &f.Tables[i])
	}
	if f.Schedule != nil {
		c.schedule(f.Schedule)
	}
}

func (c *checker) tableTrigger(f *manifest.Function, t *manifest.TableTrigger) {
	switch table := c.find(t.Table); {
	case table == nil:
		c.report(t.Path, c.noTable(t.Table))
	case table.Quiet:
		c.report(t.Path, fault.Newf(codeTrigger, "table %s says changes: false, so function %s would never hear of any", table.Name, f.Name).
			WithHint("take changes: false out of the table, or the trigger away"))
	}
	c.emptyCondition(t.Path+".when", t.When)
	path := t.Path + ".events"
	if len(t.Events) == 0 {
		c.report(path, fault.Newf(codeTrigger, "the trigger on %s has no events", t.Table).WithHint("leave events out for all of them"))
	}
	c.each(codeTrigger, path, t.Events, func(event string) *fault.Fault {
		if slices.Contains(channelEvents, event) {
			return nil
		}
		return fault.Newf(codeTrigger, "there is no event %q", event).WithHint(fault.NearestHint(event, channelEvents, "events are create, update, delete"))
	})
}

// schedule checks times: five plain fields that come true some day, in a zone
// that there is.
func (c *checker) schedule(s *manifest.Schedule) {
	_, err := time.LoadLocation(s.Zone)
	switch {
	case s.Zone == "" || s.Zone == "Local":
		c.report(s.Path+".zone", fault.New(codeSchedule, "the zone of a machine is not that of another").WithHint(`name it: "Europe/Berlin", or "UTC"`))
	case err != nil:
		c.report(s.Path+".zone", fault.Newf(codeSchedule, "there is no time zone %q", s.Zone).WithHint(zoneHint(s.Zone)))
	}
	if s.Missed != manifest.MissedOnce && s.Missed != manifest.MissedSkip {
		c.report(s.Path+".missed", fault.Newf(codeSchedule, "missed cannot be %q", s.Missed).WithHint(`write "once" or "skip"`))
	}
	if problem := cronProblem(s.Cron); problem != nil {
		c.report(s.Path+".cron", problem)
	}
}

// zones are what people call their time zones.
var zones = map[string]string{
	"cet": "Europe/Berlin", "cest": "Europe/Berlin", "gmt": "Europe/London", "bst": "Europe/London", "est": "America/New_York", "edt": "America/New_York",
	"cst": "America/Chicago", "cdt": "America/Chicago", "mst": "America/Denver", "pst": "America/Los_Angeles", "pdt": "America/Los_Angeles",
	"ist": "Asia/Kolkata", "jst": "Asia/Tokyo", "utc": "UTC", "z": "UTC",
}

func zoneHint(zone string) string {
	if meant := zones[strings.ToLower(zone)]; meant != "" {
		return `did you mean "` + meant + `"?`
	}
	return `write its IANA name, as "Europe/Berlin" or "America/New_York"`
}

// cronField is one of the five, with the names that its numbers have.
type cronField struct {
	name      string
	low, high int
	names     []string // of low, low+1, ...
}

var cronFields = []cronField{
	{"the minute", 0, 59, nil},
	{"the hour", 0, 23, nil},
	{"the day of the month", 1, 31, nil},
	{"the month", 1, 12, []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}},
	{"the day of the week", 0, 7, []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}},
}

// cronWords are what other programs have for common times.
var cronWords = map[string]string{
	"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}

// cronProblem tells what is wrong with the five fields; nil for nothing. What
// passes here gronx reads the same way at any time.
func cronProblem(cron string) *fault.Fault {
	bad := fault.Newf(codeSchedule, "%q is no schedule", fault.Clip(cron, 80))
	fields := strings.Fields(cron)
	switch {
	case cronWords[strings.ToLower(cron)] != "":
		return bad.WithHint(`write it out: "` + cronWords[strings.ToLower(cron)] + `"`)
	case len(fields) == 6:
		return bad.WithHint("five fields: minute, hour, day of the month, month, day of the week; there are no seconds")
	case len(fields) != 5:
		return bad.WithHint(`five fields: minute, hour, day of the month, month, day of the week, as "0 3 * * *" for three every night`)
	}
	for i, text := range fields {
		if hint := cronFields[i].problem(text); hint != "" {
			return bad.WithDetails(cronFields[i].name + " is " + strconv.Quote(fault.Clip(text, 40))).WithHint(hint)
		}
	}
	// The 29th of February comes once in eight years at worst.
	if _, err := gronx.NextTickAfter(cron, time.Date(2096, 3, 1, 0, 0, 0, 0, time.UTC), false); err != nil {
		return fault.Newf(codeSchedule, "%q never comes", cron).WithHint("no month that it names has such a day")
	}
	return nil
}

// problem is a hint for what is wrong with a field; "" for nothing.
func (f *cronField) problem(text string) string {
	span := f.name + " is " + strconv.Itoa(f.low) + " to " + strconv.Itoa(f.high)
	for part := range strings.SplitSeq(text, ",") {
		base, step, stepped := strings.Cut(part, "/")
		if stepped {
			if n, err := strconv.ParseUint(step, 10, 8); err != nil || n == 0 {
				return "a step is */N or FROM-TO/N, with a number"
			}
		}
		if base == "*" {
			continue
		}
		from, to, ranged := strings.Cut(base, "-")
		low, ok := f.number(from)
		if !ok {
			return span + f.named()
		}
		if !ranged {
			continue
		}
		high, ok := f.number(to)
		switch {
		case !ok:
			return span + f.named()
		case high == 0 && f.high == 7 && low > 0:
			return "in a range, Sunday at the end is 7"
		case high < low:
			return "a range goes from the smaller to the larger: " + to + "-" + from + ", or two of them with a comma"
		}
	}
	return ""
}

func (f *cronField) named() string {
	if len(f.names) == 0 {
		return ", *, lists (1,15), ranges (1-5) and steps (*/10)"
	}
	return ", or " + f.names[0] + " to " + f.names[len(f.names)-1] + ", *, lists, ranges and steps"
}

func (f *cronField) number(text string) (int, bool) {
	if i := slices.Index(f.names, strings.ToUpper(text)); i >= 0 {
		return f.low + i, true
	}
	n, err := strconv.ParseUint(text, 10, 8)
	return int(n), err == nil && int(n) >= f.low && int(n) <= f.high
}
