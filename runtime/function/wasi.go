package function

import (
	"encoding/binary"
	"log/slog"
	"runtime"
	"time"
)

// wasiHost is WASI preview 1. It is our own and keeps no state beside a call's: a
// descriptor that one call closes or moves is as ever in the next. There are
// clocks, randomness, stdin, stdout and stderr, and nothing else.
const wasiHost = "wasi_snapshot_preview1"

// Numbers of errors.
const (
	wasiOK         = 0
	wasiBadFile    = 8
	wasiInvalid    = 28
	wasiNoSystem   = 52
	wasiNotSup     = 58
	wasiSeek       = 70
	wasiNotCapable = 76
)

const (
	stdin  = 0
	stdout = 1
	stderr = 2
)

func wasiModule() hostModule {
	m := hostModule{name: wasiHost}
	for _, f := range []struct {
		name, parameters string
		do               func(r *running, s []uint64) uint64
	}{
		{"args_get", "ii", wasiArgs},
		{"args_sizes_get", "ii", wasiArgSizes},
		{"environ_get", "ii", wasiEnvironment},
		{"environ_sizes_get", "ii", wasiEnvironmentSizes},
		{"clock_res_get", "ii", wasiClockResolution},
		{"clock_time_get", "ili", wasiClockTime},
		{"fd_close", "i", wasiStandard(wasiOK)},
		{"fd_datasync", "i", wasiStandard(wasiOK)},
		{"fd_sync", "i", wasiStandard(wasiOK)},
		{"fd_fdstat_get", "ii", wasiStatus},
		{"fd_fdstat_set_flags", "ii", wasiStandard(wasiOK)},
		{"fd_fdstat_set_rights", "ill", wasiStandard(wasiNotSup)},
		{"fd_filestat_get", "ii", wasiFileStatus},
		{"fd_read", "iiii", wasiRead},
		{"fd_write", "iiii", wasiWrite},
		{"fd_seek", "ilii", wasiStandard(wasiSeek)},
		{"fd_tell", "ii", wasiStandard(wasiSeek)},
		{"fd_pread", "iiili", wasiStandard(wasiSeek)},
		{"fd_pwrite", "iiili", wasiStandard(wasiSeek)},
		{"fd_renumber", "ii", wasiStandard(wasiNotSup)},
		{"fd_advise", "illi", wasiStandard(wasiSeek)},
		{"fd_allocate", "ill", wasiStandard(wasiInvalid)},
		{"fd_filestat_set_size", "il", wasiStandard(wasiInvalid)},
		{"fd_filestat_set_times", "illi", wasiStandard(wasiNotCapable)},
		{"fd_readdir", "iiili", wasiStandard(wasiBadFile)},
		{"fd_prestat_get", "ii", wasiNothing(wasiBadFile)},
		{"fd_prestat_dir_name", "iii", wasiNothing(wasiBadFile)},
		{"path_create_directory", "iii", wasiNothing(wasiBadFile)},
		{"path_filestat_get", "iiiii", wasiNothing(wasiBadFile)},
		{"path_filestat_set_times", "iiiilli", wasiNothing(wasiBadFile)},
		{"path_link", "iiiiiii", wasiNothing(wasiBadFile)},
		{"path_open", "iiiiillii", wasiNothing(wasiBadFile)},
		{"path_readlink", "iiiiii", wasiNothing(wasiBadFile)},
		{"path_remove_directory", "iii", wasiNothing(wasiBadFile)},
		{"path_rename", "iiiiii", wasiNothing(wasiBadFile)},
		{"path_symlink", "iiiii", wasiNothing(wasiBadFile)},
		{"path_unlink_file", "iii", wasiNothing(wasiBadFile)},
		{"poll_oneoff", "iiii", wasiPoll},
		{"proc_raise", "i", wasiNothing(wasiNoSystem)},
		{"random_get", "ii", func(r *running, s []uint64) uint64 { kitRandom(r, s); return wasiOK }},
		{"sched_yield", "", func(r *running, _ []uint64) uint64 { r.moved(0); runtime.Gosched(); return wasiOK }},
		{"sock_accept", "iii", wasiNothing(wasiBadFile)},
		{"sock_recv", "iiiiii", wasiNothing(wasiBadFile)},
		{"sock_send", "iiiii", wasiNothing(wasiBadFile)},
		{"sock_shutdown", "ii", wasiNothing(wasiBadFile)},
	} {
		m.functions = append(m.functions, declare(f.name, f.parameters, "i", func(r *running, s []uint64) { s[0] = f.do(r, s) }))
	}
	m.functions = append(m.functions, declare("proc_exit", "i", "", func(_ *running, s []uint64) {
		status := uint32(s[0])
		panic(&ending{exit: &status})
	}))
	return m
}

