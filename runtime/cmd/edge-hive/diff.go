package main

import (
	"fmt"
	"strings"
)

// context is how many lines that stay are shown around those that change.
const diffContext = 3

// edit is a line of a diff: ' ' stays, '-' goes, '+' comes.
type edit struct {
	kind byte
	text string
}

// unifiedDiff shows how a file would change, as patch(1) reads it.
func unifiedDiff(file, before, after string) string {
	edits := diffLines(splitLines(before), splitLines(after))
	var b strings.Builder
	fmt.Fprintf(&b, "--- %s\n+++ %s\n", file, file)
	oldLine, newLine := 1, 1
	for at := 0; at < len(edits); {
		if edits[at].kind == ' ' {
			at, oldLine, newLine = at+1, oldLine+1, newLine+1
			continue
		}
		start := max(0, at-diffContext)
		end := hunkEnd(edits, at)
		writeHunk(&b, edits[start:end], oldLine-(at-start), newLine-(at-start))
		for ; at < end; at++ {
			if edits[at].kind != '+' {
				oldLine++
			}
			if edits[at].kind != '-' {
				newLine++
			}
		}
	}
	return b.String()
}

// hunkEnd is where a hunk that begins its changes at at ends: changes with few
// lines between them are one hunk.
func hunkEnd(edits []edit, at int) int {
	end, still := at, 0
	for i := at; i < len(edits) && still <= 2*diffContext; i++ {
		if edits[i].kind == ' ' {
			still++
			continue
		}
		still, end = 0, i+1
	}
	return min(len(edits), end+diffContext)
}

func writeHunk(b *strings.Builder, hunk []edit, oldLine, newLine int) {
	olds, news := 0, 0
	for _, e := range hunk {
		if e.kind != '+' {
			olds++
		}
		if e.kind != '-' {
			news++
		}
	}
	fmt.Fprintf(b, "@@ -%d,%d +%d,%d @@\n", oldLine, olds, newLine, news)
	for _, e := range hunk {
		b.WriteByte(e.kind)
		b.WriteString(e.text)
		b.WriteByte('\n')
	}
}

func splitLines(text string) []string {
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// diffLines finds the fewest lines that go and come (Myers, the greedy form):
// reach[k] is how far into a the paths on diagonal k have come after d changes.
func diffLines(a, b []string) []edit {
	limit := len(a) + len(b)
	reach := make([]int, 2*limit+2)
	var trace [][]int
	for d := 0; d <= limit; d++ {
		trace = append(trace, append([]int(nil), reach...))
		for k := -d; k <= d; k += 2 {
			x := step(reach, limit, k, d)
			for x < len(a) && x-k < len(b) && a[x] == b[x-k] {
				x++
			}
			reach[limit+k] = x
			if x >= len(a) && x-k >= len(b) {
				return walkBack(a, b, trace, limit, d)
			}
		}
	}
	return nil
}

// step is where the path on diagonal k begins its d-th change: down from k+1
// or right from k-1, whichever is further.
func step(reach []int, limit, k, d int) int {
	if k == -d || (k != d && reach[limit+k-1] < reach[limit+k+1]) {
		return reach[limit+k+1]
	}
	return reach[limit+k-1] + 1
}

func walkBack(a, b []string, trace [][]int, limit, d int) []edit {
	var edits []edit
	x, y := len(a), len(b)
	for ; d >= 0; d-- {
		reach, k := trace[d], x-y
		previous := k - 1
		if k == -d || (k != d && reach[limit+k-1] < reach[limit+k+1]) {
			previous = k + 1
		}
		fromX := reach[limit+previous]
		fromY := fromX - previous
		for x > fromX && y > fromY && x > 0 && y > 0 {
			x, y = x-1, y-1
			edits = append(edits, edit{' ', a[x]})
		}
		switch {
		case d == 0:
		case x == fromX:
			y--
			edits = append(edits, edit{'+', b[y]})
		default:
			x--
			edits = append(edits, edit{'-', a[x]})
		}
	}
	for i, j := 0, len(edits)-1; i < j; i, j = i+1, j-1 {
		edits[i], edits[j] = edits[j], edits[i]
	}
	return edits
}
