package leaktest

import (
	"testing"
	"time"
)

func TestFind(t *testing.T) {
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		<-stop
		close(ended)
	}()
	if find(0, nil) == nil {
		t.Error("one that runs was not found")
	}
	time.AfterFunc(600*time.Millisecond, func() { close(stop) }) // longer than one look takes
	None(t)
	<-ended
}
