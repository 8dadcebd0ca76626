package query

import "testing"

func BenchmarkDistance(b *testing.B) {
	numbers := make([]float32, 384)
	for i := range numbers {
		numbers[i] = float32(i%7) - 3
	}
	v := VectorOf(numbers)
	column := &Column{Name: "v", Type: Type{Kind: KindVector, Dimensions: 384}}
	table := NewTable("t", []*Column{column}, nil)
	d, _ := NewDistance(table.Ref(column), v, Cosine)
	raw := []byte(v.S)
	for b.Loop() {
		d.Of(raw)
	}
}
