package autotls

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"
)

// Vault is where certificates, keys and accounts are kept, for this process or for
// nodes that share them. Keys are paths with slashes.
type Vault interface {
	// Load gives a value and when it was stored; fs.ErrNotExist where there is none.
	Load(ctx context.Context, key string) (value []byte, modified time.Time, err error)
	Store(ctx context.Context, key string, value []byte) error
	// Delete gives fs.ErrNotExist where nothing was.
	Delete(ctx context.Context, key string) error
	// List gives all keys below a prefix.
	List(ctx context.Context, prefix string) ([]string, error)
	// Lock waits for a lock that one process has at a time, until the context ends.
	// That of a process that has died breaks by itself; a live one's is kept.
	Lock(ctx context.Context, name string) error
	TryLock(ctx context.Context, name string) (bool, error)
	Unlock(ctx context.Context, name string) error
}

// storage is a vault as certmagic wants one.
type storage struct{ vault Vault }

var (
	_ certmagic.Storage   = storage{}
	_ certmagic.TryLocker = storage{}
)

// String keeps what a vault is made of out of logs.
func (storage) String() string { return "vault" }

func (s storage) Store(ctx context.Context, key string, value []byte) error {
	return s.vault.Store(ctx, key, value)
}

func (s storage) Load(ctx context.Context, key string) ([]byte, error) {
	value, _, err := s.vault.Load(ctx, key)
	return value, err
}

// Delete deletes a key and all below it.
func (s storage) Delete(ctx context.Context, key string) error {
	below, err := s.below(ctx, key)
	if err != nil {
		return err
	}
	var errs []error
	for _, one := range append(below, key) {
		if err := s.vault.Delete(ctx, one); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (s storage) Exists(ctx context.Context, key string) bool {
	_, err := s.Stat(ctx, key)
	return err == nil
}

func (s storage) List(ctx context.Context, path string, recursive bool) ([]string, error) {
	below, err := s.below(ctx, path)
	if err != nil {
		return nil, err
	}
	if len(below) == 0 {
		return nil, fs.ErrNotExist
	}
	if recursive {
		return below, nil
	}
	base := path + "/"
	if path == "" {
		base = ""
	}
	names := make([]string, 0, len(below))
	for _, key := range below {
		first, _, _ := strings.Cut(strings.TrimPrefix(key, base), "/")
		names = append(names, base+first)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// below are the keys that have another for a folder.
func (s storage) below(ctx context.Context, path string) ([]string, error) {
	base := path + "/"
	if path == "" {
		base = ""
	}
	keys, err := s.vault.List(ctx, base)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(keys, func(key string) bool { return !strings.HasPrefix(key, base) }), nil
}

func (s storage) Stat(ctx context.Context, key string) (certmagic.KeyInfo, error) {
	value, modified, err := s.vault.Load(ctx, key)
	if err == nil {
		return certmagic.KeyInfo{Key: key, Modified: modified, Size: int64(len(value)), IsTerminal: true}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return certmagic.KeyInfo{}, err
	}
	below, err := s.below(ctx, key)
	if err != nil {
		return certmagic.KeyInfo{}, err
	}
	if len(below) == 0 {
		return certmagic.KeyInfo{}, fs.ErrNotExist
	}
	return certmagic.KeyInfo{Key: key}, nil
}

func (s storage) Lock(ctx context.Context, name string) error { return s.vault.Lock(ctx, name) }

func (s storage) TryLock(ctx context.Context, name string) (bool, error) {
	return s.vault.TryLock(ctx, name)
}

// Unlock gives a lock back even where the work under it was given up.
func (s storage) Unlock(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockTime)
	defer cancel()
	return s.vault.Unlock(ctx, name)
}

// unlockTime is how long giving back a lock may take; beyond that it ends by
// itself.
const unlockTime = 5 * time.Second
