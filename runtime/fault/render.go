package fault

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// Render writes faults for a person, as compilers do: place and message, then
// path and code, the other places and the hint. File names are relative to dir
// where they are below it; dir "" leaves them as they are. Causes are left
// out.
func Render(w io.Writer, list List, dir string) error {
	var b strings.Builder
	for i, f := range list {
		if i > 0 {
			b.WriteByte('\n')
		}
		if at := f.position(); at.File != "" {
			b.WriteString(at.Relative(dir).String() + ": ")
		}
		b.WriteString(f.Message + "\n")
		b.WriteString("    " + strings.TrimSpace(f.Path+" ["+f.Code+"]") + "\n")
		if f.Details != "" {
			b.WriteString("    " + f.Details + "\n")
		}
		for _, p := range f.otherPositions() {
			b.WriteString("    also " + p.Relative(dir).String() + "\n")
		}
		if f.Hint != "" {
			b.WriteString("    hint: " + f.Hint + "\n")
		}
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write faults: %w", err)
	}
	return nil
}

// Report is what `--json` prints: whether all is well, and if not, what is
// wrong.
type Report struct {
	OK     bool     `json:"ok"`
	Faults []Public `json:"faults"`
}

// Public is what anyone may see of a fault.
type Public struct {
	Code      string     `json:"code"`
	Path      string     `json:"path"`
	Message   string     `json:"message"`
	Details   string     `json:"details"`
	Hint      string     `json:"hint"`
	Positions []Position `json:"positions"`
}

// NewReport gives faults in the form of `--json`, file names relative to dir
// as Render has them.
func NewReport(list List, dir string) Report {
	r := Report{OK: len(list) == 0, Faults: make([]Public, 0, len(list))}
	for _, f := range list {
		p := Public{Code: f.Code, Path: f.Path, Message: f.Message, Details: f.Details, Hint: f.Hint, Positions: make([]Position, 0, len(f.Positions))}
		for _, at := range f.Positions {
			p.Positions = append(p.Positions, at.Relative(dir))
		}
		r.Faults = append(r.Faults, p)
	}
	return r
}

// RenderJSON writes faults as `--json` prints them: a Report, indented.
func RenderJSON(w io.Writer, list List, dir string) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(NewReport(list, dir)); err != nil {
		return fmt.Errorf("encode faults: %w", err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write faults: %w", err)
	}
	return nil
}

// otherPositions are all but the main one, each once.
func (f *Fault) otherPositions() []Position {
	var others []Position
	for i, p := range f.Positions {
		if i == 0 || !p.Known() || p == f.Positions[0] {
			continue
		}
		others = append(others, p)
	}
	return others
}

// Relative shortens the file's name if it is below dir.
func (p Position) Relative(dir string) Position {
	if dir == "" || p.File == "" {
		return p
	}
	rel, err := filepath.Rel(dir, p.File)
	if err == nil && filepath.IsLocal(rel) {
		p.File = filepath.ToSlash(rel)
	}
	return p
}
