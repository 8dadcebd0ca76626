package access

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// Bounds of the search for a rule's literal after its path's position.
const (
	searchBytes   = 8 << 10
	searchStrings = 64
)

// placer finds the place of a byte of a rule in the manifest's files. Files
// are read at the first fault that needs them; one that cannot be read, or has
// changed meanwhile, costs precision only.
type placer struct {
	manifest *manifest.Manifest
	files    map[string][]byte
}

// Locate finds the place of text[offset], where text is the string at a path
// of the manifest: the byte itself where the string is one literal, else the
// place of the path.
func Locate(m *manifest.Manifest, path, text string, offset int) fault.Position {
	p := placer{manifest: m}
	at, _ := p.at(path, text, offset)
	return at
}

// at is the place of text[offset], where text is the string at path. When the
// string is not found as one literal (it was interpolated, or joined), it is
// the place of the path, and not exact.
func (p *placer) at(path, text string, offset int) (fault.Position, bool) {
	position := p.manifest.Positions.At(path)
	if !position.Known() {
		return position, false
	}
	content := p.read(position.File)
	start, ok := lineStart(content, position.Line)
	if !ok {
		return position, false
	}
	start += position.Column - 1
	end := min(len(content), start+searchBytes)
	for tried := 0; start < end && tried < searchStrings; {
		found, ok := nextString(content, start)
		if !ok {
			return position, false
		}
		if found.text == text {
			return placeOf(content, position, found.at(offset)), true
		}
		start = found.end
		tried++
	}
	return position, false
}

func (p *placer) read(file string) []byte {
	content, ok := p.files[file]
	if ok {
		return content
	}
	full := file
	if !filepath.IsAbs(full) {
		full = filepath.Join(p.manifest.Dir, full)
	}
	content, err := os.ReadFile(full)
	if err != nil {
		content = nil
	}
	if p.files == nil {
		p.files = map[string][]byte{}
	}
	p.files[file] = content
	return content
}

func lineStart(content []byte, line int) (int, bool) {
	start := 0
	for ; line > 1; line-- {
		cut := bytes.IndexByte(content[start:], '\n')
		if cut < 0 {
			return 0, false
		}
		start += cut + 1
	}
	return start, start < len(content)
}

func placeOf(content []byte, position fault.Position, at int) fault.Position {
	position.Line = 1 + bytes.Count(content[:at], []byte{'\n'})
	position.Column = at - bytes.LastIndexByte(content[:at], '\n')
	return position
}

// cueString is a CUE string literal: its text, and for each byte of it where it
// stands in the file.
type cueString struct {
	text   string
	places []int
	end    int // after the closing quote
}

func (s *cueString) at(offset int) int {
	if offset < len(s.places) {
		return s.places[max(offset, 0)]
	}
	if len(s.places) == 0 {
		return s.end - 1
	}
	return s.places[len(s.places)-1] + 1
}

// nextString reads the first string literal at or after start. Comments are
// stepped over.
func nextString(content []byte, start int) (*cueString, bool) {
	for i := start; i < len(content); i++ {
		switch content[i] {
		case '/':
			if i+1 < len(content) && content[i+1] == '/' {
				cut := bytes.IndexByte(content[i:], '\n')
				if cut < 0 {
					return nil, false
				}
				i += cut
			}
		case '"':
			hashes := 0
			for i-hashes > 0 && content[i-hashes-1] == '#' {
				hashes++
			}
			return readString(content, i, hashes)
		}
	}
	return nil, false
}

// readString decodes the literal whose first quote is at i and that has so
// many # before it.
func readString(content []byte, i, hashes int) (*cueString, bool) {
	guard := strings.Repeat("#", hashes)
	closing, body := `"`+guard, i+1
	indent := ""
	if bytes.HasPrefix(content[i:], []byte(`"""`)) {
		closing = `"""` + guard
		body = i + 4
		if i+3 < len(content) && content[i+3] == '\r' {
			body++
		}
		if body > len(content) {
			return nil, false
		}
		var ok bool
		if indent, ok = closingIndent(content[body:], closing); !ok {
			return nil, false
		}
	}
	d := stringDecoder{content: content, escape: `\` + guard, closing: closing, indent: indent}
	return d.decode(body)
}

// closingIndent is the white space before the closing quotes of a multi-line
// literal, which is cut from each of its lines.
func closingIndent(content []byte, closing string) (string, bool) {
	for start := 0; start <= len(content); {
		line := content[start:]
		if cut := bytes.IndexByte(line, '\n'); cut >= 0 {
			line = line[:cut]
		}
		trimmed := bytes.TrimLeft(line, " \t")
		if bytes.HasPrefix(trimmed, []byte(closing)) {
			return string(line[:len(line)-len(trimmed)]), true
		}
		start += len(line) + 1
	}
	return "", false
}

type stringDecoder struct {
	content                 []byte
	escape, closing, indent string
	text                    []byte
	places                  []int
}

func (d *stringDecoder) decode(i int) (*cueString, bool) {
	multiline := strings.HasPrefix(d.closing, `"""`)
	i = d.skipIndent(i)
	for i < len(d.content) {
		rest := d.content[i:]
		switch {
		case bytes.HasPrefix(rest, []byte(d.closing)):
			if multiline && len(d.text) > 0 { // the newline before the closing quotes
				d.text, d.places = d.text[:len(d.text)-1], d.places[:len(d.places)-1]
			}
			return &cueString{text: string(d.text), places: d.places, end: i + len(d.closing)}, true
		case bytes.HasPrefix(rest, []byte(d.escape)):
			next, ok := d.unescape(i)
			if !ok {
				return nil, false
			}
			i = next
		case rest[0] == '\n':
			if !multiline {
				return nil, false
			}
			d.add(i, "\n")
			i = d.skipIndent(i + 1)
		case rest[0] == '\r':
			i++
		default:
			d.add(i, string(rest[:1]))
			i++
		}
	}
	return nil, false
}

func (d *stringDecoder) skipIndent(i int) int {
	if d.indent != "" && bytes.HasPrefix(d.content[i:], []byte(d.indent)) {
		return i + len(d.indent)
	}
	return i
}

func (d *stringDecoder) add(at int, text string) {
	d.text = append(d.text, text...)
	for range len(text) {
		d.places = append(d.places, at)
	}
}

// unescape reads the escape at i and gives the byte after it.
func (d *stringDecoder) unescape(i int) (int, bool) {
	next := i + len(d.escape)
	if next >= len(d.content) {
		return 0, false
	}
	simple := map[byte]string{'n': "\n", 't': "\t", 'r': "\r", 'a': "\a", 'b': "\b", 'f': "\f", 'v': "\v", '"': `"`, '\'': "'", '\\': `\`, '/': "/"}
	kind := d.content[next]
	if text, ok := simple[kind]; ok {
		d.add(i, text)
		return next + 1, true
	}
	digits := map[byte]int{'u': 4, 'U': 8}[kind]
	if digits == 0 || next+1+digits > len(d.content) {
		return 0, false // an interpolation, or no CUE
	}
	code, err := strconv.ParseUint(string(d.content[next+1:next+1+digits]), 16, 32)
	if err != nil {
		return 0, false
	}
	d.add(i, string(utf8.AppendRune(nil, rune(code))))
	return next + 1 + digits, true
}
