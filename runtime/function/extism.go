package function

import (
	"encoding/binary"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// extismHost is the module of Extism's kernel. Its guests exchange blocks of a
// memory that is the host's: an arena of each call.
const extismHost = "extism:host/env"

func extismModule() hostModule {
	block := func(do func(r *running, b []byte)) func(*running, []uint64) {
		return func(r *running, s []uint64) {
			if b, ok := r.arena.block(s[0]); ok {
				r.moved(len(b))
				do(r, b)
			}
		}
	}
	logs := func(level slog.Level) func(*running, []uint64) {
		return block(func(r *running, b []byte) { r.guestLog(level, string(b[:min(len(b), maxLine)])) })
	}
	return hostModule{extismHost, []hostFunction{
		declare("alloc", "l", "l", func(r *running, s []uint64) { s[0] = r.arena.alloc(r, s[0]) }),
		declare("free", "l", "", func(r *running, s []uint64) { r.arena.free(s[0]) }),
		declare("length", "l", "l", extismLength),
		declare("length_unsafe", "l", "l", extismLength),
		declare("load_u8", "l", "i", func(r *running, s []uint64) { s[0] = load8(r.arena.bytes, s[0]) }),
		declare("load_u64", "l", "l", func(r *running, s []uint64) { s[0] = load64(r.arena.bytes, s[0]) }),
		declare("store_u8", "li", "", extismStore8),
		declare("store_u64", "ll", "", extismStore64),
		declare("memory_bytes", "", "l", func(r *running, s []uint64) { s[0] = uint64(len(r.arena.bytes)) }),
		declare("reset", "", "", func(*running, []uint64) {}), // between calls, where it is done anyway
		declare("input_length", "", "l", func(r *running, s []uint64) { s[0] = uint64(len(r.input(1))) }),
		declare("input_offset", "", "l", extismInputOffset),
		declare("input_load_u8", "l", "i", func(r *running, s []uint64) { s[0] = load8(r.input(1), s[0]) }),
		declare("input_load_u64", "l", "l", func(r *running, s []uint64) { s[0] = load64(r.input(1), s[0]) }),
		declare("input_set", "ll", "", func(r *running, s []uint64) { r.arena.input = span{s[0], s[1]} }),
		declare("output_set", "ll", "", func(r *running, s []uint64) { r.arena.output = span{s[0], s[1]} }),
		declare("output_offset", "", "l", func(r *running, s []uint64) { s[0] = r.arena.output.from }),
		declare("output_length", "", "l", func(r *running, s []uint64) { s[0] = r.arena.output.length }),
		declare("error_set", "l", "", func(r *running, s []uint64) { r.arena.failure = s[0] }),
		declare("error_get", "", "l", func(r *running, s []uint64) { s[0] = r.arena.failure }),
		declare("config_get", "l", "l", extismConfig),
		declare("var_get", "l", "l", extismVariable),
		declare("var_set", "ll", "", extismSetVariable),
		declare("http_request", "ll", "l", extismFetch),
		declare("http_status_code", "", "i", func(r *running, s []uint64) { s[0] = uint64(uint32(r.arena.status)) }),
		declare("http_headers", "", "l", func(r *running, s []uint64) { s[0] = r.arena.put(r, r.arena.headers) }),
		declare("log_trace", "l", "", logs(slog.LevelDebug)),
		declare("log_debug", "l", "", logs(slog.LevelDebug)),
		declare("log_info", "l", "", logs(slog.LevelInfo)),
		declare("log_warn", "l", "", logs(slog.LevelWarn)),
		declare("log_error", "l", "", logs(slog.LevelError)),
		declare("get_log_level", "", "i", extismLogLevel),
	}}
}

func load8(from []byte, at uint64) uint64 {
	if at >= uint64(len(from)) {
		return 0
	}
	return uint64(from[at])
}

func load64(from []byte, at uint64) uint64 {
	if at >= uint64(len(from)) {
		return 0
	}
	if rest := from[at:]; len(rest) < 8 {
		var b [8]byte
		copy(b[:], rest)
		return binary.LittleEndian.Uint64(b[:])
	}
	return binary.LittleEndian.Uint64(from[at:])
}

func extismLength(r *running, s []uint64) {
	b, _ := r.arena.block(s[0])
	s[0] = uint64(len(b))
}

// A guest that writes where it has allocated nothing is broken.
func extismStore8(r *running, s []uint64) {
	if s[0] < arenaBase || s[0] >= uint64(len(r.arena.bytes)) {
		r.end(errPointer)
	}
	r.arena.bytes[s[0]] = byte(s[1])
}

func extismStore64(r *running, s []uint64) {
	if s[0] < arenaBase || s[0] >= uint64(len(r.arena.bytes)) || uint64(len(r.arena.bytes))-s[0] < 8 {
		r.end(errPointer)
	}
	binary.LittleEndian.PutUint64(r.arena.bytes[s[0]:], s[1])
}

func extismInputOffset(r *running, s []uint64) {
	a := &r.arena
	if a.input.from == 0 {
		body := r.input(1)
		a.input = span{a.put(r, body), uint64(len(body))}
	}
	s[0] = a.input.from
}

// text is what a block holds; "" where there is none.
func (r *running) text(offset uint64) string {
	b, _ := r.arena.block(offset)
	r.moved(len(b))
	return string(b)
}

func extismConfig(r *running, s []uint64) {
	name := r.text(s[0])
	d := &r.function.definition
	value, ok := d.Config[name]
	if !ok {
		secret, known := d.Secrets[name]
		if !known {
			s[0] = 0
			return
		}
		value = secret.Reveal()
	}
	s[0] = r.arena.put(r, []byte(value))
}

// Variables are kept in the cache under the function's name, where the cache is
// granted; else they live as long as the call.
func (r *running) cached() bool {
	g := r.function.definition.Grants
	return g != nil && g.Cache
}

func (r *running) variableHead(name string) []byte {
	b := appendString([]byte(`{"key":`), r.function.definition.Name+"/"+name)
	return append(b, '}')
}

func extismVariable(r *running, s []uint64) {
	name := r.text(s[0])
	s[0] = 0
	if !r.cached() {
		if value, ok := r.arena.variables[name]; ok {
			s[0] = r.arena.put(r, value)
		}
		return
	}
	reply, ok := r.operate("cache.get", r.variableHead(name), nil)
	var said struct {
		Found bool `json:"found"`
	}
	if !ok {
		r.endExtism("var_get", reply)
	}
	if json.Unmarshal(reply.Head, &said) == nil && said.Found {
		s[0] = r.arena.put(r, reply.Body)
	}
}

func extismSetVariable(r *running, s []uint64) {
	name := r.text(s[0])
	value, _ := r.arena.block(s[1])
	switch {
	case !r.cached() && s[1] == 0:
		r.arena.keep(r, name, nil)
	case !r.cached():
		r.arena.keep(r, name, clone(value))
	case s[1] == 0:
		if reply, ok := r.operate("cache.delete", r.variableHead(name), nil); !ok {
			r.endExtism("var_set", reply)
		}
	default:
		if reply, ok := r.operate("cache.set", r.variableHead(name), clone(value)); !ok {
			r.endExtism("var_set", reply)
		}
	}
}

// endExtism ends a call whose guest cannot be told what went wrong: Extism's
// functions have no way to say it.
func (r *running) endExtism(what string, reply Reply) {
	r.failure = what + ": " + string(reply.Head)
	r.end(errFailed)
}

func extismFetch(r *running, s []uint64) {
	a := &r.arena
	var wanted struct {
		URL     string            `json:"url"`
		Method  string            `json:"method"`
		Headers map[string]string `json:"headers"`
	}
	if err := json.Unmarshal([]byte(r.text(s[0])), &wanted); err != nil {
		r.failure = "http_request: " + err.Error()
		r.end(errFailed)
	}
	if wanted.Method == "" {
		wanted.Method = http.MethodGet
	}
	head, err := json.Marshal(map[string]any{"method": wanted.Method, "url": wanted.URL, "headers": wanted.Headers})
	if err != nil {
		r.failure = "http_request: " + err.Error()
		r.end(errFailed)
	}
	body, _ := a.block(s[1])
	reply, ok := r.operate("fetch", head, clone(body))
	if !ok {
		r.endExtism("http_request", reply)
	}
	var said struct {
		Status  int                 `json:"status"`
		Headers map[string][]string `json:"headers"`
	}
	if err := json.Unmarshal(reply.Head, &said); err != nil {
		r.failure = "http_request: " + err.Error()
		r.end(errFailed)
	}
	a.status = said.Status
	a.headers = append(a.headers[:0], '{')
	for i, name := range slices.Sorted(maps.Keys(said.Headers)) {
		a.headers = appendName(a.headers, i, strings.ToLower(name))
		a.headers = appendString(a.headers, strings.Join(said.Headers[name], ", "))
	}
	a.headers = append(a.headers, '}')
	s[0] = a.put(r, reply.Body)
}

// extismLogLevel says from which level on lines are written: 0 is trace.
func extismLogLevel(r *running, s []uint64) {
	for n, level := range [...]slog.Level{slog.LevelDebug, slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		if r.function.host.log.Enabled(r.caller, level) {
			s[0] = uint64(n)
			return
		}
	}
	s[0] = 1<<31 - 1 // off
}

// completeExtism makes an answer of the output.
func (r *running) completeExtism() {
	out := r.arena.output
	if out.length == 0 {
		return
	}
	end := out.from + out.length
	if end < out.from || end > uint64(len(r.arena.bytes)) {
		r.answer.over = out.length > uint64(r.answer.limit)
		return
	}
	r.answer.write(r.arena.bytes[out.from:end])
}

// extismFailure is what the guest says of its failing.
func (r *running) extismFailure() {
	if b, ok := r.arena.block(r.arena.failure); ok && r.failure == "" {
		r.failure = string(b[:min(len(b), maxLine)])
	}
}
