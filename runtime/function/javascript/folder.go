package javascript

import (
	"errors"
	"io/fs"
	"os"
)

// Folder is the files of a folder, for Script.Files. Links that lead out of it are
// not followed.
type Folder string

// Open implements fs.FS.
func (dir Folder) Open(name string) (fs.File, error) {
	root, err := os.OpenRoot(string(dir))
	if err != nil {
		return nil, err
	}
	file, err := root.FS().Open(name)
	return file, errors.Join(err, root.Close())
}
