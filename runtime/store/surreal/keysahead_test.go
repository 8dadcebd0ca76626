package surreal

import "testing"

// TestKeysAheadAreNoGap takes a block ahead and gives keys by itself, in the
// block, in the one ahead and behind both: what is made next follows them.
func TestKeysAheadAreNoGap(t *testing.T) {
	for _, test := range []struct {
		given int64
		want  keyRange
		ahead keyRange
	}{
		{given: 40, want: keyRange{41, 64}, ahead: keyRange{64, 128}},
		{given: 63, want: keyRange{64, 64}, ahead: keyRange{64, 128}},
		{given: 64, want: keyRange{65, 128}},
		{given: 100, want: keyRange{101, 128}},
		{given: 127, want: keyRange{128, 128}},
		{given: 500},
	} {
		block := &keyBlock{keyRange: keyRange{10, 64}, ahead: keyRange{64, 128}, size: 64}
		k := &takings{block: block}
		k.note(test.given)
		tx := &transaction{keys: map[string]*takings{"notes": k}}
		tx.settleKeys(true)
		if block.keyRange != test.want || block.ahead != test.ahead {
			t.Errorf("after key %d there are %v and %v, want %v and %v", test.given, block.keyRange, block.ahead, test.want, test.ahead)
		}
	}
}
