package tiered

import (
	"bytes"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/cache"
)

func FuzzDecode(f *testing.F) {
	f.Add(encode(nil, &cache.Entry{Body: []byte("body"), ETag: `"e"`, Rows: 3, Count: -1, Next: "n", MaxAge: time.Second}, time.UnixMilli(1)))
	f.Add([]byte{form, 0, partBody, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, made, ok := decode(raw)
		if !ok {
			return
		}
		again, madeAgain, ok := decode(encode(nil, e, made))
		if !ok || !madeAgain.Equal(made) || !bytes.Equal(again.Body, e.Body) || again.ETag != e.ETag || again.Rows != e.Rows || again.Count != e.Count || again.Next != e.Next || again.MaxAge != e.MaxAge {
			t.Errorf("%+v is %+v", e, again)
		}
	})
}
