package kits_test

import (
	"fmt"
	"testing"
)

// BenchmarkKits calls the program of each language, with a fresh state each time.
func BenchmarkKits(b *testing.B) {
	for _, p := range programs {
		file, code := p.code(b)
		g := load(b, file, code)
		for path, body := range map[string][]byte{"/facts": nil, "/echo": make([]byte, 1024), "/json": []byte(`{"a": [1, 2, 3], "b": "text"}`)} {
			b.Run(fmt.Sprintf("%s%s", p.folder, path), func(b *testing.B) {
				for b.Loop() {
					if _, err := g.call(b.Context(), request(path, ""), body); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
