package data

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// CodeMoved is the code of a write whose rows are not as its If-Match says.
const CodeMoved = "precondition-failed"

// maxRevisions bounds what one If-Match may list.
const maxRevisions = 64

var errMoved = fault.New(CodeMoved, "the row is not as If-Match says").
	WithHint("read it again, and send the ETag of that answer")

// Match is what an If-Match demands of every row that a write touches: that it
// is there, in one of these revisions.
type Match struct {
	Any       bool // any revision: If-Match: *
	Revisions []int64
}

// ParseMatch reads If-Match headers; nil where there is none. Of a tag only
// the revision counts, which an ETag of a row begins with. Tags that are weak
// or not ours match nothing.
func ParseMatch(headers []string) *Match {
	if len(headers) == 0 {
		return nil
	}
	m := &Match{}
	for _, header := range headers {
		for item := range strings.SplitSeq(header, ",") {
			item = strings.TrimSpace(item)
			if item == "*" {
				m.Any = true
				continue
			}
			revision, ok := revisionOf(item)
			if ok && len(m.Revisions) < maxRevisions && !slices.Contains(m.Revisions, revision) {
				m.Revisions = append(m.Revisions, revision)
			}
		}
	}
	return m
}

// revisionOf is the revision that a strong tag of ours begins with.
func revisionOf(tag string) (int64, bool) {
	inner, quoted := strings.CutPrefix(tag, `"`)
	if !quoted {
		return 0, false
	}
	number, rest, found := strings.Cut(inner, "-")
	if !found || !strings.HasSuffix(rest, `"`) {
		return 0, false
	}
	revision, err := strconv.ParseInt(number, 10, 64)
	return revision, err == nil && revision > 0
}

// never reports whether no row can be as it says.
func (m *Match) never() bool { return m != nil && !m.Any && len(m.Revisions) == 0 }

// admits judges one row's revision.
func (m *Match) admits(revision int64) bool {
	return m == nil || m.Any || slices.Contains(m.Revisions, revision)
}

// revisions are what the store holds the rows to; nil for any.
func (m *Match) revisions() []int64 {
	if m == nil || m.Any {
		return nil
	}
	return m.Revisions
}

// fault turns a store's error into what the caller is told: with an If-Match a
// row that is not there is one that moved.
func (m *Match) fault(err error) error {
	var single *store.NotSingleError
	if errors.Is(err, store.ErrRevisionMoved) || m != nil && errors.As(err, &single) && single.Affected == 0 {
		return errMoved
	}
	return writeFault(err)
}
