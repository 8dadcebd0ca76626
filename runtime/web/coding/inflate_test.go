package coding_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/web/coding"
)

// mixed is text of which a coding makes less, but not a tenth.
var mixed = func() string {
	var b strings.Builder
	for i := range 200 {
		b.WriteString(strings.Repeat(string(rune('a'+i*7919%26)), 1+i%4))
	}
	return b.String()
}()

func encoded(t *testing.T, encoding, text string) []byte {
	t.Helper()
	whole := coding.EncodeWhole(encoding, []byte(text))
	if whole == nil {
		t.Fatal("no encoder is free")
	}
	defer whole.Release()
	return bytes.Clone(whole.Bytes())
}

func TestInflate(t *testing.T) {
	const limit = 1000
	for _, encoding := range []string{"gzip", "zstd"} {
		sent := encoded(t, encoding, mixed)
		for _, c := range []struct {
			name string
			body []byte
			want string
			err  error // nil: it is read to its end
		}{
			{"whole", sent, mixed, nil},
			{"cut", sent[:len(sent)/2], "", coding.ErrCorrupt},
			{"something else", []byte("not compressed at all"), "", coding.ErrCorrupt},
			{"a bomb", encoded(t, encoding, strings.Repeat("a", limit)), "", coding.ErrInflation},
		} {
			r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(c.body))
			r.Header.Set("Content-Encoding", encoding)
			if !coding.Encoded(r) {
				t.Fatal("it is not seen")
			}
			if instead := coding.Inflate(r, limit); instead != "" {
				t.Fatal(instead)
			}
			if coding.Encoded(r) || r.ContentLength != -1 {
				t.Error("what stands behind sees how it came")
			}
			got, err := io.ReadAll(r.Body)
			if c.err == nil && (err != nil || string(got) != c.want) || c.err != nil && !errors.Is(err, c.err) {
				t.Errorf("%s, %s: %d bytes, %v", encoding, c.name, len(got), err)
			}
			if err := r.Body.Close(); err != nil {
				t.Error(err)
			}
		}
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(sent))
		r.Header.Set("Content-Encoding", encoding)
		coding.Inflate(r, 10)
		var tooBig *http.MaxBytesError
		if _, err := io.ReadAll(r.Body); !errors.As(err, &tooBig) || errors.Is(err, coding.ErrInflation) {
			t.Errorf("%s over the limit: %v", encoding, err)
		}
		_ = r.Body.Close()
	}
	for _, encodings := range [][]string{{"br"}, {"gzip, gzip"}, {"gzip", "gzip"}} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("x"))
		r.Header["Content-Encoding"] = encodings
		if coding.Inflate(r, limit) == "" {
			t.Errorf("%q is taken", encodings)
		}
	}
}
