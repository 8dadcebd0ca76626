package observe

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
)

// Log is the process's log. Its level and format may change while it is used;
// every logger that was made from it follows. Safe for concurrent use.
type Log struct {
	*slog.Logger
	level slog.LevelVar
	text  atomic.Bool
}

// NewLog writes to w: at level debug, info, warn or error, as json or text. Each
// record is one Write.
func NewLog(w io.Writer, level, format string) (*Log, error) {
	l := &Log{}
	options := &slog.HandlerOptions{Level: &l.level, ReplaceAttr: cut}
	l.Logger = slog.New(&switching{
		text:  slog.NewTextHandler(w, options),
		json:  slog.NewJSONHandler(w, options),
		asked: &l.text,
	})
	return l, l.Set(level, format)
}

// Set changes level and format, as a reload does. An unknown one changes
// nothing and is an error.
func (l *Log) Set(level, format string) error {
	var parsed slog.Level
	switch level {
	case "debug":
		parsed = slog.LevelDebug
	case "info":
		parsed = slog.LevelInfo
	case "warn":
		parsed = slog.LevelWarn
	case "error":
		parsed = slog.LevelError
	default:
		return fmt.Errorf("log level %q is none of debug, info, warn, error", level)
	}
	if format != "json" && format != "text" {
		return fmt.Errorf("log format %q is neither json nor text", format)
	}
	l.level.Set(parsed)
	l.text.Store(format == "text")
	return nil
}

// switching writes each record in the format that is asked for just then.
type switching struct {
	text, json slog.Handler
	asked      *atomic.Bool // text
}

var _ slog.Handler = (*switching)(nil)

func (s *switching) now() slog.Handler {
	if s.asked.Load() {
		return s.text
	}
	return s.json
}

// Enabled reports whether the level is written.
func (s *switching) Enabled(ctx context.Context, level slog.Level) bool {
	return s.now().Enabled(ctx, level)
}

// Handle writes one record.
func (s *switching) Handle(ctx context.Context, record slog.Record) error {
	return s.now().Handle(ctx, record)
}

// WithAttrs gives a handler that adds attributes in either format.
func (s *switching) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &switching{s.text.WithAttrs(attrs), s.json.WithAttrs(attrs), s.asked}
}

// WithGroup gives a handler that opens a group in either format.
func (s *switching) WithGroup(name string) slog.Handler {
	return &switching{s.text.WithGroup(name), s.json.WithGroup(name), s.asked}
}

// secretWords are the attributes whose values are never written, in lower case
// without dashes and underscores.
var secretWords = map[string]bool{
	"authorization": true, "proxyauthorization": true, "apikey": true, "cookie": true, "setcookie": true,
	"token": true, "accesstoken": true, "refreshtoken": true, "idtoken": true,
	"password": true, "secret": true, "servicekey": true, "signature": true, "ticket": true,
}

const hidden = "***"

// cut hides secrets in attributes, whoever logs them: by the attribute's name, in
// headers, and in the queries of addresses.
func cut(_ []string, a slog.Attr) slog.Attr {
	if secret(a.Key) {
		a.Value = slog.StringValue(hidden)
		return a
	}
	switch a.Value.Kind() {
	case slog.KindString:
		if text := a.Value.String(); strings.IndexByte(text, '=') >= 0 && strings.IndexByte(text, '?') >= 0 {
			a.Value = slog.StringValue(CutURL(text))
		}
	case slog.KindAny:
		switch v := a.Value.Any().(type) {
		case http.Header:
			a.Value = slog.AnyValue(cutHeader(v))
		case *url.URL:
			a.Value = slog.StringValue(CutURL(v.Redacted()))
		}
	}
	return a
}

var plainWord = strings.NewReplacer("-", "", "_", "")

func secret(name string) bool { return secretWords[strings.ToLower(plainWord.Replace(name))] }

func cutHeader(h http.Header) http.Header {
	safe := make(http.Header, len(h))
	for name, values := range h {
		if secret(name) {
			values = []string{hidden}
		}
		safe[name] = values
	}
	return safe
}

// CutURL hides the secrets in the query of an address: token, apikey and their
// kin. The rest stays as it was.
func CutURL(address string) string {
	base, query, found := strings.Cut(address, "?")
	if !found {
		return address
	}
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		name, _, _ := strings.Cut(pair, "=")
		if decoded, err := url.QueryUnescape(name); err != nil || secret(decoded) {
			pairs[i] = name + "=" + hidden
		}
	}
	return base + "?" + strings.Join(pairs, "&")
}
