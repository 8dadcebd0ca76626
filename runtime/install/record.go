package install

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// record is what an install leaves behind, for the next one and for uninstall.
type record struct {
	User   string `json:"user"`
	Made   bool   `json:"madeUser"` // by an install
	Dir    string `json:"dir"`
	Data   string `json:"data"`
	Binary string `json:"binary"`
	// Files are those that were copied, from Dir on; none where the manifest was
	// there before.
	Files []string `json:"files,omitempty"`
}

func readRecord(path string) (record, error) {
	var r record
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &r)
	}
	if err != nil {
		return r, fmt.Errorf("read what the last install left in %s: %w", path, err)
	}
	return r, nil
}

// keep writes the record, after all else.
func (p *Plan) keep() error {
	p.record.Dir, p.record.Data, p.record.Binary = p.o.Dir, p.data, p.o.Binary
	slices.Sort(p.record.Files)
	raw, err := json.MarshalIndent(p.record, "", "  ")
	if err != nil {
		return err
	}
	text := string(raw) + "\n"
	had, err := os.ReadFile(p.at(recordFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	p.steps = append(p.steps, step{what: "what was installed, in " + recordFile, done: string(had) == text, do: func(context.Context) error {
		if err := p.replaces(p.at(recordFile)); err != nil {
			return err
		}
		return writeFile(p.at(recordFile), text, 0o600)
	}})
	return nil
}
