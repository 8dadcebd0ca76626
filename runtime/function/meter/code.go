package meter

import (
	"fmt"
	"slices"
)

// body is the code of a function.
type body struct {
	locals   section // its groups of locals
	from, to int     // its instructions, the last end with them
	// edges are whom it calls: own functions by index, then types of indirect
	// calls, above them.
	edges    []uint32
	numbered uint32 // locals with the parameters
	loops    int
	calls    bool // anything at all
	bulk     bool
}

func (m *module) readCode(r *reader) {
	n := r.count(2, maxFunctions, "bodies")
	if own := len(m.calls) - int(m.imported); n != own && r.err == nil {
		r.failf("%d functions are declared, %d have a body", own, n)
	}
	if r.err != nil {
		return
	}
	m.bodies = make([]body, n)
	w := &codeReader{m: m, seen: make([]int, n+len(m.types))}
	for i := range m.bodies {
		size := r.u32("the size of a body")
		if size > maxBody {
			r.fail(tooLarge(r.at, "a function has %d bytes, the most is %d", size, maxBody))
		}
		part := r.part(int(size), "a function")
		w.body(&part, i)
		if part.err != nil {
			r.fail(part.err)
			return
		}
	}
}

// codeReader reads bodies for the first time: it checks their form and notes whom
// they call.
type codeReader struct {
	m    *module
	seen []int // by edge, the body that had it last, from 1
	open []opcode
	in   instruction

	deepest       int // blocks within each other, of this body
	locals, weave int // of all bodies
}

func (w *codeReader) body(r *reader, i int) {
	b := &w.m.bodies[i]
	w.readLocals(r, b, w.m.types[w.m.calls[int(w.m.imported)+i]])
	b.from = r.at
	w.deepest = 0
	w.open = append(w.open[:0], opBlock)
	for r.err == nil && len(w.open) > 0 {
		r.next(&w.in)
		if r.err == nil {
			w.instruction(r, b, i)
		}
	}
	if r.err == nil && r.at != r.end {
		r.failf("a function goes on after its end")
	}
	b.to = r.at
	b.edges = slices.Clip(b.edges)
	w.bound(r, b)
}

// bound refuses what takes a compiler long, or much memory: a local that is set
// within many loops and blocks has a value of its own for each.
func (w *codeReader) bound(r *reader, b *body) {
	weave := int(b.numbered) * (b.loops + w.deepest)
	w.weave += weave
	w.locals += int(b.numbered)
	switch {
	case weave > maxWeave:
		r.fail(&Error{
			Reason: TooLarge, Offset: b.from,
			Message: fmt.Sprintf("a function has %d locals, %d loops, and blocks %d deep, which is too much to compile", b.numbered, b.loops, w.deepest),
			Hint:    "split the function, or let its compiler optimise",
		})
	case w.weave > maxAllWeave:
		r.fail(tooLarge(b.from, "the functions have too many locals and loops to compile"))
	case w.locals > maxAllLocals:
		r.fail(tooLarge(b.from, "the functions have more than %d locals", maxAllLocals))
	}
}

func (w *codeReader) readLocals(r *reader, b *body, t FunctionType) {
	at := r.at
	n := r.count(2, maxLocals, "groups of locals")
	b.locals = section{count: n, from: r.at}
	total := uint64(len(t.Params))
	for range n {
		total += uint64(r.u32("a number of locals"))
		r.valueType("a local")
		if total > maxLocals {
			r.fail(tooLarge(at, "a function has %d locals, the most is %d", total, maxLocals))
		}
		if r.err != nil {
			return
		}
	}
	b.numbered = uint32(total)
	b.locals.to = r.at
}

func (w *codeReader) instruction(r *reader, b *body, i int) {
	in := &w.in
	switch in.op {
	case opBlock, opLoop, opIf:
		if in.block >= int64(len(w.m.types)) {
			r.fail(malformed(in.at, "type %d does not exist", in.block))
		}
		if len(w.open) >= maxNesting {
			r.fail(tooLarge(in.at, "blocks are nested more than %d deep", maxNesting))
		}
		if in.op == opLoop {
			b.loops++
		}
		w.open = append(w.open, in.op)
		w.deepest = max(w.deepest, len(w.open))
	case opElse:
		if w.open[len(w.open)-1] != opIf {
			r.fail(malformed(in.at, "an else without its if"))
		}
		w.open[len(w.open)-1] = opElse
	case opEnd:
		w.open = w.open[:len(w.open)-1]
	case opBr, opBrIf:
		w.label(r, in.first)
	case opBrTable:
		for _, label := range in.targets {
			w.label(r, label)
		}
	case opCall, opRefFunc:
		w.function(r, b, i)
	case opCallIndirect:
		if int64(in.first) >= int64(len(w.m.types)) {
			r.fail(malformed(in.at, "type %d does not exist", in.first))
			return
		}
		b.calls = true
		w.edge(b, i, uint32(len(w.m.bodies))+in.first)
	default:
		w.state(b)
	}
}

func (w *codeReader) label(r *reader, label uint32) {
	if int64(label) >= int64(len(w.open)) {
		r.fail(malformed(w.in.at, "label %d is beyond the function", label))
	}
}

func (w *codeReader) function(r *reader, b *body, i int) {
	f := w.in.first
	if int64(f) >= int64(len(w.m.calls)) {
		r.fail(malformed(w.in.at, "function %d does not exist", f))
		return
	}
	if w.in.op == opRefFunc {
		w.m.take(f)
		return
	}
	b.calls = true
	if f >= w.m.imported {
		w.edge(b, i, f-w.m.imported)
	}
}

func (w *codeReader) edge(b *body, i int, to uint32) {
	if w.seen[to] != i+1 {
		w.seen[to] = i + 1
		b.edges = append(b.edges, to)
	}
}

// state notes what changes more of an instance than memory and globals.
func (w *codeReader) state(b *body) {
	switch w.in.op {
	case opTableSet, opTableGrow, opTableFill, opTableCopy, opTableInit:
		w.m.keeps("it writes to a table")
		b.bulk = b.bulk || w.in.op != opTableSet
	case opElemDrop, opDataDrop:
		w.m.keeps("it drops a segment")
	case opMemoryInit, opMemoryCopy, opMemoryFill:
		b.bulk = true
	}
}
