package engine_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/gorilla/websocket"
)

// interposer stands between a backend and its SurrealDB, and answers requests in
// the server's place where it is told to.
type interposer struct {
	server *httptest.Server
	target string

	mu     sync.Mutex
	answer func(method, text string) *interposed
	asked  int // requests that it answered itself
	conns  map[*websocket.Conn]struct{}
	all    sync.WaitGroup
}

// interposed is what becomes of a request.
type interposed struct {
	// refusal is the error of the whole request, results what its statements gave.
	refusal map[string]any
	results []map[string]any
	// raw is sent as it is, instead of any answer.
	raw []byte
	// pass has the server do it all the same; its answer is held back.
	pass bool
	// cut breaks the connection, silent never answers.
	cut, silent bool
}

func interpose(t *testing.T, target string) *interposer {
	t.Helper()
	p := &interposer{target: target + "/rpc", conns: map[*websocket.Conn]struct{}{}}
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		upgrader := websocket.Upgrader{Subprotocols: []string{"cbor"}}
		client, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		p.serve(client)
	}))
	t.Cleanup(func() {
		p.cut()
		p.server.Close()
		p.all.Wait()
	})
	return p
}

// URL is where a backend finds it.
func (p *interposer) URL() string { return "ws" + strings.TrimPrefix(p.server.URL, "http") }

// says has requests answered by answer, nil is by the server; it gives how many
// were answered here before.
func (p *interposer) says(answer func(method, text string) *interposed) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := p.asked
	p.answer, p.asked = answer, 0
	return asked
}

// cut breaks all connections.
func (p *interposer) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.NetConn().Close()
	}
}

func (p *interposer) keep(c *websocket.Conn) func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = struct{}{}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, c)
		_ = c.Close()
	}
}

func (p *interposer) serve(client *websocket.Conn) {
	defer p.keep(client)()
	dialer := websocket.Dialer{Subprotocols: []string{"cbor"}}
	server, response, err := dialer.Dial(p.target, nil)
	if err != nil {
		return
	}
	_ = response.Body.Close()
	defer p.keep(server)()
	var writing sync.Mutex
	toClient := func(kind int, message []byte) error {
		writing.Lock()
		defer writing.Unlock()
		return client.WriteMessage(kind, message)
	}
	var held sync.Map // the ids of requests whose answers are
	p.all.Go(func() {
		defer client.Close()
		for {
			kind, message, err := server.ReadMessage()
			if err != nil {
				return
			}
			var answer struct {
				ID uint64 `cbor:"id"`
			}
			if cbor.Unmarshal(message, &answer) == nil {
				if _, hold := held.Load(answer.ID); hold {
					continue
				}
			}
			if toClient(kind, message) != nil {
				return
			}
		}
	})
	for {
		kind, message, err := client.ReadMessage()
		if err != nil {
			return
		}
		said, id := p.said(message)
		if said == nil || said.pass {
			if said != nil {
				held.Store(id, true)
			}
			if server.WriteMessage(kind, message) != nil {
				return
			}
		}
		switch {
		case said == nil, said.silent:
		case said.cut:
			return
		case said.raw != nil:
			err = toClient(kind, said.raw)
		default:
			err = toClient(kind, said.encode(id))
		}
		if err != nil {
			return
		}
	}
}

// said is what is said to a request, nil where the server is to say it.
func (p *interposer) said(message []byte) (*interposed, uint64) {
	var request struct {
		ID     uint64            `cbor:"id"`
		Method string            `cbor:"method"`
		Params []cbor.RawMessage `cbor:"params"`
	}
	if cbor.Unmarshal(message, &request) != nil {
		return nil, 0
	}
	text := ""
	if len(request.Params) > 0 {
		_ = cbor.Unmarshal(request.Params[0], &text) // else it is no text
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.answer == nil {
		return nil, 0
	}
	said := p.answer(request.Method, text)
	if said != nil {
		p.asked++
	}
	return said, request.ID
}

func (i *interposed) encode(id uint64) []byte {
	answer := map[string]any{"id": id}
	if i.refusal != nil {
		answer["error"] = i.refusal
	} else {
		answer["result"] = i.results
	}
	encoded, err := cbor.Marshal(answer)
	if err != nil {
		panic(err) // of texts and maps
	}
	return encoded
}
