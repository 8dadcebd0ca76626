package operation

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/edge-hive/edge-hive/runtime/cache"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function"
)

// maxKeep is how long a value may be told to be kept.
const maxKeep = 365 * 24 * time.Hour

// mayCache refuses what the cache is not granted for, or a key that is none.
func (o *operations) mayCache(c *call, key string) error {
	switch {
	case !c.rights.cache:
		return ungranted("the cache", "", "grant it: cache: true")
	case o.Values == nil:
		return absent("cache")
	case len(key) > cache.MaxKey:
		return fault.Newf(function.CodeOperation, "a key has at most %d bytes", cache.MaxKey)
	}
	return required("key", key)
}

type keyHead struct {
	Key string `json:"key"`
}

func (h keyHead) key() string { return h.Key }

// readKeyed reads a head that names a key, and refuses one that may not be.
func readKeyed[H interface{ key() string }](o *operations, c *call, head []byte) (H, error) {
	said, err := readHead[H](head)
	if err == nil {
		err = o.mayCache(c, said.key())
	}
	return said, err
}

// getValue is cache.get.
func (o *operations) getValue(ctx context.Context, c *call, head, _ []byte) (function.Reply, error) {
	said, err := readKeyed[keyHead](o, c, head)
	if err != nil {
		return function.Reply{}, err
	}
	value, found := o.Values.Get(ctx, said.Key)
	switch {
	case !found:
		return function.Reply{Head: []byte(`{"found":false}`)}, nil
	case value.Expires.IsZero():
		return function.Reply{Head: []byte(`{"found":true}`), Body: value.Bytes}, nil
	}
	reply := []byte(`{"found":true,"expires":"`)
	reply = append(value.Expires.UTC().AppendFormat(reply, time.RFC3339Nano), '"', '}')
	return function.Reply{Head: reply, Body: value.Bytes}, nil
}

type setHead struct {
	Key      string `json:"key"`
	TTL      string `json:"ttl"`
	IfAbsent bool   `json:"ifAbsent"`
}

func (h setHead) key() string { return h.Key }

// setValue is cache.set.
func (o *operations) setValue(ctx context.Context, c *call, head, body []byte) (function.Reply, error) {
	said, err := readKeyed[setHead](o, c, head)
	if err != nil {
		return function.Reply{}, err
	}
	ttl, err := parseTime("ttl", said.TTL, maxKeep)
	if err != nil {
		return function.Reply{}, err
	}
	return truth("stored", o.Values.Set(ctx, said.Key, body, ttl, said.IfAbsent)), nil
}

// deleteValue is cache.delete.
func (o *operations) deleteValue(ctx context.Context, c *call, head, _ []byte) (function.Reply, error) {
	said, err := readKeyed[keyHead](o, c, head)
	if err != nil {
		return function.Reply{}, err
	}
	return truth("found", o.Values.Delete(ctx, said.Key)), nil
}

type addHead struct {
	Key string `json:"key"`
	By  *int64 `json:"by"`
	TTL string `json:"ttl"`
}

func (h addHead) key() string { return h.Key }

// addValue is cache.add.
func (o *operations) addValue(ctx context.Context, c *call, head, _ []byte) (function.Reply, error) {
	said, err := readKeyed[addHead](o, c, head)
	if err != nil {
		return function.Reply{}, err
	}
	ttl, err := parseTime("ttl", said.TTL, maxKeep)
	if err != nil {
		return function.Reply{}, err
	}
	by := int64(1)
	if said.By != nil {
		by = *said.By
	}
	sum, err := o.Values.Add(ctx, said.Key, by, ttl)
	switch {
	case errors.Is(err, cache.ErrNotNumber):
		return function.Reply{}, fault.New(function.CodeOperation, "the value of this key is no whole number").WithHint("numbers are set as text, in decimal")
	case errors.Is(err, cache.ErrAway):
		return function.Reply{}, fault.New(function.CodeOperation, "the cache cannot be reached now, so nothing was added").WithHint("try again in a moment, or go on without")
	case errors.Is(err, cache.ErrTooMuch):
		return function.Reply{}, fault.New(function.CodeOperation, "the sum is no number of 64 bits")
	case err != nil:
		return function.Reply{}, err
	}
	return function.Reply{Head: append(strconv.AppendInt([]byte(`{"value":`), sum, 10), '}')}, nil
}

// truth is a reply that is one member, true or false.
func truth(name string, holds bool) function.Reply {
	return function.Reply{Head: append(strconv.AppendBool([]byte(`{"`+name+`":`), holds), '}')}
}
