package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/data"
)

// preferences are a request's Prefer headers, and what of them was applied.
type preferences struct{ data.Preferences }

// parsePrefer reads the Prefer headers.
func parsePrefer(headers []string) preferences { return preferences{data.ParsePreferences(headers)} }

// bound is how many rows a write may affect, nil for any number. As PostgREST
// has it, that is asked for strictly or not at all.
func (p *preferences) bound(method string) *int {
	if !p.HasMost || !p.Strict || method != http.MethodPatch && method != http.MethodDelete {
		return nil
	}
	return &p.Most
}

// applied is the Preference-Applied header, "" for none.
func (p *preferences) applied(method string) string {
	var applied [7]string
	list := applied[:0]
	write := !safe(method)
	if method == http.MethodPost {
		switch p.Resolution {
		case data.Merge:
			list = append(list, "resolution=merge-duplicates")
		case data.Ignore:
			list = append(list, "resolution=ignore-duplicates")
		}
	}
	if write && p.HasReturn {
		switch {
		case p.Returns == data.ReturnRows:
			list = append(list, "return=representation")
		case p.Returns == data.ReturnHeaders && method == http.MethodPost:
			list = append(list, "return=headers-only")
		default:
			list = append(list, "return=minimal")
		}
	}
	if p.HasMissing && (method == http.MethodPost || method == http.MethodPatch) {
		if p.MissingDefault {
			list = append(list, "missing=default")
		} else {
			list = append(list, "missing=null")
		}
	}
	if p.Count {
		list = append(list, "count=exact")
	}
	if write && p.HasTx {
		if p.Rollback {
			list = append(list, "tx=rollback")
		} else {
			list = append(list, "tx=commit")
		}
	}
	if p.HasHandling {
		if p.Strict {
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