// wasiNothing is a function on what a guest has not.
func wasiNothing(errno uint64) func(*running, []uint64) uint64 {
	return func(r *running, _ []uint64) uint64 {
		r.moved(0)
		return errno
	}
}

// wasiStandard answers for stdin, stdout and stderr; others there are not.
func wasiStandard(errno uint64) func(*running, []uint64) uint64 {
	return func(r *running, s []uint64) uint64 {
		r.moved(0)
		if uint32(s[0]) > stderr {
			return wasiBadFile
		}
		return errno
	}
}

func (r *running) put32(pointer uint64, v uint32) {
	binary.LittleEndian.PutUint32(r.view(pointer, 4), v)
}

func (r *running) put64(pointer, v uint64) {
	binary.LittleEndian.PutUint64(r.view(pointer, 8), v)
}

// wasiTexts writes texts that end with a zero, and where each begins.
func (r *running) wasiTexts(list []string, pointers, texts uint64) uint64 {
	for _, text := range list {
		r.put32(pointers, uint32(texts))
		to := r.view(texts, uint64(len(text)+1))
		copy(to, text)
		to[len(text)] = 0
		pointers = uint64(uint32(pointers) + 4)
		texts = uint64(uint32(texts) + uint32(len(text)) + 1)
	}
	return wasiOK
}

func (r *running) wasiTextSizes(list []string, count, size uint64) uint64 {
	total := 0
	for _, text := range list {
		total += len(text) + 1
	}
	r.put32(count, uint32(len(list)))
	r.put32(size, uint32(total))
	return wasiOK
}

func wasiArgs(r *running, s []uint64) uint64     { return r.wasiTexts(r.arguments(), s[0], s[1]) }
func wasiArgSizes(r *running, s []uint64) uint64 { return r.wasiTextSizes(r.arguments(), s[0], s[1]) }

func wasiEnvironment(r *running, s []uint64) uint64 {
	return r.wasiTexts(r.variables(), s[0], s[1])
}

func wasiEnvironmentSizes(r *running, s []uint64) uint64 {
	return r.wasiTextSizes(r.variables(), s[0], s[1])
}

const (
	clockReal      = 0
	clockMonotonic = 1
)

func wasiClockResolution(r *running, s []uint64) uint64 {
	if uint32(s[0]) > clockMonotonic {
		return wasiInvalid
	}
	r.put64(s[1], 1)
	return wasiOK
}

var processStart = time.Now()

func wasiClockTime(r *running, s []uint64) uint64 {
	switch uint32(s[0]) {
	case clockReal:
		r.put64(s[2], uint64(time.Now().UnixNano()))
	case clockMonotonic:
		r.put64(s[2], uint64(time.Since(processStart)))
	default:
		return wasiInvalid
	}
	return wasiOK
}

// Types of files.
const (
	fileDevice = 2 // libraries write lines to it as they come
	fileStream = 6
)

// fileType is what stdin and the like are. Only a command's own libraries come to
// an end at which they would write what they have collected.
func (r *running) fileType() byte {
	if r.function.convention == Command {
		return fileStream
	}
	return fileDevice
}

func wasiStatus(r *running, s []uint64) uint64 {
	const (
		mayRead  = 1 << 1
		mayWrite = 1 << 6
		mayPoll  = 1 << 27
	)
	fd := uint32(s[0])
	if fd > stderr {
		return wasiBadFile
	}
	to := r.view(s[1], 24)
	clear(to)
	to[0] = r.fileType()
	rights := uint64(mayWrite | mayPoll)
	if fd == stdin {
		rights = mayRead | mayPoll
	}
	binary.LittleEndian.PutUint64(to[8:], rights)
	return wasiOK
}

func wasiFileStatus(r *running, s []uint64) uint64 {
	if uint32(s[0]) > stderr {
		return wasiBadFile
	}
	to := r.view(s[1], 64)
	clear(to)
	to[16] = r.fileType()
	to[24] = 1 // link
	return wasiOK
}

// maxVectors bounds what one read or write may consist of.
const maxVectors = 1024

// vectors calls do with each buffer of a list, until it gives false.
func (r *running) vectors(list, count uint64, do func(p []byte) bool) uint64 {
	if uint32(count) > maxVectors {
		return wasiInvalid
	}
	table := r.view(list, uint64(uint32(count)*8))
	for ; len(table) >= 8; table = table[8:] {
		p := r.view(uint64(binary.LittleEndian.Uint32(table)), uint64(binary.LittleEndian.Uint32(table[4:])))
		if !do(p) {
			break
		}
	}
	return wasiOK
}

