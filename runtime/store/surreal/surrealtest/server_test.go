package surrealtest_test

import (
	"bytes"
	"context"
	"net/http"
	"os/exec"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// TestServerOutlivesOddInput is about the server around the npm package; a real
// one may do with such input what it likes.
func TestServerOutlivesOddInput(t *testing.T) {
	s := surrealtest.Shared(t)
	for _, message := range [][]byte{
		{},
		{0xa1},
		{0x9f},
		{0xbf, 0x61},
		[]byte("{}"),
		{0xf6},
		bytes.Repeat([]byte{0x81}, 5000),
		{0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		wire.AppendString(nil, "no request"), wire.AppendMap(nil, 0),
		wire.AppendInt(wire.AppendString(wire.AppendMap(nil, 1), "method"), 5),
		wire.AppendString(wire.AppendString(wire.AppendMap(nil, 1), "method"), "no such method"),
	} {
		for _, kind := range []int{websocket.BinaryMessage, websocket.TextMessage} {
			dialer := websocket.Dialer{Subprotocols: []string{"cbor"}}
			socket, response, err := dialer.DialContext(t.Context(), "ws://"+s.Address()+"/rpc", nil)
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != http.StatusSwitchingProtocols {
				t.Fatal(response.Status)
			}
			if err := socket.WriteMessage(kind, message); err != nil {
				t.Fatal(err)
			}
			_ = socket.SetReadDeadline(time.Now().Add(time.Minute))
			_, _, _ = socket.ReadMessage() // an error, or the end
			_ = socket.Close()
		}
	}
	c, err := rpc.Dial(t.Context(), rpc.Options{URL: s.URL, Namespace: "odd", Database: "main", User: "root", Password: "root"})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestNoServer(t *testing.T) {
	if _, err := exec.LookPath("surreal"); err == nil {
		t.Skip("a surreal binary says for itself what is wrong")
	}
	if s, err := surrealtest.Start(t.Context(), "memory", surrealtest.Shared(t).Address()); err == nil {
		s.Kill()
		t.Error("it serves where it may not")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s, err := surrealtest.Start(ctx, "memory", "127.0.0.1:0"); err == nil {
		s.Kill()
		t.Error("it started after the end of its context")
	}
}
