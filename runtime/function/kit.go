package function

import (
	"crypto/rand"
	"log/slog"
	"time"
)

// The module of the host's own functions, as docs/functions-abi.md has it.
const (
	kitHost  = "edgehive:host"
	kitEntry = "edgehive_handle"
)

// What a guest gets for 0 and 1.
const (
	taken   = 0
	refused = 1
)

func kitModule() hostModule {
	return hostModule{kitHost, []hostFunction{
		declare("input_size", "i", "i", kitInputSize),
		declare("input_read", "iiii", "i", func(r *running, s []uint64) { s[0] = r.read(r.input(s[0]), s) }),
		declare("output_head", "ii", "i", kitOutputHead),
		declare("output_write", "ii", "i", func(r *running, s []uint64) { s[0] = flag(r.answer.write(r.view(s[0], s[1]))) }),
		declare("output_flush", "", "i", func(r *running, s []uint64) { s[0] = flag(r.answer.flush()) }),
		declare("call", "iiiiii", "i", kitCall),
		declare("result_size", "i", "i", func(r *running, s []uint64) { s[0] = uint64(uint32(len(r.result(s[0])))) }),
		declare("result_read", "iiii", "i", func(r *running, s []uint64) { s[0] = r.read(r.result(s[0]), s) }),
		declare("log", "iii", "", kitLog),
		declare("fail", "ii", "", kitFail),
		declare("time", "", "l", func(r *running, s []uint64) {
			r.moved(0)
			s[0] = uint64(time.Now().UnixNano())
		}),
		declare("random", "ii", "", kitRandom),
	}}
}

func flag(ok bool) uint64 {
	if ok {
		return taken
	}
	return refused
}

// input is a part of what came.
func (r *running) input(part uint64) []byte {
	switch uint32(part) {
	case 0:
		return r.eventJSON()
	case 1:
		if r.event == nil {
			return nil
		}
		return r.event.Body
	}
	return nil
}

// result is a part of the last operation's answer.
func (r *running) result(part uint64) []byte {
	switch uint32(part) {
	case 0:
		return r.reply.Head
	case 1:
		return r.reply.Body
	}
	return nil
}

// read copies a stretch of a part: part, offset, pointer, length.
func (r *running) read(from []byte, s []uint64) uint64 {
	offset := uint64(uint32(s[1]))
	to := r.view(s[2], s[3])
	if offset >= uint64(len(from)) {
		return 0
	}
	return uint64(copy(to, from[offset:]))
}

func kitInputSize(r *running, s []uint64) {
	r.moved(0)
	s[0] = uint64(uint32(len(r.input(s[0]))))
}

func kitOutputHead(r *running, s []uint64) {
	err := r.answer.setHead(r.view(s[0], s[1]))
	if err != nil {
		r.reply = refusal(err)
		s[0] = refused
		return
	}
	s[0] = taken
}

// kitCall copies what it hands over: an operation may keep it, and the memory is
// the guest's.
func kitCall(r *running, s []uint64) {
	name := string(r.view(s[0], min(uint64(uint32(s[1])), maxOperationName))) // the upper half of an i32 is anything
	head, body := clone(r.view(s[2], s[3])), clone(r.view(s[4], s[5]))
	reply, ok := r.operate(name, head, body)
	if ok && reply.Head == nil {
		reply.Head = emptyObject
	}
	r.reply = reply
	s[0] = flag(ok)
}

const maxOperationName = 64

var emptyObject = []byte("{}")

func clone(b []byte) []byte { return append([]byte(nil), b...) }

var logLevels = [...]slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}

func kitLog(r *running, s []uint64) {
	text := r.view(s[1], s[2])
	level := logLevels[min(uint32(s[0]), uint32(len(logLevels)-1))]
	r.guestLog(level, string(text[:min(len(text), maxLine)]))
}

// maxLine bounds a line of the log; what is beyond it is left out.
const maxLine = 16 << 10

func kitFail(r *running, s []uint64) {
	text := r.view(s[0], s[1])
	r.failure = string(text[:min(len(text), maxLine)])
}

func kitRandom(r *running, s []uint64) {
	to := r.view(s[0], s[1])
	_, _ = rand.Read(to) // ends the process rather than give anything else
	r.moved(8 * len(to))
}