func wasiRead(r *running, s []uint64) uint64 {
	if uint32(s[0]) != stdin {
		return wasiBadFile
	}
	var body []byte
	if r.function.convention == Command && r.event != nil {
		body = r.event.Body
	}
	n := 0
	errno := r.vectors(s[1], s[2], func(p []byte) bool {
		copied := copy(p, body[r.stdin:])
		r.stdin += copied
		n += copied
		return copied == len(p)
	})
	if errno == wasiOK {
		r.put32(s[3], uint32(n))
	}
	return errno
}

func wasiWrite(r *running, s []uint64) uint64 {
	fd := uint32(s[0])
	if fd != stdout && fd != stderr {
		return wasiBadFile
	}
	const brokenPipe = 64
	n := 0
	fits := true
	errno := r.vectors(s[1], s[2], func(p []byte) bool {
		if fd == stdout && r.function.convention == Command {
			fits = r.answer.write(p)
		} else {
			r.lines[fd-stdout].write(r, fd, p)
		}
		n += len(p)
		return fits
	})
	switch {
	case errno != wasiOK:
		return errno
	case !fits:
		return brokenPipe
	}
	r.put32(s[3], uint32(n))
	return wasiOK
}

// wasiPoll waits for a time, or for what is ready at once: stdin, stdout, stderr.
func wasiPoll(r *running, s []uint64) uint64 {
	const (
		most      = 256
		inSize    = 48
		outSize   = 32
		isClock   = 0
		isWrite   = 2
		absolute  = 1
		forever   = 1<<63 - 1
		userData  = 8
		clockAt   = 16
		timeoutAt = 24
		flagsAt   = 40
		typeAt    = 10
	)
	n := uint32(s[2])
	if n == 0 || n > most {
		return wasiInvalid
	}
	in, out := r.view(s[0], uint64(n*inSize)), r.view(s[1], uint64(n*outSize))
	count := r.view(s[3], 4)
	now := time.Now()
	wait := time.Duration(forever)
	ready := false
	delay := func(subscription []byte) time.Duration {
		t := binary.LittleEndian.Uint64(subscription[timeoutAt:])
		if binary.LittleEndian.Uint16(subscription[flagsAt:])&absolute != 0 {
			at := uint64(now.UnixNano())
			if binary.LittleEndian.Uint32(subscription[clockAt:]) == clockMonotonic {
				at = uint64(now.Sub(processStart))
			}
			t -= min(at, t)
		}
		return time.Duration(min(t, forever))
	}
	for i := range n {
		subscription := in[i*inSize : (i+1)*inSize]
		switch kind := subscription[userData]; {
		case kind == isClock:
			wait = min(wait, delay(subscription))
		case kind <= isWrite:
			ready = true
		default:
			return wasiInvalid
		}
	}
	if !ready && wait > 0 {
		r.sleep(wait)
	}
	events := uint32(0)
	for i := range n {
		subscription := in[i*inSize : (i+1)*inSize]
		kind := subscription[userData]
		if kind == isClock && (ready && delay(subscription) > 0 || delay(subscription) > wait) {
			continue
		}
		event := out[events*outSize : (events+1)*outSize]
		var user [userData]byte
		copy(user[:], subscription)
		clear(event)
		copy(event, user[:])
		event[typeAt] = kind
		if kind != isClock {
			if binary.LittleEndian.Uint32(subscription[clockAt:]) > stderr {
				event[8] = wasiBadFile
			}
			event[16] = 1 // a byte, at least: nobody waits for the rest
		}
		events++
	}
	binary.LittleEndian.PutUint32(count, events)
	return wasiOK
}

// sleep waits, but never past the call's time.
func (r *running) sleep(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.context().Done():
	}
	r.check()
}

// lines makes lines of what is written in pieces.
type lines struct {
	rest  []byte
	level slog.Level
}

func (l *lines) write(r *running, fd uint32, p []byte) {
	l.level = slog.LevelInfo
	if fd == stderr {
		l.level = slog.LevelWarn
	}
	for _, c := range p {
		if c == '\n' || len(l.rest) == maxLine {
			l.end(r)
		}
		if c != '\n' {
			l.rest = append(l.rest, c)
		}
	}
}

// end logs what there is of a line.
func (l *lines) end(r *running) {
	if len(l.rest) == 0 {
		return
	}
	r.guestLog(l.level, string(l.rest))
	l.rest = l.rest[:0]
}
