package edgehive

import (
	"encoding/json"
	"fmt"
	"time"
)

// CacheGet gives a value, and whether it is there.
func CacheGet(key string) (value []byte, found bool, err error) {
	var reply struct {
		Found bool `json:"found"`
	}
	value, err = Do("cache.get", map[string]any{"key": key}, nil, &reply)
	return value, reply.Found, err
}

// CacheSet keeps a value for a time, 0 for the cache's own.
func CacheSet(key string, value []byte, ttl time.Duration) error {
	_, err := Do("cache.set", lived(map[string]any{"key": key}, ttl), value, nil)
	return err
}

// CacheSetAbsent keeps a value unless there is one, and says whether it did.
func CacheSetAbsent(key string, value []byte, ttl time.Duration) (bool, error) {
	var reply struct {
		Stored bool `json:"stored"`
	}
	_, err := Do("cache.set", lived(map[string]any{"key": key, "ifAbsent": true}, ttl), value, &reply)
	return reply.Stored, err
}

// CacheDelete forgets a value, and says whether there was one.
func CacheDelete(key string) (bool, error) {
	var reply struct {
		Found bool `json:"found"`
	}
	_, err := Do("cache.delete", map[string]any{"key": key}, nil, &reply)
	return reply.Found, err
}

// CacheAdd adds to a number, 0 where there is none, and gives the sum.
func CacheAdd(key string, by int64, ttl time.Duration) (int64, error) {
	var reply struct {
		Value int64 `json:"value"`
	}
	_, err := Do("cache.add", lived(map[string]any{"key": key, "by": by}, ttl), nil, &reply)
	return reply.Value, err
}

func lived(head map[string]any, ttl time.Duration) map[string]any {
	if ttl > 0 {
		head["ttl"] = ttl.String()
	}
	return head
}

// FetchRequest is a request to elsewhere.
type FetchRequest struct {
	Method  string            `json:"method,omitempty"` // GET where it is empty
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    []byte            `json:"-"`
	Timeout time.Duration     `json:"-"`
}

// FetchAnswer is what came back, whatever its status.
type FetchAnswer struct {
	Status  int     `json:"status"`
	Headers Headers `json:"headers"`
	URL     string  `json:"url"` // after redirects
	Body    []byte  `json:"-"`
}

// Fetch sends a request over HTTP.
func Fetch(request FetchRequest) (*FetchAnswer, error) {
	head := struct {
		FetchRequest
		Timeout string `json:"timeout,omitempty"`
	}{FetchRequest: request}
	if request.Timeout > 0 {
		head.Timeout = request.Timeout.String()
	}
	answer := &FetchAnswer{}
	body, err := Do("fetch", head, request.Body, answer)
	if err != nil {
		return nil, err
	}
	answer.Body = body
	return answer, nil
}

// Publish tells those who listen to a channel.
func Publish(channel, event string, payload any) error {
	body, err := json.Marshal(payload)
	if err != nil {
		return fmt.Errorf("publish to %s: %w", channel, err)
	}
	_, err = Do("channel.publish", map[string]string{"channel": channel, "event": event}, body, nil)
	return err
}

// CallAnswer is what another function answered.
type CallAnswer struct {
	Status  int     `json:"status"`
	Headers Headers `json:"headers"`
	Body    []byte  `json:"-"`
}

// CallFunction calls another function.
func CallFunction(name string, body []byte) (*CallAnswer, error) {
	answer := &CallAnswer{}
	answered, err := Do("function.call", map[string]string{"function": name}, body, answer)
	if err != nil {
		return nil, err
	}
	answer.Body = answered
	return answer, nil
}

// Secret gives a secret that the manifest lets this function read.
func Secret(name string) ([]byte, error) {
	return Do("secret.get", map[string]string{"name": name}, nil, nil)
}

// Config gives a setting of the manifest.
func Config(name string) (string, error) {
	var reply struct {
		Value string `json:"value"`
	}
	_, err := Do("config.get", map[string]string{"name": name}, nil, &reply)
	return reply.Value, err
}

// The levels of the log.
const (
	levelDebug = iota
	levelInfo
	levelWarn
	levelError
)

func logf(level uint32, format string, args []any) {
	text := fmt.Appendf(nil, format, args...)
	hostLog(level, address(text), uint32(len(text)))
}

// Debug writes a line to the log.
func Debug(format string, args ...any) { logf(levelDebug, format, args) }

// Info writes a line to the log.
func Info(format string, args ...any) { logf(levelInfo, format, args) }

// Warn writes a line to the log.
func Warn(format string, args ...any) { logf(levelWarn, format, args) }

// Error writes a line to the log.
func Error(format string, args ...any) { logf(levelError, format, args) }

// Now is the host's time.
func Now() time.Time { return time.Unix(0, hostTime()).UTC() }

// Random fills p with random bytes, good for keys.
func Random(p []byte) {
	if len(p) > 0 {
		hostRandom(address(p), uint32(len(p)))
	}
}
