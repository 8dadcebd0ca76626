package conformance

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
)

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

var placeholder = regexp.MustCompile(`\$\{([A-Za-z0-9.]+)\}`)

// put replaces each ${NAME} by its value; one that is not known stays, and is
// seen in what comes of it.
func (c *client) put(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(found string) string {
		if value, ok := c.values[found[2:len(found)-1]]; ok {
			return value
		}
		return found
	})
}

// ask sends a request as its caller: nobody sends nothing, anon the key, the
// service role the secret one, and people the key and their token.
func (c *client) ask(ctx context.Context, q request) (answer, error) {
	// In a URL blanks are escaped; all else goes out as it is written.
	target := strings.ReplaceAll(q.target, " ", "%20")
	r, err := http.NewRequestWithContext(ctx, q.method, c.URL+target, strings.NewReader(q.body))
	if err != nil {
		return answer{}, err
	}
	switch q.as {
	case "nobody":
	case "anon":
		r.Header.Set("Apikey", c.Publishable)
	case "service":
		r.Header.Set("Apikey", c.Secret)
	default:
		token, known := c.values[q.as+".token"]
		if !known {
			return answer{}, fmt.Errorf("nobody is called %s", q.as)
		}
		r.Header.Set("Apikey", c.Publishable)
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if q.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	set := map[string]bool{}
	for _, h := range q.sends { // the first of a name takes the place of ours
		if name := http.CanonicalHeaderKey(h.name); !set[name] {
			r.Header.Del(name)
			set[name] = true
		}
		if value := c.put(h.value); value != "" {
			r.Header.Add(h.name, value)
		}
	}
	response, err := c.http.Do(r)
	if err != nil {
		return answer{}, err
	}
	body, err := io.ReadAll(response.Body)
	if closing := response.Body.Close(); err == nil {
		err = closing
	}
	return answer{response.StatusCode, response.Header, string(body)}, err
}
