package autotls

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// lease is how long a lock in a bucket lasts that nobody renews. Clocks of nodes
// are not compared: who waits for a lock has to see it unchanged for as long.
const lease = 30 * time.Second

// s3Time bounds one request to the bucket.
const s3Time = 20 * time.Second

// mostValue is the largest value that is read: certificates are a few KiB.
const mostValue = 1 << 20

// S3 is a vault in a bucket, which nodes share. Close it when it is used no more.
type S3 struct {
	client *minio.Client
	bucket string
	prefix string
	lease  time.Duration
	node   string

	life  context.Context
	end   context.CancelFunc
	tasks sync.WaitGroup
	mu    sync.Mutex
	held  map[string]*held
	seen  map[string]seen // locks of others
}

// held is a lock of ours.
type held struct {
	cancel context.CancelFunc
	done   chan struct{}
	etag   string // after done
}

// seen is a lock of somebody else's, as it was found.
type seen struct {
	etag  string
	since time.Time
}

// NewS3 opens a bucket; it asks nobody yet. What is wrong is a *fault.Fault with
// its path.
func NewS3(s *manifest.CertificateStorage) (*S3, error) {
	key, err := s.Key.Read()
	if err != nil {
		return nil, SecretFault(s.Key, err)
	}
	secret, err := s.Secret.Read()
	if err != nil {
		return nil, SecretFault(s.Secret, err)
	}
	return openS3(s, key.Reveal(), secret.Reveal(), lease)
}

func openS3(s *manifest.CertificateStorage, key, secret string, lease time.Duration) (*S3, error) {
	endpoint, err := url.Parse(s.Endpoint)
	if err == nil {
		var client *minio.Client
		client, err = minio.New(endpoint.Host, &minio.Options{
			Creds: credentials.NewStaticV4(key, secret, ""), Secure: endpoint.Scheme == "https", Region: s.Region, MaxRetries: 3,
		})
		if err == nil {
			v := &S3{client: client, bucket: s.Bucket, prefix: strings.Trim(s.Prefix, "/") + "/", lease: lease, node: rand.Text(), held: make(map[string]*held), seen: make(map[string]seen)}
			v.life, v.end = context.WithCancel(context.Background())
			return v, nil
		}
	}
	return nil, fault.Newf("bad-address", "the storage of certificates cannot be used: %v", err).WithHint("write the server's address as https://HOST").At(s.Path + ".endpoint")
}

// Close gives up the locks that are held: they end by themselves.
func (v *S3) Close() error {
	v.end()
	v.tasks.Wait()
	return nil
}

// Load reads an object.
func (v *S3) Load(ctx context.Context, key string) ([]byte, time.Time, error) {
	value, info, err := v.get(ctx, v.prefix+key)
	return value, info.LastModified, err
}

func (v *S3) get(ctx context.Context, object string) ([]byte, minio.ObjectInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, s3Time)
	defer cancel()
	o, err := v.client.GetObject(ctx, v.bucket, object, minio.GetObjectOptions{})
	if err != nil {
		return nil, minio.ObjectInfo{}, v.said("read", err)
	}
	value, err := io.ReadAll(io.LimitReader(o, mostValue))
	if err != nil {
		return nil, minio.ObjectInfo{}, errors.Join(v.said("read", err), o.Close())
	}
	info, err := o.Stat()
	return value, info, errors.Join(v.said("read", err), o.Close())
}

// Store writes an object.
func (v *S3) Store(ctx context.Context, key string, value []byte) error {
	_, err := v.put(ctx, v.prefix+key, value, minio.PutObjectOptions{})
	return err
}

func (v *S3) put(ctx context.Context, object string, value []byte, o minio.PutObjectOptions) (etag string, err error) {
	ctx, cancel := context.WithTimeout(ctx, s3Time)
	defer cancel()
	o.DisableMultipart = true
	info, err := v.client.PutObject(ctx, v.bucket, object, bytes.NewReader(value), int64(len(value)), o)
	return info.ETag, v.said("write", err)
}

// Delete removes an object.
func (v *S3) Delete(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, s3Time)
	defer cancel()
	if _, err := v.client.StatObject(ctx, v.bucket, v.prefix+key, minio.StatObjectOptions{}); err != nil {
		return v.said("delete", err)
	}
	return v.said("delete", v.client.RemoveObject(ctx, v.bucket, v.prefix+key, minio.RemoveObjectOptions{}))
}

