package sqlite

import (
	"net/url"
	"path/filepath"
	"strings"

	"github.com/ncruces/go-sqlite3"
)

// files is the driver's name of the file system that databases are opened in.
type files string

// systemFiles is the operating system's. Tests alone open in another, which
// fails.
const systemFiles files = ""

// open opens a path, or an address that names its file system itself.
func (f files) open(path string, flags sqlite3.OpenFlag) (*sqlite3.Conn, error) {
	return sqlite3.OpenFlags(f.address(path, flags))
}

// address is a path as the driver takes it.
func (f files) address(path string, flags sqlite3.OpenFlag) (string, sqlite3.OpenFlag) {
	if f == systemFiles || strings.HasPrefix(path, "file:") {
		return path, flags
	}
	name := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: "vfs=" + string(f)}
	return name.String(), flags | sqlite3.OPEN_URI
}
