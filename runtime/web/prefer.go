package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
)

// returning is what a write answers with.
type returning uint8

const (
	returnMinimal returning = iota
	returnHeaders
	returnRows
)

// preferences are a request's Prefer headers, as RFC 7240 and PostgREST have
// them. Of a preference that is said twice the first counts.
type preferences struct {
	returns        returning
	count          bool
	missingDefault bool
	strict         bool
	rollback       bool
	resolution     data.Resolution
	most           int // max-affected

	hasMost, hasReturn, hasMissing, hasHandling, hasTx bool

	invalid []string // unknown, in the order of the request
}

// A request cannot make a list of what it got wrong longer than this.
const maxInvalid = 16

// parsePrefer reads the Prefer headers.
func parsePrefer(headers []string) preferences {
	var p preferences
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
func (p *preferences) take(item string) {
	name, value, _ := strings.Cut(item, "=")
	name, value = strings.TrimSpace(name), strings.Trim(strings.TrimSpace(value), `"`)
	var known bool
	switch strings.ToLower(name) {
	case "return":
		known = p.takeReturn(value)
	case "count":
		known = value == "exact" || value == "planned" || value == "estimated"
		p.count = p.count || known
	case "missing":
		known = value == "default" || value == "null"
		if known && !p.hasMissing {
			p.hasMissing, p.missingDefault = true, value == "default"
		}
	case "handling":
		known = value == "strict" || value == "lenient"
		if known && !p.hasHandling {
			p.hasHandling, p.strict = true, value == "strict"
		}
	case "max-affected":
		n, ok := parseCount(value)
		if known = ok; known && !p.hasMost {
			p.hasMost, p.most = true, n
		}
	case "tx":
		known = value == "commit" || value == "rollback"
		if known && !p.hasTx {
			p.hasTx, p.rollback = true, value == "rollback"
		}
	case "resolution":
		known = p.takeResolution(value)
	}
	if !known && len(p.invalid) < maxInvalid {
		p.invalid = append(p.invalid, printable(item))
	}
}

func (p *preferences) takeReturn(value string) bool {
	kind, known := returnMinimal, true
	switch value {
	case "minimal":
	case "headers-only":
		kind = returnHeaders
	case "representation":
		kind = returnRows
	default:
		known = false
	}
	if known && !p.hasReturn {
		p.hasReturn, p.returns = true, kind
	}
	return known
}

func (p *preferences) takeResolution(value string) bool {
	var resolution data.Resolution
	switch value {
	case "merge-duplicates":
		resolution = data.Merge
	case "ignore-duplicates":
		resolution = data.Ignore
	default:
		return false
	}
	if p.resolution == data.Refuse {
		p.resolution = resolution
	}
	return true
}

// check refuses what the request asked for strictly and we do not know.
func (p *preferences) check() *fault.Fault {
	if p.strict && len(p.invalid) > 0 {
		return fault.New("PGRST122", "Invalid preferences given with handling=strict").
			WithDetails("Invalid preferences: " + strings.Join(p.invalid, ", "))
	}
	return nil
}

// bound is how many rows a write may affect, nil for any number. As PostgREST
// has it, that is asked for strictly or not at all.
func (p *preferences) bound(method string) *int {
	if !p.hasMost || !p.strict || method != http.MethodPatch && method != http.MethodDelete {
		return nil
	}
	return &p.most
}

// applied is the Preference-Applied header, "" for none.
func (p *preferences) applied(method string) string {
	var applied [7]string
	list := applied[:0]
	write := !safe(method)
	if method == http.MethodPost {
		switch p.resolution {
		case data.Merge:
			list = append(list, "resolution=merge-duplicates")
		case data.Ignore:
			list = append(list, "resolution=ignore-duplicates")
		}
	}
	if write && p.hasReturn {
		switch {
		case p.returns == returnRows:
			list = append(list, "return=representation")
		case p.returns == returnHeaders && method == http.MethodPost:
			list = append(list, "return=headers-only")
		default:
			list = append(list, "return=minimal")
		}
	}
	if p.hasMissing && (method == http.MethodPost || method == http.MethodPatch) {
		if p.missingDefault {
			list = append(list, "missing=default")
		} else {
			list = append(list, "missing=null")
		}
	}
	if p.count {
		list = append(list, "count=exact")
	}
	if write && p.hasTx {
		if p.rollback {
			list = append(list, "tx=rollback")
		} else {
			list = append(list, "tx=commit")
		}
	}
	if p.hasHandling {
		if p.strict {
			list = append(list, "handling=strict")
		} else {
			list = append(list, "handling=lenient")
		}
	}
	if bound := p.bound(method); bound != nil {
		list = append(list, "max-affected="+strconv.Itoa(*bound))
	}
	return strings.Join(list, ", ")
}
