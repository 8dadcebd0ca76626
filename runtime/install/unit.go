package install

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/edge-hive/edge-hive/deploy"
)

// Unit is the unit for a user, its group, folders and the words after serve. For
// what install takes when nothing is said, it is deploy.Unit as it stands.
func Unit(user, group, dir, data, binary string, words []string) string {
	lines := strings.Split(deploy.Unit, "\n")
	for i, line := range lines {
		name, _, _ := strings.Cut(line, "=")
		switch name {
		case "User":
			lines[i] = "User=" + user
		case "Group":
			lines[i] = "Group=" + group
		case "WorkingDirectory":
			lines[i] = "WorkingDirectory=" + dir
		case "ReadWritePaths":
			lines[i] = "ReadWritePaths=" + data
		case "ExecStart":
			lines[i] = "ExecStart=" + binary + " serve " + quoted(words)
		case "ExecReload":
			lines[i] = "ExecReload=" + binary + " reload " + quoted(words)
		}
	}
	return strings.Join(lines, "\n")
}

// quoted are words as a unit writes them.
func quoted(words []string) string {
	out := make([]string, 0, len(words))
	for _, word := range words {
		// Specifiers begin with %, variables with $, also inside of quotes.
		escaped := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%", "$", "$$", "\n", `\n`, "\t", `\t`).Replace(word)
		if escaped != word || word == "" || strings.ContainsAny(word, " ;'") {
			escaped = `"` + escaped + `"`
		}
		out = append(out, escaped)
	}
	return strings.Join(out, " ")
}

// words are what serve and reload are called with.
func (p *Plan) words() []string {
	var words []string
	for _, tag := range p.o.Tags {
		words = append(words, "-t", tag)
	}
	return append(words, p.o.Name)
}

// unit writes the unit, unless it is there as it would be.
func (p *Plan) unit() (step, error) {
	path := p.at(unitFile)
	had, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return step{}, err
	}
	text := func() string {
		return Unit(p.o.User, p.group(), p.o.Dir, p.data, p.o.Binary, p.words())
	}
	same := string(had) == text()
	p.changed.unit = !same
	return step{what: "unit " + unitFile, done: same, do: func(context.Context) error {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // G301: the system's folder, for all to read
			return err
		}
		if err := p.replaces(path); err != nil {
			return err
		}
		return writeFile(path, text(), 0o644)
	}}, nil
}
