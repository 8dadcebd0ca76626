package engine_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

// The backend of TestServerErrors: a table whose rows come and go, and named
// queries that read and write it.
const erringTables = `manifest: 1
name: "erring"
rates: default: requests: 1000000
limits: statement: "1s"
tables: notes: {
	key: type: "int"
	columns: {
		text: {type: "text", required: true}
		code: type: "text"
	}
	indexes: byCode: {columns: ["code"], unique: true}
	access: {read: true, create: true, update: true, delete: true}
}
queries: counted: {
	as:      "service"
	reads:   ["notes"]
	returns: n: type: "int"
	surql:   "SELECT count() AS n FROM notes GROUP ALL"
	access: call: true
}
queries: renamed: {
	as:      "service"
	write:   true
	reads:   ["notes"]
	params:  text: {type: "text", required: true}
	returns: text: type: "text"
	surql:   "UPDATE notes SET text = $text RETURN text"
	access: call: true
}
`

// told is what no client may read of what a server says.
const told = "s3cret-of-the-server"

// statement is an answer in which one statement failed.
func statement(kind, message string) *interposed {
	return &interposed{results: []map[string]any{{"status": "ERR", "time": "1ms", "kind": kind, "result": message}}}
}

// refused is the refusal of a whole request.
func refused(kind, message string) *interposed {
	return &interposed{refusal: map[string]any{"code": -32000, "kind": kind, "message": message}}
}

// serverError is something that a server may say, and what clients hear of it.
type serverError struct {
	name string
	says *interposed
	// read, write and run are of rows and of named queries that write; where there
	// is none it is not asked.
	read, write, run heard
	// slow is asked once alone: it takes until a time is over.
	slow bool
}

type heard struct {
	status int
	code   string
}

var (
	hidden   = heard{500, "XX000"}
	away     = heard{503, "unavailable"}
	busy     = heard{503, "53000"}
	lost     = heard{503, "08007"}
	late     = heard{504, "57014"}
	full     = heard{507, "53100"}
	taken    = heard{409, "23505"}
	deep     = heard{400, "54001"}
	large    = heard{413, "54000"}
	expanded = heard{400, "2201B"}
)

const storage = "There was a problem with the key-value store: "

