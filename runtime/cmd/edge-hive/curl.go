package main

import (
	"fmt"
	"net"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/engine"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// curl is a command line that can be pasted.
func curl(method, url, key, body string) string {
	var b strings.Builder
	b.WriteString("curl")
	if method != "GET" {
		b.WriteString(" -X " + method)
	}
	b.WriteString(" " + shellQuote(url))
	if key != "" {
		b.WriteString(" -H " + shellQuote("apikey: "+key))
	}
	if body != "" {
		b.WriteString(" -H 'Content-Type: application/json' -d " + shellQuote(body))
	}
	return b.String()
}

// shellQuote leaves plain words as they are.
func shellQuote(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+=,"
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// localAddress is how a listening address is reached from this machine.
func localAddress(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// tryOut lists everything that the backend serves, with a line for each that
// works when it is pasted.
func tryOut(m *manifest.Manifest, base string, keys engine.KeyTexts) []string {
	var lines []string
	add := func(what, command string) { lines = append(lines, fmt.Sprintf("  # %s\n  %s", what, command)) }
	for i := range m.Tables {
		table := &m.Tables[i]
		url := base + "/api/data/" + table.Name
		key := ""
		if !open(table.Access.Read) || len(table.Access.Guards) > 0 {
			key = keys.Secret
		}
		add("rows of "+table.Name, curl("GET", url+"?limit=10", key, ""))
		if body, ok := sampleRow(table); ok {
			add("a new row of "+table.Name, curl("POST", url, keys.Secret, body))
		}
	}
	for i := range m.Channels {
		channel := &m.Channels[i]
		key := ""
		if channel.Broadcast {
			addBroadcast(add, base, channel, keys.Secret)
			continue
		}
		if table := m.Table(channel.Table); table == nil || !open(table.Access.Read) || len(table.Access.Guards) > 0 || channel.Access.Declared && !channel.Access.Always {
			key = keys.Secret
		}
		add("changes of "+channel.Table+", as they happen (Ctrl-C ends it); over WebSocket at the same address",
			strings.Replace(curl("GET", base+"/api/realtime/"+channel.Name, key, ""), "curl", "curl -N -H 'Accept: text/event-stream'", 1))
	}
	for i := range m.Functions {
		f, key := &m.Functions[i], ""
		if !open(f.Call) {
			key = keys.Secret
		}
		add("the function "+f.Name, curl("GET", base+"/api/edge/"+f.Name, key, ""))
	}
	for i := range m.Routes {
		route := &m.Routes[i]
		method := route.Method
		if method == "" {
			method = "GET"
		}
		command := curl(method, base+strings.TrimSuffix(route.URLPath, "*"), "", "")
		if route.Host != "" {
			command += " -H " + shellQuote("Host: "+route.Host)
		}
		add("route "+route.Pattern, command)
	}
	add("health", curl("GET", base+"/health", "", ""))
	add("readiness", curl("GET", base+"/ready", "", ""))
	return lines
}

// addBroadcast adds how to listen to a broadcast, and how to send to it.
func addBroadcast(add func(what, command string), base string, channel *manifest.Channel, secret string) {
	key := func(c manifest.Condition) string {
		if open(c) {
			return ""
		}
		return secret
	}
	url := base + "/api/realtime/" + channel.Name
	add("messages of "+channel.Name+", as they are sent (Ctrl-C ends it); over WebSocket at the same address",
		strings.Replace(curl("GET", url, key(channel.Access), ""), "curl", "curl -N -H 'Accept: text/event-stream'", 1))
	add("a message to "+channel.Name, curl("POST", url, key(channel.Send), `{"event":"hello","payload":{"text":"hi"}}`))
}

func open(c manifest.Condition) bool { return c.Declared && c.Always }

// sampleRow is a body that makes a row, false when no such can be told from the
// declaration: a reference needs a row of another table, a pattern a text.
func sampleRow(t *manifest.Table) (string, bool) {
	if t.Key.Type == "ref" || t.Name == "users" {
		return `{"email": "ann@example.com"}`, t.Name == "users"
	}
	var fields []string
	if t.Key.Type == "text" {
		fields = append(fields, `"id": "first"`)
	}
	for i := range t.Columns {
		c := &t.Columns[i]
		needed := c.Required && c.Default == nil && (c.Auto == nil || c.Auto.Create == "")
		if !needed {
			continue
		}
		value, ok := sampleValue(c)
		if !ok {
			return "", false
		}
		fields = append(fields, fmt.Sprintf("%q: %s", c.Name, value))
	}
	return "{" + strings.Join(fields, ", ") + "}", len(t.Checks) == 0
}

func sampleValue(c *manifest.Column) (string, bool) {
	switch {
	case c.Pattern != "" || c.Type == "ref":
		return "", false
	case len(c.Enum) > 0:
		return fmt.Sprintf("%q", c.Enum[0]), true
	}
	switch c.Type {
	case "text":
		return `"hello"`, (c.Min == "" || c.Min == "0" || len(c.Min) == 1 && c.Min <= "5") && (c.Max == "" || len(c.Max) > 1 || c.Max >= "5")
	case "int", "float", "decimal":
		if c.Min != "" {
			return c.Min, true
		}
		if c.Max != "" {
			return c.Max, true
		}
		return "1", true
	case "bool":
		return "true", true
	case "timestamp":
		return `"2026-01-31T12:00:00Z"`, true
	case "date":
		return `"2026-01-31"`, true
	case "uuid":
		return `"0193b0c0-0000-7000-8000-000000000000"`, true
	case "json":
		return "{}", true
	case "list":
		return "[]", c.Min == "" || c.Min == "0"
	}
	return "", false
}
