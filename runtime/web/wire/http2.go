package wire

import (
	"net/http"
	"time"
)

// Of HTTP/2.
const (
	maxStreams     = 100
	http2Frame     = 16 << 10
	http2Received  = 1 << 20 // of all streams of a connection, before handlers have read it
	http2Uploading = 256 << 10
	pingAfter      = 60 * time.Second
	pingWithin     = 15 * time.Second
)

// SpeakHTTP2 makes a server speak HTTP/2 beside HTTP/1.1: over TLS, or where plain
// is set, without TLS to clients that begin with it.
func SpeakHTTP2(s *http.Server, plain bool) {
	s.Protocols = new(http.Protocols)
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetHTTP2(!plain)
	s.Protocols.SetUnencryptedHTTP2(plain)
	s.HTTP2 = &http.HTTP2Config{
		MaxConcurrentStreams: maxStreams, MaxReadFrameSize: http2Frame,
		MaxReceiveBufferPerConnection: http2Received, MaxReceiveBufferPerStream: http2Uploading,
		SendPingTimeout: pingAfter, PingTimeout: pingWithin, WriteByteTimeout: Progress,
	}
}
