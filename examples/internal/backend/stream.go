package backend

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Listen reads a channel's event stream as "EVENT DATA" lines, until the test
// ends or a minute is over: then it is closed.
func (b *Backend) Listen(t testing.TB, channel, token string) <-chan string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.URL+"/api/realtime/"+channel, http.NoBody)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	request.Header.Set("Accept", "text/event-stream")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	events := make(chan string, 64)
	done := make(chan struct{})
	t.Cleanup(func() { cancel(); _ = answer.Body.Close(); <-done })
	go func() {
		defer close(done)
		defer close(events)
		name := ""
		lines := bufio.NewScanner(answer.Body)
		for lines.Buffer(nil, 1<<20); lines.Scan(); {
			if value, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				name = value
			}
			if value, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				select {
				case events <- name + " " + value:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return events
}