// What SurrealDB says when it does not do what it is asked for.
var serverErrors = []serverError{
	{name: "it stops", says: refused("Internal", "The server is gracefully shutting down"), read: away, write: away, run: away},
	{name: "it has too much to do", says: refused("Internal", "The server is unable to handle the request"), read: busy, write: busy, run: busy},
	{name: "the session has expired", says: refused("NotAllowed", "The session has expired"), read: away, write: away},
	{name: "it knows no such method", says: refused("NotFound", "Method not found: "+told), read: hidden, write: hidden, run: hidden},
	{name: "it cannot read the text", says: refused("Validation", "Parse error: "+told), read: hidden, write: hidden, run: hidden},
	{name: "the text is nested too deep", says: refused("Validation", "Parse error: Exceeded query recursion depth limit "+told), read: deep, write: deep, run: deep},
	{name: "it says what nobody knows", says: refused("Unheard", told), read: hidden, write: hidden, run: hidden},
	{name: "it names no kind", says: &interposed{refusal: map[string]any{"code": -32000, "message": told}}, read: hidden, write: hidden, run: hidden},
	{name: "the user may not", says: statement("NotAllowed", "IAM error: Not enough permissions to perform this action "+told), read: hidden, write: hidden, run: hidden},
	{name: "the user is nobody", says: refused("NotAllowed", "Anonymous access not allowed: "+told), read: hidden, write: hidden, run: hidden},
	{name: "no database is chosen", says: statement("Validation", "Specify a database to use"), read: hidden, write: hidden, run: hidden},
	{name: "the namespace is gone", says: statement("NotFound", "The namespace '"+told+"' does not exist"), read: hidden, write: hidden, run: hidden},
	{name: "the table is gone", says: statement("NotFound", "The table '"+told+"' does not exist"), read: hidden, write: hidden, run: hidden},
	{name: "a value has another type", says: statement("Validation", "Couldn't coerce value for field `text` of `notes:1`: Expected `string` but found `"+told+"`"), read: hidden, write: hidden, run: hidden},
	{name: "a field is refused", says: statement("Internal", "Found '"+told+"' for field `text`, with record `notes:1`, but field must conform to: string::len($value) > 3"), read: hidden, write: hidden, run: hidden},
	{name: "an expression is too large", says: statement("Validation", "Could not cast into `regex` using input '"+told+"'"), read: expanded, write: expanded, run: expanded},
	{name: "numbers overflow", says: statement("Validation", "Cannot perform addition with '9223372036854775807' and '"+told+"'"), read: hidden, write: hidden, run: hidden},
	{name: "an event throws", says: statement("Internal", "Error while processing event mine: An error occurred: "+told), read: hidden, write: hidden, run: hidden},
	{name: "a text throws", says: statement("Thrown", "An error occurred: "+told), read: hidden, write: hidden, run: hidden},
	{name: "a text throws what the storage says", says: statement("Thrown", "An error occurred: "+storage+"No space left on device"), read: hidden, write: hidden, run: hidden},
	{name: "it took too long", says: statement("Query", "The query was not executed because it exceeded the timeout: 1s"), read: late, write: late, run: late},
	{name: "the transaction took too long", says: statement("Query", "The transaction was not completed because it exceeded the timeout: 1s"), read: late, write: late, run: late},
	{name: "it was cancelled", says: statement("Query", "The query was not executed due to a cancelled transaction"), read: hidden, write: hidden, run: hidden},
	{name: "it cannot be said", says: statement("Serialization", told), read: hidden, write: hidden, run: hidden},
	{name: "a record is there", says: statement("AlreadyExists", "Database record `notes:1` already exists "+told), read: hidden, run: taken},
	{name: "a value is taken", says: statement("Internal", "Database index `byCode` already contains '"+told+"', with record `notes:1`"), read: hidden, write: taken, run: taken},
	{name: "a value is missing", says: statement("Internal", "Couldn't coerce value for field `text` of `notes:1`: Expected `string` but found `NONE`"), read: hidden, write: hidden, run: heard{400, "23502"}},
	{name: "the index is broken", says: statement("Internal", "The index has been found to be inconsistent: "+told), read: hidden, write: hidden, run: hidden},
	{name: "its disk is full", says: statement("Internal", storage+"There was a problem with a transaction: IO error: No space left on device: While appending to file: /var/lib/"+told), read: full, write: full, run: full},
	{name: "its disk is full for the feed", says: statement("Internal", "Error while processing event _feed: "+storage+"There was a problem with a transaction: IO error: No space left on device: "+told), write: full, run: full},
	{name: "its disk is nearly full", says: statement("Internal", storage+"The datastore is in read-and-deletion-only mode due to disk space limitations. Only read and delete operations are allowed."), read: full, write: full, run: full},
	{name: "its disk is broken", says: statement("Internal", storage+"There was a problem with a transaction: IO error: Input/output error: /var/lib/"+told), read: hidden, write: hidden, run: hidden},
	{name: "its storage is away", says: statement("Internal", storage+"Connection to storage backend failed: gRPC api error: "+told), read: away, write: lost, run: away, slow: true},
	{name: "the transaction is too large", says: statement("Internal", storage+"The transaction is too large"), write: large, run: large},
	{name: "a key is too large", says: statement("Internal", storage+"The key being inserted is too large"), write: large, run: large},
	{name: "there are no results", says: &interposed{results: []map[string]any{}}, read: hidden, write: hidden, run: hidden},
	{name: "the result is none that was asked for", says: &interposed{results: []map[string]any{{"status": "OK", "time": "1ms", "result": told}}}, read: hidden, run: hidden},
	{name: "it never answers", says: &interposed{silent: true}, read: late, write: lost, run: late, slow: true},
	{name: "it does it and never answers", says: &interposed{silent: true, pass: true}, write: heard{201, ""}, slow: true},
	{name: "the connection breaks", says: &interposed{cut: true}, read: away, write: lost, slow: true},
	{name: "it answers with garbage", says: &interposed{raw: []byte("\xff\x00" + told)}, read: away, write: lost, slow: true},
}

// TestServerErrors has a server say all that SurrealDB says when it does not do
// what it is asked for, or say nothing, or what is no answer. What clients read of
// it is a status and a code that they can act upon, Retry-After where they may try
// again, and nothing of what the server said.
func TestServerErrors(t *testing.T) {
	e := startErring(t, erringTables)
	for _, c := range serverErrors {
		t.Run(c.name, func(t *testing.T) {
			e := erring{backend: e.backend, T: t, says: e.says}
			e.hears(c)
			if c.says.pass {
				e.backend.want("DELETE", "/api/data/notes?text=eq.two&select=text", "", http.StatusNoContent, "")
			}
			e.unchanged()
		})
	}
}

