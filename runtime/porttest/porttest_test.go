package porttest_test

import (
	"net"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/porttest"
)

func TestPortsAreHeld(t *testing.T) {
	had := map[int]bool{}
	for range 100 {
		p := porttest.Free(t)
		if had[p.Number] {
			t.Fatalf("%d was given twice", p.Number)
		}
		had[p.Number] = true
		l, err := net.Listen("tcp", p.Address())
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}
