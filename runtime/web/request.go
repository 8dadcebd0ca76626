package web

import (
	"github.com/edge-hive/edge-hive/runtime/query"
)

// narrow gives the part of a request that a Range header asks for: what limit
// and offset ask for, and no more than the range.
func narrow(request *query.Request, part window) *query.Request {
	narrowed := query.Request{Star: true, Limit: -1}
	if request != nil {
		narrowed = *request
	}
	from, end := max(narrowed.Offset, part.from), -1
	if narrowed.Limit >= 0 {
		end = narrowed.Offset + narrowed.Limit
	}
	if part.to >= 0 && (end < 0 || part.to+1 < end) {
		end = part.to + 1
	}
	narrowed.Offset = from
	if end >= 0 {
		narrowed.Limit = max(end-from, 0)
	}
	return &narrowed
}

// withoutSelect asks for whole rows.
func withoutSelect(request *query.Request) *query.Request {
	if request == nil {
		return nil
	}
	whole := *request
	whole.Outputs, whole.Star, whole.Selected = nil, true, query.ColumnSet{}
	return &whole
}
