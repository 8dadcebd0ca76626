package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// leftovers are the hidden files of folders that were looked at: an install that was
// killed leaves the copy that it was writing.
type leftovers map[string][]string

// clear removes the copies of a file that were never finished.
func (l leftovers) clear(of string) error {
	folder, name := filepath.Split(of)
	hidden, looked := l[folder]
	if !looked {
		entries, err := os.ReadDir(folder)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("look for what an install before has left: %w", err)
		}
		for _, entry := range entries {
			if strings.HasPrefix(entry.Name(), ".") {
				hidden = append(hidden, entry.Name())
			}
		}
		l[folder] = hidden
	}
	for _, one := range hidden {
		number, ours := strings.CutPrefix(one, "."+name+".")
		if !ours || number == "" || strings.Trim(number, "0123456789") != "" {
			continue
		}
		if err := os.Remove(filepath.Join(folder, one)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove what an install before has left: %w", err)
		}
	}
	return nil
}