// What others are in the way of is tried again for longer than a second.
func TestServerErrorsThatTakeTime(t *testing.T) {
	e := startErring(t, strings.Replace(erringTables, `statement: "1s"`, `statement: "20s"`, 1))
	for _, c := range []serverError{
		{name: "others are always in the way", says: statement("Internal", storage+"Transaction conflict: Resource busy: . This transaction can be retried"), write: heard{503, "40001"}, slow: true},
		{name: "the table is shut", says: statement("Internal", "Error while processing event _gate: An error occurred: _moving"), write: heard{503, "PGRST002"}, slow: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := erring{backend: e.backend, T: t, says: e.says}
			e.hears(c)
			e.unchanged()
		})
	}
}

// erring is a backend whose server says what it is told to.
type erring struct {
	*testing.T
	backend *backend
	says    *interposer
}

func startErring(t *testing.T, tables string) erring {
	t.Helper()
	p := interpose(t, surrealtest.Shared(t).URL)
	b := start(t, onSurreal(t, tables+anyPort, p.URL()))
	b.want("POST", "/api/data/notes", `{"text":"one","code":"a"}`, http.StatusCreated, "")
	return erring{T: t, backend: b, says: p}
}

// hears asks for rows and for what is written while the server says it.
func (e erring) hears(c serverError) {
	e.Helper()
	for _, ask := range []struct {
		want                     heard
		method, path, body, text string
		more                     bool // left out where it is slow
	}{
		{c.read, "GET", "/api/data/notes?select=text", "", "SELECT", false},
		{c.read, "GET", "/api/data/notes/1", "", "SELECT", true},
		{c.read, "POST", "/api/rpc/counted", "{}", "SELECT count() AS n", true},
		{c.write, "POST", "/api/data/notes", `{"text":"two"}`, "INSERT INTO `notes`", false},
		{c.write, "PATCH", "/api/data/notes?id=eq.1", `{"code":"b"}`, "UPDATE $p", true},
		{c.write, "DELETE", "/api/data/notes?id=eq.1", "", "DELETE $p", true},
		{c.run, "POST", "/api/rpc/renamed", `{"text":"three"}`, "UPDATE notes", false},
	} {
		if ask.want == (heard{}) || ask.more && c.slow {
			continue
		}
		e.says.says(func(method, text string) *interposed {
			if method == "query" && strings.HasPrefix(text, ask.text) {
				return c.says
			}
			return nil
		})
		got, body := e.asks(ask.method, ask.path, ask.body)
		if e.says.says(nil) == 0 {
			e.Errorf("%s %s: the server was not asked", ask.method, ask.path)
		}
		said := struct{ Code, Message string }{}
		if err := json.Unmarshal([]byte(body), &said); (err != nil || said.Message == "") && got.StatusCode >= 300 {
			e.Errorf("%s %s: %d %q", ask.method, ask.path, got.StatusCode, body)
		}
		if is := (heard{got.StatusCode, said.Code}); is != ask.want {
			e.Errorf("%s %s: %v, want %v; %s", ask.method, ask.path, is, ask.want, body)
		}
		if retry := got.Header.Get("Retry-After"); (retry != "") != (got.StatusCode == http.StatusServiceUnavailable) {
			e.Errorf("%s %s: %d with Retry-After %q", ask.method, ask.path, got.StatusCode, retry)
		}
		e.tellsNothing(body)
		eventually(e.T, "it works again", func() bool {
			got, _ := e.asks("GET", "/api/data/notes?select=text&id=eq.1", "")
			return got.StatusCode == http.StatusOK
		})
	}
}

// unchanged is what the rows must be after all that was refused.
func (e erring) unchanged() {
	e.Helper()
	if _, rows := e.asks("GET", "/api/data/notes?select=text,code", ""); rows != `[{"text":"one","code":"a"}]` {
		e.Errorf("the rows are %s", rows)
	}
}

// asks sends a request as the service role.
func (e erring) asks(method, path, body string) (*http.Response, string) {
	e.Helper()
	request, err := http.NewRequestWithContext(e.Context(), method, e.backend.URL()+path, strings.NewReader(body))
	if err != nil {
		e.Fatal(err)
	}
	request.Header.Set("apikey", e.backend.Keys().Secret)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	return e.backend.do(request)
}

// tellsNothing fails where an answer shows what is the server's: its words, its
// address, who we are there, or a statement.
func (e erring) tellsNothing(body string) {
	e.Helper()
	for _, text := range []string{
		told, "SELECT", "INSERT INTO", "UPDATE ", "DELETE ", "BEGIN", "RETURN", "$p", "_rev", "/var/lib", "root", "notes:", "SurrealDB at", "namespace",
		"ws://", strings.TrimPrefix(e.says.URL(), "ws://"), strings.TrimPrefix(e.says.target, "ws://"),
	} {
		if strings.Contains(body, text) {
			e.Errorf("the answer tells %q: %s", text, body)
		}
	}
}
