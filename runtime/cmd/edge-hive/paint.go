package main

import (
	"bytes"
	"io"
	"os"
)

// paint gives a writer that shows places in bold and hints in blue, where w is
// a terminal and the user has not asked for plain text (NO_COLOR).
func (t *terminal) paint(w io.Writer) io.Writer {
	if !isTerminal(w) || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return w
	}
	return &painter{w}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// painter colours whole lines: one that is not indented begins a fault.
type painter struct{ w io.Writer }

func (p *painter) Write(text []byte) (int, error) {
	var painted bytes.Buffer
	for line := range bytes.Lines(text) {
		body, end := bytes.CutSuffix(line, []byte("\n"))
		color := ""
		switch {
		case len(body) == 0:
		case body[0] != ' ':
			color = "\x1b[1m"
		case bytes.HasPrefix(bytes.TrimSpace(body), []byte("hint:")):
			color = "\x1b[34m"
		default:
			color = "\x1b[2m"
		}
		painted.WriteString(color)
		painted.Write(body)
		if color != "" {
			painted.WriteString("\x1b[0m")
		}
		if end {
			painted.WriteByte('\n')
		}
	}
	if _, err := p.w.Write(painted.Bytes()); err != nil {
		return 0, err
	}
	return len(text), nil
}
