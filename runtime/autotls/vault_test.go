package autotls

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// bucket is one of a server in this process.
func bucket(t *testing.T) *manifest.CertificateStorage {
	t.Helper()
	back := s3mem.New()
	if err := back.CreateBucket("vault"); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(gofakes3.New(back).Server())
	t.Cleanup(s.Close)
	return &manifest.CertificateStorage{Kind: manifest.StoreS3, Endpoint: s.URL, Bucket: "vault", Region: "eu", Prefix: "certificates", Path: "server.tls.storage"}
}

// shortLease is for how long a lock is kept for who is not heard of; a loaded machine
// may be late to renew even a living one's.
const shortLease = 600 * time.Millisecond

func openBucket(t *testing.T, s *manifest.CertificateStorage, lease time.Duration) *S3 {
	t.Helper()
	v, err := openS3(s, "key", "secret", lease)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	return v
}

// TestVaults is what certmagic asks of every one of them.
func TestVaults(t *testing.T) {
	t.Parallel()
	dir, s3 := t.TempDir(), bucket(t)
	for name, open := range map[string]func(lease time.Duration) Vault{
		"disk": func(time.Duration) Vault { return NewDisk(dir) },
		"s3":   func(lease time.Duration) Vault { return openBucket(t, s3, lease) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Run("values", func(t *testing.T) { testValues(t, storage{open(shortLease)}) })
			t.Run("locks", func(t *testing.T) {
				for lease := shortLease; ; lease *= 5 {
					err := testLocks(t, open, lease)
					if err == nil {
						break
					}
					if lease > 10*time.Second {
						t.Fatal(err)
					}
				}
			})
		})
	}
}

func testValues(t *testing.T, s storage) {
	ctx := t.Context()
	if _, err := s.Load(ctx, "a/b/c"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("load what is not there: %v", err)
	}
	if _, err := s.List(ctx, "a", true); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("list what is not there: %v", err)
	}
	if s.Exists(ctx, "a/b") || s.Delete(ctx, "a/b/c") != nil {
		t.Error("what is not there is, or cannot be deleted")
	}
	large := bytes.Repeat([]byte("0123456789"), 5000)
	for key, value := range map[string][]byte{"a/b/c": []byte("one"), "a/b/d": large, "a/e": []byte("e"), "ab/c": []byte("other")} {
		if err := s.Store(ctx, key, value); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Load(ctx, key); err != nil || !bytes.Equal(got, value) {
			t.Errorf("%s: %d bytes, %v", key, len(got), err)
		}
	}
	if err := s.Store(ctx, "a/b/c", []byte("two")); err != nil {
		t.Fatal(err)
	}
	info, err := s.Stat(ctx, "a/b/c")
	if err != nil || info.Size != 3 || !info.IsTerminal || time.Since(info.Modified) > time.Hour {
		t.Errorf("%+v %v", info, err)
	}
	if info, err := s.Stat(ctx, "a/b"); err != nil || info.IsTerminal {
		t.Errorf("a folder: %+v %v", info, err)
	}
	for _, c := range []struct {
		path      string
		recursive bool
		want      []string
	}{{"a", true, []string{"a/b/c", "a/b/d", "a/e"}}, {"a", false, []string{"a/b", "a/e"}}, {"", false, []string{"a", "ab"}}} {
		got, err := s.List(ctx, c.path, c.recursive)
		slices.Sort(got)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("list %q, %v: %v %v", c.path, c.recursive, got, err)
		}
	}
	if err := s.Delete(ctx, "a/b"); err != nil || s.Exists(ctx, "a/b") || !s.Exists(ctx, "a/e") || !s.Exists(ctx, "ab/c") {
		t.Errorf("a folder that was deleted: %v", err)
	}
}

// testLocks has many wait for one lock, of several openers. What it gives may be for
// a lease that was too short for the machine.
func testLocks(t *testing.T, open func(time.Duration) Vault, lease time.Duration) error {
	t.Helper()
	ctx := t.Context()
	issue, other := fmt.Sprint("issue_cert_*.example.com ", lease), fmt.Sprint("other ", lease)
	var inside, most atomic.Int32
	var all sync.WaitGroup
	failed := make(chan error, 9)
	for range 3 {
		v := open(lease)
		for range 3 {
			all.Go(func() {
				if err := v.Lock(ctx, issue); err != nil {
					failed <- err
					return
				}
				most.Store(max(most.Load(), inside.Add(1)))
				time.Sleep(5 * time.Millisecond)
				inside.Add(-1)
				if err := v.Unlock(ctx, issue); err != nil {
					failed <- err
				}
			})
		}
	}
	all.Wait()
	close(failed)
	for err := range failed {
		return err
	}
	if most.Load() != 1 {
		return fmt.Errorf("%d had the lock at once", most.Load())
	}
	one, two := open(lease), open(lease)
	if got, err := one.TryLock(ctx, other); !got || err != nil {
		t.Fatal(got, err)
	}
	if got, err := two.TryLock(ctx, other); got || err != nil {
		return errors.Join(errors.New("two have it"), err)
	}
	late, cancel := context.WithTimeout(ctx, 2*lease) // a live one is renewed for longer than it lasts
	defer cancel()
	if err := two.Lock(late, other); !errors.Is(err, context.DeadlineExceeded) {
		return errors.Join(errors.New("a live lock was broken"), err)
	}
	if err := two.Unlock(ctx, other); err == nil {
		t.Error("what is not ours was unlocked")
	}
	if err := one.Unlock(ctx, other); err != nil {
		return err
	}
	if got, err := two.TryLock(ctx, other); !got || err != nil {
		t.Error("a lock that was given back:", got, err)
	}
	if keys, err := one.List(ctx, ""); err != nil || slices.ContainsFunc(keys, func(key string) bool { return key != "a/e" && key != "ab/c" }) {
		t.Errorf("locks are listed: %v %v", keys, err)
	}
	return nil
}

func TestLockOfADeadNodeInABucket(t *testing.T) {
	t.Parallel()
	s := bucket(t)
	dead, live := openBucket(t, s, shortLease), openBucket(t, s, shortLease)
	if err := dead.Lock(t.Context(), "a lock"); err != nil {
		t.Fatal(err)
	}
	if err := dead.Close(); err != nil { // it renews no more, and gives nothing back
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := live.Lock(ctx, "a lock"); err != nil {
		t.Errorf("the lock of a dead node: %v", err)
	}
}

func TestLockOfADeadProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	other := startChild(t, child{Do: "lock", Dir: dir})
	if said := other.line(); said != "locked" {
		t.Fatal(said)
	}
	v := NewDisk(dir)
	if got, err := v.TryLock(t.Context(), "a lock"); got || err != nil {
		t.Fatalf("a lock of a process that lives: %v %v", got, err)
	}
	if err := other.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := v.Lock(ctx, "a lock"); err != nil {
		t.Errorf("the lock of a dead process: %v", err)
	}
}

func TestBucketThatIsGone(t *testing.T) {
	t.Parallel()
	s := bucket(t)
	s.Bucket = "another"
	v := openBucket(t, s, shortLease)
	if _, _, err := v.Load(t.Context(), "key"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a bucket that is not there: %v", err)
	}
}
