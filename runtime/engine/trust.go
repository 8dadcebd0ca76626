package engine

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"path/filepath"

	"github.com/edge-hive/edge-hive/runtime/autotls"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/redis"
)

// errNotInternal is what a manifest is told that has no authority of its own.
var errNotInternal = fault.New("not-internal", "this backend has no authority of its own: there is nothing to trust").
	WithHint(`it has one with server: tls: kind: "internal"`)

// Root is the certificate of a backend's own authority, and the file that it is
// in, "" where it is in none. It is made where there is none; the backend need not
// run.
func Root(ctx context.Context, m *manifest.Manifest) (root *x509.Certificate, file string, err error) {
	t := m.Server.TLS
	if t == nil || t.Kind != manifest.Internal {
		return nil, "", errNotInternal
	}
	var vault autotls.Vault
	switch t.Storage.Kind {
	case manifest.StoreS3:
		bucket, err := autotls.NewS3(&t.Storage)
		if err != nil {
			return nil, "", placed(m, err)
		}
		defer func() { err = errors.Join(err, bucket.Close()) }()
		vault = bucket
	case manifest.StoreRedis:
		client, err := redisAlone(ctx, m)
		if err != nil {
			return nil, "", err
		}
		defer func() { err = errors.Join(err, client.Close()) }()
		vault = client.Vault()
	default:
		folder := filepath.Join(m.DataDir(), certificatesFolder)
		vault, file = autotls.NewDisk(folder), autotls.RootFile(folder)
	}
	root, err = autotls.Root(ctx, vault, t.Domains, slog.New(slog.DiscardHandler))
	return root, file, placeFolder(m, err)
}

// redisAlone opens Redis without a backend.
func redisAlone(ctx context.Context, m *manifest.Manifest) (*redis.Client, error) {
	if m.Cache.Redis == nil {
		return nil, errNoRedis
	}
	keys, err := Keys(m)
	if err != nil {
		return nil, err
	}
	o, err := redisOptions(m)
	if err != nil {
		return nil, err
	}
	o.Key, o.Log = keys.Derive("redis"), slog.New(slog.DiscardHandler)
	client, err := redis.Open(ctx, o)
	if err != nil {
		return nil, redisFault(m, err)
	}
	return client, nil
}

// Trust has this machine believe a root, or no longer, and says which of its stores
// were changed.
func Trust(root *x509.Certificate, uninstall bool) ([]string, error) {
	return autotls.Trust(root, uninstall)
}
