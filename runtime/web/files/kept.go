package files

import (
	"os"
	"sync"
)

const (
	// keptFilesMost and keptBytesMost bound what a Room keeps of all its folders. At
	// the bound others are forgotten.
	keptFilesMost = 4096
	keptBytesMost = 32 << 20
)

// kept are the files of a folder that were asked for, by name.
type kept struct {
	room  *Room
	files sync.Map // of string to *File
}

// Room bounds what folders keep together. The zero value is empty.
type Room struct {
	mu    sync.Mutex // held by whoever changes what is kept
	files int
	bytes int
}

// get gives a file that is kept and has not changed since.
func (k *kept) get(name string) *File {
	found, ok := k.files.Load(name)
	if !ok {
		return nil
	}
	file := found.(*File)
	if info, err := os.Lstat(file.full); err == nil && sameVersion(info, file.Info) {
		return file
	}
	k.drop(file)
	return nil
}

// put keeps a file, in the place of others where there is no room.
func (k *kept) put(file *File) {
	k.drop(file)
	k.room.mu.Lock()
	defer k.room.mu.Unlock()
	if k.room.files >= keptFilesMost || k.room.bytes+file.weight() > keptBytesMost {
		k.makeRoom(file.weight())
	}
	if k.room.files >= keptFilesMost || k.room.bytes+file.weight() > keptBytesMost {
		return // other folders have it all
	}
	if _, there := k.files.LoadOrStore(file.Name, file); !there {
		k.room.files++
		k.room.bytes += file.weight()
	}
}

// makeRoom forgets files, whichever come first, until there is a tenth more room
// than is needed.
func (k *kept) makeRoom(needed int) {
	k.files.Range(func(name, kept any) bool {
		if k.room.files < keptFilesMost*9/10 && k.room.bytes+needed < keptBytesMost*9/10 {
			return false
		}
		k.files.Delete(name)
		k.room.files--
		k.room.bytes -= kept.(*File).weight()
		return true
	})
}

// drop forgets what is kept under a file's name.
func (k *kept) drop(file *File) {
	k.room.mu.Lock()
	defer k.room.mu.Unlock()
	if was, there := k.files.LoadAndDelete(file.Name); there {
		k.room.files--
		k.room.bytes -= was.(*File).weight()
	}
}
