package files

import (
	"time"

	"github.com/edge-hive/edge-hive/runtime/web/coding"
)

// siblingsTime is how long it is believed which compressed siblings there are. One
// that came is used a little later; one that went is noticed at once.
const siblingsTime = 2 * time.Second

// encodings are the precompressed siblings that a file may have, best first.
var encodings = [...]struct {
	name, suffix string
	header       []string
}{{"br", ".br", []string{"br"}}, {"zstd", ".zst", []string{"zstd"}}, {"gzip", ".gz", []string{"gzip"}}}

// Sibling gives the compressed sibling that a client likes best, and what its
// Content-Encoding is; nil for none. accepted is Accept-Encoding.
func (s *Folder) Sibling(file *File, accepted []string) (sibling *File, encoding []string) {
	now := time.Now().UnixNano()
	if now-file.lookedLast.Load() > int64(siblingsTime) {
		var there uint32
		for i := range encodings {
			if s.isFile(file.Name + encodings[i].suffix) {
				there |= 1 << i
			}
		}
		file.siblings.Store(there)
		file.lookedLast.Store(now)
	}
	there := file.siblings.Load()
	if there == 0 {
		return nil, nil
	}
	takes := coding.ParseAccept(accepted)
	for there != 0 {
		var room [len(encodings)]string
		ours := room[:0]
		for i := range encodings {
			if there&(1<<i) != 0 {
				ours = append(ours, encodings[i].name)
			}
		}
		chosen := takes.Choose(ours)
		if chosen == "" {
			break
		}
		for i := range encodings {
			if encodings[i].name != chosen {
				continue
			}
			if sibling = s.Get(file.Name + encodings[i].suffix); sibling != nil {
				return sibling, encodings[i].header
			}
			there &^= 1 << i // it has gone since
		}
	}
	return nil, nil
}
