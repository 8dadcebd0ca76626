package load

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/edge-hive/edge-hive/schema"
)

// moduleFile makes a folder a CUE module, so that CUE looks for imports in it.
const moduleFile = "module: \"edgehive.local\"\nlanguage: version: \"v0.9.0\"\n"

// WriteDefinitions puts the schema's definitions into dir, where CUE and its
// language server look for imports: cue.mod/pkg/IMPORTPATH, with a
// cue.mod/module.cue if there is none. A manifest there may then say
//
//	import "github.com/edge-hive/edge-hive/schema"
//
//	schema.#Manifest
//
// and an editor knows its fields. Loading takes such an import as said, and
// checks the manifest against this binary's own definitions. WriteDefinitions
// gives the folder that the definitions are in.
func WriteDefinitions(dir string) (string, error) {
	module := filepath.Join(dir, "cue.mod", "module.cue")
	if _, err := os.Stat(module); errors.Is(err, fs.ErrNotExist) {
		if err := writeFile(module, []byte(moduleFile)); err != nil {
			return "", err
		}
	}
	target := filepath.Join(dir, "cue.mod", "pkg", filepath.FromSlash(schemaPath))
	names, err := fs.Glob(schema.Files, "*.cue")
	if err != nil {
		return "", fmt.Errorf("list schema: %w", err)
	}
	for _, name := range names {
		src, err := schema.Files.ReadFile(name)
		if err != nil {
			return "", fmt.Errorf("read schema: %w", err)
		}
		if err := writeFile(filepath.Join(target, name), src); err != nil {
			return "", err
		}
	}
	return target, nil
}

func writeFile(name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil { //nolint:gosec // a project's folder, as its owner's umask has it
		return fmt.Errorf("make folder: %w", err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil { //nolint:gosec // definitions are no secret
		return fmt.Errorf("write definitions: %w", err)
	}
	return nil
}