// List gives the keys below a prefix.
func (v *S3) List(ctx context.Context, prefix string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, s3Time)
	defer cancel()
	var keys []string
	for o := range v.client.ListObjects(ctx, v.bucket, minio.ListObjectsOptions{Prefix: v.prefix + prefix, Recursive: true}) {
		if o.Err != nil {
			return nil, v.said("list", o.Err)
		}
		if key := strings.TrimPrefix(o.Key, v.prefix); !strings.HasPrefix(key, locksFolder+"/") {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// errCondition means that an object is not as it was thought to be.
var errCondition = errors.New("another node was faster")

// said makes an answer of the server's an error that callers know.
func (v *S3) said(did string, err error) error {
	if err == nil {
		return nil
	}
	answer := minio.ToErrorResponse(err)
	switch {
	case answer.Code == minio.NoSuchKey || answer.StatusCode == http.StatusNotFound && answer.Code != minio.NoSuchBucket:
		return fs.ErrNotExist
	case answer.Code == minio.PreconditionFailed || answer.StatusCode == http.StatusPreconditionFailed || answer.StatusCode == http.StatusConflict:
		return errCondition
	}
	return fmt.Errorf("%s in the bucket %s: %w", did, v.bucket, err)
}

func (v *S3) lockObject(name string) string { return v.prefix + path.Join(locksFolder, safeName(name)) }

// Lock waits for a lock.
func (v *S3) Lock(ctx context.Context, name string) error {
	for {
		got, err := v.TryLock(ctx, name)
		if got || err != nil {
			return err
		}
		if !sleep(ctx, jitter(min(v.lease/10, time.Second))) {
			return ctx.Err()
		}
	}
}

// TryLock takes a lock where nobody has it, or where who had it has not renewed it
// for as long as it lasts.
func (v *S3) TryLock(ctx context.Context, name string) (bool, error) {
	object := v.lockObject(name)
	var o minio.PutObjectOptions
	o.SetMatchETagExcept("*") // if it is not there
	etag, err := v.put(ctx, object, v.mark(), o)
	if errors.Is(err, errCondition) {
		etag, err = v.takeOver(ctx, name, object)
	}
	switch {
	case errors.Is(err, errCondition):
		return false, nil
	case err != nil:
		return false, err
	}
	v.hold(name, object, etag)
	return true, nil
}

// takeOver takes a lock whose node is gone.
func (v *S3) takeOver(ctx context.Context, name, object string) (etag string, err error) {
	info, err := v.client.StatObject(ctx, v.bucket, object, minio.StatObjectOptions{})
	if err != nil {
		if err = v.said("look", err); errors.Is(err, fs.ErrNotExist) {
			err = errCondition // it was given back; the next try finds it free
		}
		return "", err
	}
	v.mu.Lock()
	before := v.seen[name]
	if before.etag != info.ETag {
		before = seen{info.ETag, time.Now()}
		v.seen[name] = before
	}
	v.mu.Unlock()
	if time.Since(before.since) < v.lease {
		return "", errCondition
	}
	var o minio.PutObjectOptions
	o.SetMatchETag(info.ETag) // if it is as it was
	return v.put(ctx, object, v.mark(), o)
}

// mark is what a lock holds: different each time, so that its tag is.
func (v *S3) mark() []byte {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // it never fails
	return []byte(v.node + " " + hex.EncodeToString(raw[:]) + "\n")
}

// hold renews a lock until it is given back.
func (v *S3) hold(name, object, etag string) {
	ctx, cancel := context.WithCancel(v.life)
	h := &held{cancel: cancel, done: make(chan struct{}), etag: etag}
	v.mu.Lock()
	delete(v.seen, name)
	v.held[name] = h
	v.mu.Unlock()
	v.tasks.Go(func() {
		defer close(h.done)
		for sleep(ctx, v.lease/3) {
			var o minio.PutObjectOptions
			o.SetMatchETag(h.etag)
			// One that is under way is waited for: its tag is what Unlock knows the lock by.
			next, err := v.put(context.WithoutCancel(ctx), object, v.mark(), o)
			switch {
			case err == nil:
				h.etag = next
			case errors.Is(err, errCondition), errors.Is(err, fs.ErrNotExist):
				return // we were thought dead, and somebody else has it
			}
		}
	})
}

// Unlock gives a lock back, where it is ours still.
func (v *S3) Unlock(ctx context.Context, name string) error {
	v.mu.Lock()
	h := v.held[name]
	delete(v.held, name)
	v.mu.Unlock()
	if h == nil {
		return fmt.Errorf("certificates: the lock %s is not ours", name)
	}
	h.cancel()
	<-h.done
	object := v.lockObject(name)
	info, err := v.client.StatObject(ctx, v.bucket, object, minio.StatObjectOptions{})
	switch {
	case errors.Is(v.said("look", err), fs.ErrNotExist), err == nil && info.ETag != h.etag:
		return nil // it was lost meanwhile
	case err != nil:
		return v.said("look", err)
	}
	return v.said("delete", v.client.RemoveObject(ctx, v.bucket, object, minio.RemoveObjectOptions{}))
}
