package coding_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/edge-hive/edge-hive/runtime/web/coding"
)

var text = strings.Repeat("it was a bright cold day in April, and the clocks were striking thirteen. ", 60)

// decoded undoes a coding by somebody else's decoder where there is one.
func decoded(t *testing.T, encoding string, body []byte) string {
	t.Helper()
	var r io.Reader
	var err error
	switch encoding {
	case "gzip":
		r, err = gzip.NewReader(bytes.NewReader(body))
	case "br":
		r = brotli.NewReader(bytes.NewReader(body))
	case "zstd":
		d, failed := zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1))
		if err = failed; err == nil {
			defer d.Close()
		}
		r = d
	}
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("%s: %v", encoding, err)
	}
	return string(all)
}

func TestEncoders(t *testing.T) {
	for _, encoding := range []string{"gzip", "br", "zstd"} {
		for range 2 { // a new one, and one that has been used
			whole := coding.EncodeWhole(encoding, []byte(text))
			if got := decoded(t, encoding, whole.Bytes()); got != text || len(whole.Bytes()) > len(text)/4 {
				t.Errorf("%s: %d bytes, of which %d come back", encoding, len(whole.Bytes()), len(got))
			}
			whole.Release()
			var sent bytes.Buffer
			e := coding.Encode(encoding, &sent)
			for part := range strings.Lines(strings.ReplaceAll(text, ". ", ".\n")) {
				if _, err := io.WriteString(e, part); err != nil {
					t.Fatal(err)
				}
				before := sent.Len()
				if err := e.Flush(); err != nil || sent.Len() == before {
					t.Fatalf("%s: nothing was flushed, %v", encoding, err)
				}
			}
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
			e.Release()
			if got := decoded(t, encoding, sent.Bytes()); got != strings.ReplaceAll(text, ". ", ".\n") {
				t.Errorf("%s in parts: %d bytes", encoding, len(got))
			}
		}
	}
}

func TestEncodersAreBounded(t *testing.T) {
	working := make([]*coding.Encoder, coding.MostEncoders)
	for i := range working {
		if working[i] = coding.Encode([]string{"gzip", "br", "zstd"}[i%3], io.Discard); working[i] == nil {
			t.Fatalf("encoder %d was refused", i)
		}
	}
	if coding.Encode("gzip", io.Discard) != nil || coding.EncodeWhole("br", []byte(text)) != nil {
		t.Error("one more than the bound works")
	}
	for _, e := range working {
		e.Release()
	}
	e := coding.Encode("gzip", io.Discard)
	if e == nil {
		t.Fatal("room was not given back")
	}
	e.Release()
}
