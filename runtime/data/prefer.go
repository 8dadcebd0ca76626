package data

import (
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
)

// Returning is what a write answers with.
type Returning uint8

// What may be returned of a write.
const (
	ReturnMinimal Returning = iota
	ReturnHeaders
	ReturnRows
)

// Preferences are what a request says in Prefer, as RFC 7240 and PostgREST have
// it. Of a preference that is said twice the first counts.
type Preferences struct {
	Returns        Returning
	Count          bool
	MissingDefault bool
	Strict         bool
	Rollback       bool
	Resolution     Resolution
	Most           int // max-affected

	HasMost, HasReturn, HasMissing, HasHandling, HasTx bool

	Invalid []string // unknown, in the order of the request
}

// A request cannot make a list of what it got wrong longer than this.
const (
	maxInvalid = 16
	maxShown   = 64
)

// preferred is an unknown preference as it may be repeated.
func preferred(item string) string {
	if len(item) > maxShown {
		item = item[:maxShown] + "..."
	}
	return strings.ToValidUTF8(item, "?")
}

// ParsePreferences reads the Prefer headers.
func ParsePreferences(headers []string) Preferences {
	var p Preferences
	for _, header := range headers {
		for header != "" {
			var item string
			item, header, _ = strings.Cut(header, ",")
			item, _, _ = strings.Cut(item, ";") // parameters: none is known
			if item = strings.TrimSpace(item); item != "" {
				p.take(item)
			}
		}
	}
	return p
}

// take notes one preference.
func (p *Preferences) take(item string) {
	name, value, _ := strings.Cut(item, "=")
	name, value = strings.TrimSpace(name), strings.Trim(strings.TrimSpace(value), `"`)
	var known bool
	switch strings.ToLower(name) {
	case "return":
		known = p.takeReturn(value)
	case "count":
		known = value == "exact" || value == "planned" || value == "estimated"
		p.Count = p.Count || known
	case "missing":
		known = value == "default" || value == "null"
		if known && !p.HasMissing {
			p.HasMissing, p.MissingDefault = true, value == "default"
		}
	case "handling":
		known = value == "strict" || value == "lenient"
		if known && !p.HasHandling {
			p.HasHandling, p.Strict = true, value == "strict"
		}
	case "max-affected":
		n, err := strconv.ParseUint(value, 10, 31)
		if known = err == nil && len(value) <= 9; known && !p.HasMost {
			p.HasMost, p.Most = true, int(n)
		}
	case "tx":
		known = value == "commit" || value == "rollback"
		if known && !p.HasTx {
			p.HasTx, p.Rollback = true, value == "rollback"
		}
	case "resolution":
		known = p.takeResolution(value)
	}
	if !known && len(p.Invalid) < maxInvalid {
		p.Invalid = append(p.Invalid, preferred(item))
	}
}

func (p *Preferences) takeReturn(value string) bool {
	kind, known := ReturnMinimal, true
	switch value {
	case "minimal":
	case "headers-only":
		kind = ReturnHeaders
	case "representation":
		kind = ReturnRows
	default:
		known = false
	}
	if known && !p.HasReturn {
		p.HasReturn, p.Returns = true, kind
	}
	return known
}

func (p *Preferences) takeResolution(value string) bool {
	var resolution Resolution
	switch value {
	case "merge-duplicates":
		resolution = Merge
	case "ignore-duplicates":
		resolution = Ignore
	default:
		return false
	}
	if p.Resolution == Refuse {
		p.Resolution = resolution
	}
	return true
}

// Check refuses what the request asked for strictly and we do not know.
func (p *Preferences) Check() *fault.Fault {
	if p.Strict && len(p.Invalid) > 0 {
		return fault.New("PGRST122", "Invalid preferences given with handling=strict").
			WithDetails("Invalid preferences: " + strings.Join(p.Invalid, ", "))
	}
	return nil
}
