package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// environmentHead begins the file of secrets.
const environmentHead = `# What the manifest takes from the environment, for the service alone to read:
# NAME=VALUE, a line each. systemctl restart edge-hive takes what was changed.
`

// Variables are the environment variables that a manifest takes secrets from, each
// with the first field that asks for it.
func Variables(m *manifest.Manifest) []Variable {
	var list []Variable
	secrets(reflect.ValueOf(*m), func(s *manifest.Secret) {
		if s.Env != "" && !slices.ContainsFunc(list, func(v Variable) bool { return v.Name == s.Env }) {
			list = append(list, Variable{s.Env, s.Path})
		}
	})
	slices.SortFunc(list, func(a, b Variable) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Variable is an environment variable, and the field of the manifest that takes
// it.
type Variable struct{ Name, Path string }

// secrets visits every secret that a manifest names.
func secrets(v reflect.Value, visit func(*manifest.Secret)) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		if s, ok := v.Interface().(*manifest.Secret); ok {
			visit(s)
			return
		}
		secrets(v.Elem(), visit)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				secrets(v.Field(i), visit)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			secrets(v.Index(i), visit)
		}
	}
}

// environment names in the file of secrets what the manifest asks for. Values
// stay as they are; new ones are left empty, for whoever has them.
func (p *Plan) environment() (step, error) {
	path := p.at(environmentFile)
	had, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return step{}, err
	}
	values := assignments(string(had))
	text := string(had)
	if text == "" {
		text = environmentHead
	}
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	named := 0
	p.secrets = map[string]string{}
	for _, v := range Variables(p.o.Manifest) {
		value, there := values[v.Name]
		if value == "" {
			p.missing = append(p.missing, v.Name)
		}
		if there {
			p.secrets[v.Name] = value
		}
		if !there {
			text += fmt.Sprintf("\n# %s\n%s=\n", v.Path, v.Name)
			named++
		}
	}
	what := "environment " + environmentFile + " (0600)"
	if named > 0 {
		what += ", with " + plural(named, "empty value")
	}
	info, err := os.Stat(path)
	same := err == nil && info.Mode().Perm() == 0o600 && text == string(had)
	return step{what: what, done: same, do: func(context.Context) error {
		return writeFile(path, text, 0o600)
	}}, nil
}
