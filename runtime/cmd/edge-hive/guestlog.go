package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
)

// guestLog prints what functions say for a person: the level, the text, and what
// else there is, a line each.
type guestLog struct {
	mu    *sync.Mutex
	to    io.Writer
	attrs []slog.Attr
}

func newGuestLog(to io.Writer) slog.Handler { return &guestLog{mu: &sync.Mutex{}, to: to} }

// Enabled is of slog.Handler: whoever calls a function by hand wants to see all.
func (*guestLog) Enabled(context.Context, slog.Level) bool { return true }

// Handle is of slog.Handler.
func (g *guestLog) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	fmt.Fprintf(&b, "  %-5s %s", strings.ToLower(r.Level.String()), r.Message)
	var long []string
	add := func(a slog.Attr) bool {
		text := a.Value.Resolve().String()
		switch {
		case strings.Contains(text, "\n"):
			long = append(long, a.Key+":\n        "+strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n        "))
		case text != "":
			fmt.Fprintf(&b, " %s=%s", a.Key, text)
		}
		return true
	}
	for _, a := range g.attrs {
		add(a)
	}
	r.Attrs(add)
	b.WriteByte('\n')
	for _, text := range long {
		b.WriteString("    " + text + "\n")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	_, err := io.WriteString(g.to, b.String())
	return err
}

// WithAttrs is of slog.Handler.
func (g *guestLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &guestLog{mu: g.mu, to: g.to, attrs: append(g.attrs[:len(g.attrs):len(g.attrs)], attrs...)}
}

// WithGroup is of slog.Handler: groups have no form here.
func (g *guestLog) WithGroup(string) slog.Handler { return g }
