package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/engine/admin"
)

// healthTime bounds what health asks, all together.
const healthTime = 5 * time.Second

type healthCommand struct {
	manifestArgs
	Data string `placeholder:"DIR" help:"The data folder of a running server: then no manifest is read."`
	Live bool   `help:"Ask whether it answers at all (/health), not whether it is ready (/ready)."`
}

// Run asks the running server, over the address that its clients come to, whether
// it is ready. Exit code 1: it is not, 2: none runs. Containers ask so.
func (c *healthCommand) Run(call *call) error {
	client, err := c.socket(call, c.Data)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(call.ctx, healthTime)
	defer cancel()
	status, err := client.Status(ctx)
	if err != nil {
		return notRunning(err)
	}
	path := "/ready"
	if c.Live {
		path = "/health"
	}
	said, err := askOver(ctx, status, path)
	if err != nil {
		call.tell("edge-hive: %v\n", err)
		return errFaults
	}
	if !c.Live && !status.Ready {
		call.tell("edge-hive: not ready: %s\n", status.Why)
		return errFaults
	}
	call.say("%s\n", said)
	return nil
}

// askOver asks over the listener of plain HTTP. With TLS that one only shows the way
// to HTTPS, to names that are declared: whatever it answers, it is up, and the
// status says whether it is ready.
func askOver(ctx context.Context, status admin.Status, path string) (string, error) {
	address, secure := "", false
	for _, l := range status.Listeners {
		switch l.Name {
		case "http":
			address = localAddress(l.Address)
		case "https":
			secure = true
		}
	}
	if address == "" {
		return "", errors.New("it listens nowhere")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, http.NoBody)
	if err != nil {
		return "", err
	}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: new(net.Dialer).DialContext} // no proxy of the environment
	asker := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := asker.Do(request)
	if err != nil {
		return "", fmt.Errorf("%s does not answer: %w", address, err)
	}
	defer func() { _ = response.Body.Close() }() // it was read
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	switch {
	case err != nil:
		return "", fmt.Errorf("%s does not answer: %w", address, err)
	case secure && response.StatusCode < http.StatusInternalServerError:
		return "ok", nil
	case response.StatusCode != http.StatusOK:
		return "", fmt.Errorf("%s answers %s", path, response.Status)
	}
	return strings.TrimSpace(string(body)), nil
}
