package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"hash"

	"github.com/go-json-experiment/json/jsontext"
)

// meaning is the sum of what lines of JSON say, whatever engine wrote them:
// neither the order of members nor the form of a fraction counts, for engines
// keep json as their own values. Whole numbers count to the last digit.
type meaning struct {
	hash hash.Hash
	rest []byte // the line that has not ended
}

func newMeaning() *meaning { return &meaning{hash: sha256.New()} }

func (m *meaning) Write(p []byte) (int, error) {
	written := len(p)
	for {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			m.rest = append(m.rest, p...)
			return written, nil
		}
		m.rest = append(m.rest, p[:end]...)
		m.line()
		p = p[end+1:]
	}
}

// line takes in one line. What is no JSON counts as it stands.
func (m *meaning) line() {
	line := jsontext.Value(m.rest)
	_ = line.Canonicalize(jsontext.CanonicalizeRawInts(false)) // leaves it as it is when it fails
	_, _ = m.hash.Write(append(line, '\n'))                    // a hash takes all
	m.rest = m.rest[:0]
}

func (m *meaning) text() string {
	if len(m.rest) > 0 {
		m.line()
	}
	return hex.EncodeToString(m.hash.Sum(nil))
}
