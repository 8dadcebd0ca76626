package javascript

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// Link gives a runtime the module that the engine imports beside WASI, "env".
// Once for each runtime.
func Link(ctx context.Context, runtime wazero.Runtime) error {
	i32 := api.ValueTypeI32
	types := func(n int) []api.ValueType {
		list := make([]api.ValueType, n)
		for i := range list {
			list[i] = i32
		}
		return list
	}
	b := runtime.NewHostModuleBuilder("env")
	for _, f := range []struct {
		name              string
		arguments, result int
		do                func(ctx context.Context, s *session, stack []uint64)
	}{
		{"host_call", 5, 1, hostCall},
		{"host_promise_rejection", 3, 0, hostRejection},
		{"host_module_normalize", 2, 1, hostNormalize},
		{"host_module_load", 2, 1, hostLoad},
		// Time is UTC, and the host's meter ends loops: neither needs asking.
		{"host_get_timezone_offset", 2, 1, func(_ context.Context, _ *session, stack []uint64) { stack[0] = 0 }},
		{"host_interrupt", 0, 1, func(_ context.Context, _ *session, stack []uint64) { stack[0] = 0 }},
	} {
		b = b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(
			func(ctx context.Context, _ api.Module, stack []uint64) {
				s, ok := ctx.Value(sessionKey{}).(*session)
				if !ok {
					fail("the engine called its host outside of a call")
				}
				s.guest.nested = true
				f.do(ctx, s, stack)
				s.guest.nested = false
			}), types(f.arguments), types(f.result)).Export(f.name)
	}
	if _, err := b.Instantiate(ctx); err != nil {
		return fmt.Errorf("link the engine of JavaScript: %w", err)
	}
	return nil
}

type sessionKey struct{}

// session is what runs in an instance: a script that is loaded, or a call.
type session struct {
	guest  *guest
	script *Script
	host   Host // nil while the script is loaded
	// reply is the body of the last operation.
	reply []byte
	// done says that what was begun is settled, failure why it failed.
	done    bool
	failure *Failure
	// adopt is the prelude's function that takes a script that is loaded.
	adopt uint32
	// wait is until when nothing is to do, where there is a timer.
	wait time.Time
	// rejected are promises that were rejected while nobody listened.
	rejected []rejection
}

type rejection struct {
	promise uint32 // identity
	reason  uint32 // box
}

// maxRejected bounds the rejections that are kept until the end of a call, to be
// logged there. Of more, these are told.
const maxRejected = 16

func hostRejection(ctx context.Context, s *session, stack []uint64) {
	promise, reason, handled := uint32(stack[0]), uint32(stack[1]), uint32(stack[2]) != 0
	identity := uint32(s.guest.call(ctx, exportIdentity, uint64(promise)))
	s.guest.free(ctx, promise)
	if !handled && len(s.rejected) < maxRejected {
		s.rejected = append(s.rejected, rejection{identity, reason})
		return
	}
	s.guest.free(ctx, reason)
	if !handled {
		return
	}
	for i, r := range s.rejected {
		if r.promise == identity {
			s.guest.free(ctx, r.reason)
			s.rejected = append(s.rejected[:i], s.rejected[i+1:]...)
			return
		}
	}
}

// hostFunctions are what the prelude may call. The result is a box, or 0 where
// an exception is pending.
var hostFunctions = map[string]func(ctx context.Context, s *session, argument []uint32) uint32{
	"event": func(ctx context.Context, s *session, _ []uint32) uint32 {
		return s.guest.newString(ctx, s.host.Event())
	},
	"body":    func(ctx context.Context, s *session, _ []uint32) uint32 { return s.guest.newBytes(ctx, s.host.Body()) },
	"text":    func(ctx context.Context, s *session, _ []uint32) uint32 { return s.guest.newText(ctx, s.host.Body()) },
	"head":    hostHead,
	"write":   hostWrite,
	"print":   hostPrint,
	"flush":   hostFlush,
	"operate": hostOperate,
	"result":  func(ctx context.Context, s *session, _ []uint32) uint32 { return s.guest.newBytes(ctx, s.reply) },
	"answer":  func(ctx context.Context, s *session, _ []uint32) uint32 { return s.guest.newText(ctx, s.reply) },
	"log":     hostLog,
	"encode":  hostEncode,
	"decode":  hostDecode,
	"random":  hostRandom,
	"done":    hostDone,
	"fail":    hostFail,
	"wait":    hostWait,
}

// needHost are the functions that there are in a call alone.
var needHost = map[string]bool{
	"event": true, "body": true, "text": true, "head": true, "write": true, "print": true,
	"flush": true, "operate": true,
}

func hostCall(ctx context.Context, s *session, stack []uint64) {
	name := s.guest.view(uint32(stack[0]), uint32(stack[1]))
	do := hostFunctions[string(name)]
	if do == nil {
		fail("the engine called a function that there is not")
	}
	if s.host == nil && needHost[string(name)] {
		s.guest.throw(ctx, "this is for calls, not for while the script is loaded")
		stack[0] = 0
		return
	}
	argument := make([]uint32, 0, 4)
	list := s.guest.view(uint32(stack[4]), 4*min(uint32(stack[3]), 4))
	for ; len(list) >= 4; list = list[4:] {
		argument = append(argument, binary.LittleEndian.Uint32(list))
	}
	stack[0] = uint64(do(ctx, s, argument))
}

