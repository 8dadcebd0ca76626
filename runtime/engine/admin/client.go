package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
)

var (
	// ErrNotRunning is returned when nothing listens on the socket.
	ErrNotRunning = errors.New("no edge-hive runs on this data folder")
	// ErrNoUser is returned when the users table has no such user.
	ErrNoUser = errors.New("no such user")
)

// maxAnswer bounds what a client reads of an answer that is not a stream.
const maxAnswer = 64 << 20

// Client calls the backend that serves a data folder. It may be used
// concurrently and holds nothing open between calls.
type Client struct {
	http http.Client
}

// NewClient calls the socket of a data folder.
func NewClient(dataDir string) *Client {
	path := SocketPath(dataDir)
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}
	return &Client{http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
}

// Reload makes the backend read its manifest again. A refused manifest is an
// answer with faults, not an error.
func (c *Client) Reload(ctx context.Context) (ReloadAnswer, error) {
	var answer ReloadAnswer
	return answer, c.call(ctx, http.MethodPost, PathReload, &answer)
}

// Apply is Reload for somebody, of the manifest with a hash and no other.
func (c *Client) Apply(ctx context.Context, who, hash string) (ReloadAnswer, error) {
	var answer ReloadAnswer
	query := url.Values{"who": {who}, "hash": {hash}}
	return answer, c.call(ctx, http.MethodPost, PathReload+"?"+query.Encode(), &answer)
}

// History asks for the database's migrations, as JSON.
func (c *Client) History(ctx context.Context) (json.RawMessage, error) {
	var history json.RawMessage
	return history, c.call(ctx, http.MethodGet, PathHistory, &history)
}

// Status asks how the backend is.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var status Status
	return status, c.call(ctx, http.MethodGet, PathStatus, &status)
}

// User finds a user by e-mail address, ErrNoUser when there is none.
func (c *Client) User(ctx context.Context, email string) (User, error) {
	var user User
	return user, c.call(ctx, http.MethodGet, PathUser+"?email="+url.QueryEscape(email), &user)
}

// Explain asks why a caller may do something: a question and an answer of the
// engine's, as JSON.
func (c *Client) Explain(ctx context.Context, question []byte) (json.RawMessage, error) {
	response, err := c.sendBody(ctx, http.MethodPost, PathExplain, bytes.NewReader(question))
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // it was read
	var answer json.RawMessage
	return answer, read(response, PathExplain, &answer)
}

// Running asks which manifest serves.
func (c *Client) Running(ctx context.Context) (Running, error) {
	var running Running
	return running, c.call(ctx, http.MethodGet, PathManifest, &running)
}

// Backup writes a backup of the running backend to w. An error may come after
// a part was written.
func (c *Client) Backup(ctx context.Context, w io.Writer) error {
	response, err := c.send(ctx, http.MethodGet, PathBackup)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }() // it was read
	if response.StatusCode != http.StatusOK {
		body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
		return errors.Join(fmt.Errorf("the running server answered %s: %s", response.Status, body), err)
	}
	if _, err := io.Copy(w, response.Body); err != nil {
		return fmt.Errorf("read the backup: %w", err)
	}
	return nil
}

// Export asks for tables, a part each; the body is to be closed.
func (c *Client) Export(ctx context.Context, ask url.Values) (*multipart.Reader, io.Closer, error) {
	response, err := c.send(ctx, http.MethodGet, PathExport+"?"+ask.Encode())
	if err != nil {
		return nil, nil, err
	}
	_, parameters, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if response.StatusCode != http.StatusOK || err != nil || parameters["boundary"] == "" {
		body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
		return nil, nil, errors.Join(fmt.Errorf("the running server answered %s: %s", response.Status, body), err, response.Body.Close())
	}
	return multipart.NewReader(response.Body, parameters["boundary"]), response.Body, nil
}

// Import sends rows, and gives what became of them, as JSON.
func (c *Client) Import(ctx context.Context, ask url.Values, rows io.Reader) (json.RawMessage, error) {
	response, err := c.sendBody(ctx, http.MethodPost, PathImport+"?"+ask.Encode(), io.NopCloser(rows))
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // it was read
	var answer json.RawMessage
	return answer, read(response, PathImport, &answer)
}

// send gives an answer whose body has to be closed.
func (c *Client) send(ctx context.Context, method, path string) (*http.Response, error) {
	return c.sendBody(ctx, method, path, http.NoBody)
}

func (c *Client) sendBody(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://edge-hive"+path, body)
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(request)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, ErrNotRunning
	case err != nil:
		return nil, fmt.Errorf("call the running server: %w", err)
	}
	return response, nil
}

func (c *Client) call(ctx context.Context, method, path string, into any) error {
	response, err := c.send(ctx, method, path)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }() // it was read
	return read(response, path, into)
}

// read reads an answer that is not a stream.
func read(response *http.Response, path string, into any) error {
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("call the running server: %w", err)
	}
	switch {
	case response.StatusCode == http.StatusNotFound && strings.HasPrefix(path, PathUser):
		return ErrNoUser
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("the running server answered %s: %s", response.Status, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("the running server's answer: %w", err)
	}
	return nil
}
