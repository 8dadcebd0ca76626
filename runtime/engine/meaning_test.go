package engine

import "testing"

func TestMeaning(t *testing.T) {
	sum := func(parts ...string) string {
		m := newMeaning()
		for _, part := range parts {
			if n, err := m.Write([]byte(part)); n != len(part) || err != nil {
				t.Fatalf("write: %d, %v", n, err)
			}
		}
		return m.text()
	}
	const line = `{"id":9007199254740993,"meta":{"b":1.50,"a":[1,{"y":null,"x":"é"}]}}`
	for _, same := range []string{
		`{"meta":{"a":[1,{"x":"\u00e9","y":null}],"b":1.5},"id":9007199254740993}`,
		line + "\n",
	} {
		if sum(line) != sum(same) {
			t.Errorf("%s is another thing than %s", same, line)
		}
	}
	if sum(line+"\n"+line) != sum(line[:20], line[20:]+"\n"+line[:1], line[1:]+"\n") {
		t.Error("how lines are cut changes what they say")
	}
	for _, other := range []string{
		`{"id":9007199254740992,"meta":{"b":1.50,"a":[1,{"y":null,"x":"é"}]}}`,
		`{"id":9007199254740993,"meta":{"b":1.51,"a":[1,{"y":null,"x":"é"}]}}`,
		`{"id":9007199254740993,"meta":{"b":1.50,"a":[{"y":null,"x":"é"},1]}}`,
		line + "\n" + line,
		"",
	} {
		if sum(line) == sum(other) {
			t.Errorf("%q counts as %s", other, line)
		}
	}
}