// nothing is undefined, or the text of what went wrong.
func (s *session) nothing(ctx context.Context, err error) uint32 {
	if err != nil {
		return s.guest.newString(ctx, []byte(err.Error()))
	}
	return s.guest.pointer(ctx, exportUndefined)
}

func hostHead(ctx context.Context, s *session, argument []uint32) uint32 {
	var err error
	if !s.guest.readText(ctx, argument[0], func(text []byte) { err = s.host.Head(text) }) {
		return 0
	}
	return s.nothing(ctx, err)
}

func hostWrite(ctx context.Context, s *session, argument []uint32) uint32 {
	b, ok := s.guest.readBytes(ctx, argument[0])
	if !ok {
		return 0
	}
	return s.nothing(ctx, s.host.Write(b))
}

func hostPrint(ctx context.Context, s *session, argument []uint32) uint32 {
	var err error
	if !s.guest.readText(ctx, argument[0], func(text []byte) { err = s.host.Write(text) }) {
		return 0
	}
	return s.nothing(ctx, err)
}

func hostFlush(ctx context.Context, s *session, _ []uint32) uint32 {
	return s.nothing(ctx, s.host.Flush())
}

// hostOperate takes a name, a head and a body, bytes. It gives the head of the
// reply, after a "!" where it is a fault.
func hostOperate(ctx context.Context, s *session, argument []uint32) uint32 {
	name := s.guest.string(ctx, argument[0])
	head := s.guest.string(ctx, argument[1])
	var body []byte
	if len(argument) > 2 {
		b, ok := s.guest.readBytes(ctx, argument[2])
		if !ok {
			return 0
		}
		body = b
	}
	reply, rest, ok := s.host.Operate(ctx, name, []byte(head), body)
	s.reply = rest
	if !ok {
		reply = append([]byte("!"), reply...)
	}
	return s.guest.newString(ctx, reply)
}

func hostLog(ctx context.Context, s *session, argument []uint32) uint32 {
	level, ok := s.guest.integer(ctx, argument[0])
	if !ok {
		return 0
	}
	text := s.guest.string(ctx, argument[1])
	if s.host != nil {
		s.host.Log(int(level), text)
	} else if s.script.Log != nil {
		s.script.Log(int(level), text)
	}
	return s.guest.pointer(ctx, exportUndefined)
}

// hostEncode gives the bytes of a text, without taking them out of the guest.
func hostEncode(ctx context.Context, s *session, argument []uint32) (box uint32) {
	g := s.guest
	address := uint32(g.call(ctx, exportToText, uint64(g.context), uint64(g.scratch), g.value(argument[0]), 0))
	if address == 0 {
		return 0
	}
	box = g.pointer(ctx, exportBytes, uint64(address), uint64(g.word(g.scratch)))
	g.call(ctx, exportFreeText, uint64(g.context), uint64(address))
	return box
}

// hostDecode gives the text of bytes. Where a second argument is not 0, bytes that
// are no UTF-8 have none: undefined.
func hostDecode(ctx context.Context, s *session, argument []uint32) uint32 {
	fatal, ok := s.guest.integer(ctx, argument[1])
	if !ok {
		return 0
	}
	b, ok := s.guest.readBytes(ctx, argument[0])
	if !ok {
		return 0
	}
	if fatal != 0 && !utf8.Valid(b) {
		return s.guest.pointer(ctx, exportUndefined)
	}
	// Copied, for making room for the text may move what b is a view of.
	return s.guest.newText(ctx, bytes.Clone(b))
}

// maxRandom is what crypto.getRandomValues gives at once, as the web has it.
const maxRandom = 65536

func hostRandom(ctx context.Context, s *session, argument []uint32) uint32 {
	n, ok := s.guest.integer(ctx, argument[0])
	if !ok {
		return 0
	}
	b := make([]byte, min(max(n, 0), maxRandom))
	if _, err := rand.Read(b); err != nil {
		fail("read randomness: %w", err)
	}
	return s.guest.newBytes(ctx, b)
}

func hostDone(ctx context.Context, s *session, _ []uint32) uint32 {
	s.done = true
	return s.guest.pointer(ctx, exportUndefined)
}

// outOfMemory begins what the engine says where it cannot allocate.
const outOfMemory = "InternalError: out of memory"

// hostFail takes the message and the stack of what made a call fail.
func hostFail(ctx context.Context, s *session, argument []uint32) uint32 {
	s.done = true
	f := &Failure{Message: s.guest.string(ctx, argument[0]), Stack: s.guest.string(ctx, argument[1])}
	f.Memory = strings.HasPrefix(f.Message, outOfMemory)
	s.failure = f
	return s.guest.pointer(ctx, exportUndefined)
}

// hostWait says in how many milliseconds the next timer is due.
func hostWait(ctx context.Context, s *session, argument []uint32) uint32 {
	n, ok := s.guest.integer(ctx, argument[0])
	if !ok {
		return 0
	}
	s.wait = time.Now().Add(time.Duration(max(n, 0)) * time.Millisecond)
	return s.guest.pointer(ctx, exportUndefined)
}
