package query

import (
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// parsedTime is what a text says before it is a moment or a day.
type parsedTime struct {
	year, month, day     int
	hour, minute, second int
	micros               int
	offset               int // seconds east
}

// parseTime reads ISO 8601 (a date, or date and time with T or a blank, any
// precision, any offset) and what JavaScript's Date prints. A date takes the
// calendar day as it is written.
func parseTime(t Type, text string) (Value, *fault.Fault) {
	p, ok := parseISO(text)
	if !ok {
		p, ok = parseJavaScript(text)
	}
	if !ok {
		return Value{}, badSyntax(t, text)
	}
	if !p.inRange() {
		return Value{}, outOfRange(t, text)
	}
	day := time.Date(p.year, time.Month(p.month), p.day, 0, 0, 0, 0, time.UTC)
	if day.Day() != p.day {
		return Value{}, outOfRange(t, text)
	}
	if t.Kind == KindDate {
		return Date(day.Unix() / secondsPerDay), nil
	}
	seconds := day.Unix() + int64(p.hour*3600+p.minute*60+p.second-p.offset)
	if seconds < firstSecond || seconds > lastSecond {
		return Value{}, outOfRange(t, text)
	}
	return Timestamp(seconds*microsPerSecond + int64(p.micros)), nil
}

// The years 1 to 9999, in seconds: what RFC 3339 can write.
const (
	firstSecond = -62135596800
	lastSecond  = 253402300799
)

func (p parsedTime) inRange() bool {
	if p.year < 1 || p.year > 9999 || p.month < 1 || p.month > 12 || p.day < 1 || p.day > 31 {
		return false
	}
	if p.offset <= -16*3600 || p.offset >= 16*3600 {
		return false
	}
	if p.hour == 24 && p.minute == 0 && p.second == 0 && p.micros == 0 {
		return true
	}
	return p.hour < 24 && p.minute < 60 && p.second <= 60
}

// timeReader reads a time's text piece by piece; after a mistake it is bad
// and reads nothing.
type timeReader struct {
	text string
	bad  bool
}

// digits reads exactly n digits.
func (r *timeReader) digits(n int) int {
	if len(r.text) < n {
		r.bad = true
		return 0
	}
	v := 0
	for i := range n {
		c := r.text[i]
		if c < '0' || c > '9' {
			r.bad = true
			return 0
		}
		v = v*10 + int(c-'0')
	}
	r.text = r.text[n:]
	return v
}

// skip reads one of the bytes, where it stands.
func (r *timeReader) skip(bytes string) bool {
	if r.text == "" || strings.IndexByte(bytes, r.text[0]) < 0 {
		return false
	}
	r.text = r.text[1:]
	return true
}

func (r *timeReader) want(bytes string) {
	if !r.skip(bytes) {
		r.bad = true
	}
}

func (r *timeReader) atDigit() bool {
	return r.text != "" && r.text[0] >= '0' && r.text[0] <= '9'
}

func parseISO(text string) (parsedTime, bool) {
	r := timeReader{text: text}
	var p parsedTime
	p.year = r.digits(4)
	r.want("-")
	p.month = r.digits(2)
	r.want("-")
	p.day = r.digits(2)
	if r.text == "" || r.bad {
		return p, !r.bad
	}
	r.want("Tt ")
	r.clock(&p)
	r.skip(" ")
	r.offset(&p)
	return p, !r.bad && r.text == ""
}

// clock reads hh:mm, with seconds and their fraction where they stand. What
// is finer than microseconds is cut off.
func (r *timeReader) clock(p *parsedTime) {
	p.hour = r.digits(2)
	r.want(":")
	p.minute = r.digits(2)
	if !r.skip(":") {
		return
	}
	p.second = r.digits(2)
	if !r.skip(".,") {
		return
	}
	if !r.atDigit() {
		r.bad = true
	}
	for unit := 100_000; r.atDigit(); unit /= 10 {
		p.micros += int(r.text[0]-'0') * unit
		r.text = r.text[1:]
	}
}

// offset reads Z, +hh, +hhmm, +hh:mm or nothing.
func (r *timeReader) offset(p *parsedTime) {
	if r.skip("Zz") || r.text == "" {
		return
	}
	negative := r.text[0] == '-'
	r.want("+-")
	p.offset = r.digits(2) * 3600
	if r.skip(":") || r.text != "" {
		minutes := r.digits(2)
		if minutes > 59 {
			r.bad = true
		}
		p.offset += minutes * 60
	}
	if negative {
		p.offset = -p.offset
	}
}

const monthNames = "JanFebMarAprMayJunJulAugSepOctNovDec"

// parseJavaScript reads "Thu Jan 01 2026 00:00:00 GMT+0000 (Some Zone)".
func parseJavaScript(text string) (parsedTime, bool) {
	if open := strings.Index(text, " ("); open >= 0 && strings.HasSuffix(text, ")") {
		text = text[:open]
	}
	fields := strings.Fields(text)
	if len(fields) != 6 || len(fields[0]) != 3 || len(fields[1]) != 3 || !strings.HasPrefix(fields[5], "GMT") {
		return parsedTime{}, false
	}
	month := strings.Index(monthNames, fields[1])
	if month < 0 || month%3 != 0 {
		return parsedTime{}, false
	}
	p := parsedTime{month: month/3 + 1}
	day, year, clock, zone := timeReader{text: fields[2]}, timeReader{text: fields[3]}, timeReader{text: fields[4]}, timeReader{text: fields[5][3:]}
	p.day = day.digits(2)
	p.year = year.digits(4)
	clock.clock(&p)
	zone.offset(&p)
	for _, r := range []timeReader{day, year, clock, zone} {
		if r.bad || r.text != "" {
			return parsedTime{}, false
		}
	}
	return p, true
}
