package openapi

import (
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// The components of all documents: errorSchema is what every refusal has,
// languageSchema what words may be in.
const (
	errorSchema    = "api.error"
	languageSchema = "api.language"
)

// refusal is an answer that refuses, with the codes that a client may meet
// there.
type refusal struct {
	status, said string
	causes       []cause
	headers      []string
}

type cause struct {
	said  string
	codes []string
}

// refused are the answers that refuse, by status.
var refused = []refusal{
	{status: "300", said: "There are several ways to what select embeds: details lists them.", causes: []cause{
		{"say which, with !", []string{query.CodeManyRelations}},
	}},
	{status: "400", said: "The request is wrong.", causes: []cause{
		{"the query does not parse, or is beyond a bound", []string{query.CodeParse}},
		{"a part of the dialect that is not there", []string{query.CodeNotImplemented}},
		{"what is embedded, filtered or ordered by is no relation, or not one for that", []string{
			query.CodeNoRelation, query.CodeNotEmbedded, query.CodeRelatedOrder, query.CodeSpread, query.CodeRelatedFilter,
		}},
		{"the body is no JSON, or names an unknown column", []string{"PGRST102", query.CodeUnknownField}},
		{"an unknown column", []string{query.CodeUndefinedColumn}},
		{"a value is not of its type, or out of range", []string{
			query.CodeSyntax, query.CodeRange, query.CodeTimeSyntax, query.CodeTimeRange, query.CodeDimensions, query.CodeJSONCast, query.CodeNUL, query.CodeEncoding,
		}},
		{"words, a pattern or a regular expression do not parse", []string{query.CodeTextQuery, query.CodePattern, query.CodeEscape}},
		{"a cast, or a language, that there is not", []string{query.CodeUnknownType, query.CodeNoCast}},
		{"an order by what groups do not share", []string{query.CodeGrouping}},
		{"null where none may be", []string{"23502", "22004"}},
		{"a bound, pattern, enum or check does not hold", []string{"23514"}},
		{"the column is not the caller's to write", []string{"428C9"}},
		{"no filter, or one row twice", []string{"21000"}},
		{"on_conflict names no unique index", []string{"42P10"}},
		{"more rows than max-affected", []string{"PGRST124"}},
		{"an unknown preference, with handling=strict", []string{"PGRST122"}},
		{"a precondition that is not for this", []string{"preference-not-supported"}},
		{"the related rows take too much room, or a walk comes to too many", []string{"embed-too-large", query.CodeWalk}},
		{"a cursor of another request; a batch, or an Idempotency-Key, that is none", []string{"bad-cursor", "bad-batch", "bad-idempotency-key"}},
		{"a query of the URL where none may be, or a body that was cut", []string{"bad-request"}},
	}},
	{status: "401", said: "Nobody is signed in and a rule asks for it, or the credentials do not hold (without a code: the apikey).", causes: []cause{
		{"a rule", []string{"42501"}},
		{"the token", []string{"PGRST301", "PGRST302", "PGRST303"}},
		{"the service role's key, in a browser", []string{"service-key-in-browser"}},
	}, headers: []string{"WWW-Authenticate"}},
	{status: "403", said: "A rule says no.", causes: []cause{
		{"a rule", []string{"42501"}},
		{"the address, or the certificate, where server.use looks at them", []string{"address-not-allowed", "certificate-needed"}},
	}},
	{status: "404", said: "It is not there, for this caller.", causes: []cause{
		{"no such row", []string{"PGRST116"}},
		{"no such table", []string{"PGRST205", "42P01"}},
		{"no such query, or not with these arguments", []string{"PGRST202"}},
		{"the operator or aggregate is not for this type", []string{query.CodeNoOperator}},
		{"no such function", []string{"function-unknown"}},
		{"no such path", []string{"PGRST125"}},
	}},
	{status: "406", said: "There is no answer of that form.", causes: []cause{
		{"not exactly one row", []string{"PGRST116"}},
		{"a media type that is not there", []string{"PGRST107"}},
		{"a schema that is not there", []string{"PGRST106"}},
	}},
	{status: "409", said: "The rows that are there do not allow it.", causes: []cause{
		{"the row is there already", []string{"23505"}},
		{"what it refers to is not, or it is still referred to", []string{"23503"}},
		{"done before, and the tables have changed since", []string{"55000"}},
	}},
	{status: "412", said: "A row is not as If-Match says.", causes: []cause{{"read it again", []string{"precondition-failed"}}}},
	{status: "413", said: "It is too large.", causes: []cause{{"the body", []string{"too-large"}}, {"a row, or what is written", []string{"54000"}}}},
	{status: "415", said: "The body's type is not one that this takes.", causes: []cause{{"the type, or an encoding", []string{"unsupported-media-type"}}}},
	{status: "416", said: "The offset is beyond the last row.", causes: []cause{{"the offset, or the range", []string{"PGRST103"}}}},
	{status: "422", said: "The Idempotency-Key was another request's.", causes: []cause{{"take another key", []string{"idempotency-key-reused"}}}},
	{status: "426", said: "Neither a WebSocket nor Accept: text/event-stream."},
	{status: "429", said: "Too many requests.", causes: []cause{{"wait as long as Retry-After says", []string{"rate-limited"}}}, headers: []string{
		"Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset",
	}},
	{status: "503", said: "Not just now: try again.", causes: []cause{
		{"too many writes wait, or too many exports run", []string{"53000"}},
		{"the tables are being changed", []string{"PGRST002"}},
		{"the database cannot be reached", []string{"unavailable", "PGRST000", "PGRST001"}},
		{"the database was lost before it answered: the write may be done", []string{"08007"}},
		{"many write the same rows", []string{"40001"}},
		{"the function is at work, or cannot be loaded", []string{"function-busy", "function-module"}},
	}, headers: []string{"Retry-After"}},
	{status: "504", said: "It took too long.", causes: []cause{
		{"the statement was stopped", []string{"57014"}}, {"the function did not end in time", []string{"function-timeout"}},
	}},
	{status: "default", said: "Any other refusal.", causes: []cause{
		{"507, the disk is full and reading goes on", []string{"53100"}},
		{"408, the body did not come in time", []string{"body-timeout"}},
		{"414, the URL is too long", []string{"url-too-long"}},
		{"431, too many headers", []string{"headers-too-large"}},
		{"421, the connection was made for another host", []string{"misdirected"}},
		{"403, the origin may not", []string{"origin-not-allowed"}},
		{"405, the method is not for this", []string{"method-not-allowed", "PGRST101", "PGRST117", "25006"}},
		{"500, the function failed; the log says why", []string{"function-failed", "function-memory", "function-answer-too-large"}},
		{"508, too many functions follow from one another", []string{"function-depth"}},
		{"500, the server's own fault", []string{fault.CodeInternal}},
	}},
}

// response is the component of a refusal. x-codes lists what a program may
// switch on.
func (r *refusal) response() object {
	said, codes := []string{r.said}, []string{}
	for _, c := range r.causes {
		said = append(said, strings.Join(c.codes, ", ")+": "+c.said+".")
		codes = append(codes, c.codes...)
	}
	o := object{{"description", strings.Join(said, " ")}}
	if len(codes) > 0 {
		o = o.with("x-codes", codes)
	}
	if len(r.headers) > 0 {
		o = o.with("headers", headerRefs(r.headers...))
	}
	return o.with("content", object{{"application/json", object{{"schema", ref("schemas", errorSchema)}}}})
}

func sharedResponses() object {
	var out object
	for i := range refused {
		out = out.with("api."+refused[i].status, refused[i].response())
	}
	return out
}

// refusals refers to the answers that refuse; those of a server that cannot
// just now, and default, are always among them.
func refusals(which ...string) object {
	var out object
	for _, s := range which {
		out = out.with(s, ref("responses", "api."+s))
	}
	for _, s := range []string{"503", "504", "default"} {
		out = out.with(s, ref("responses", "api."+s))
	}
	return out
}

func sharedSchemas() object {
	optional := object{{"type", []string{"string", "null"}}}
	details := object{{"type", []string{"string", "null", "array"}}, {"items", object{{"type", "object"}}}, {"description", "A list in an answer of 300 alone."}}
	language := object{{"type", "string"}, {"enum", query.Languages()}, {"description", "What words are in: fts(LANGUAGE), and so with plfts, phfts and wfts."}}
	return object{{languageSchema, language}, {errorSchema, object{
		{"type", "object"},
		{"description", "What went wrong. Switch on code."},
		{"properties", object{
			{"code", object{{"type", "string"}, {"description", "Stable: PostgREST's, PostgreSQL's, or a word."}}},
			{"message", object{{"type", "string"}}},
			{"details", details},
			{"hint", optional},
		}},
		{"required", []string{"message", "hint"}},
	}}}
}

func sharedHeaders() object {
	header := func(kind, description string) object {
		return object{{"description", description}, {"schema", object{{"type", kind}}}}
	}
	return object{
		{"Content-Range", header("string", "FROM-TO/TOTAL, with * for what is not there.")},
		{"ETag", header("string", "The answer's tag, for If-None-Match; that of one row is for If-Match too.")},
		{"Idempotent-Replayed", header("boolean", "True where the Idempotency-Key was met before: this is the first one's answer.")},
		{"Link", header("string", "The address of the next page, with rel=\"next\".")},
		{"Location", header("string", "Where the one new row is, with Prefer: return=headers-only.")},
		{"Next-Page", header("string", "The cursor of the next page, for _page; not there on the last.")},
		{"Preference-Applied", header("string", "The preferences that had an effect.")},
		{"RateLimit-Limit", header("integer", "Requests in the window.")},
		{"RateLimit-Remaining", header("integer", "Requests that are left in it.")},
		{"RateLimit-Reset", header("integer", "Seconds until all are there again.")},
		{"Retry-After", header("integer", "Seconds until it is worth trying again.")},
		{"WWW-Authenticate", header("string", "Bearer, and what is wrong with the token.")},
		{"X-Cache", header("string", "hit, miss or bypass.")},
	}
}

func headerRefs(names ...string) object {
	var out object
	for _, name := range names {
		out = out.with(name, ref("headers", name))
	}
	return out
}

// answer is one answer; content nil is none.
func answer(description string, headers, content object) object {
	o := object{{"description", description}, {"headers", headers}}
	if content == nil {
		return o
	}
	return o.with("content", content)
}

// rowsOf are rows in the forms that Accept may ask for.
func rowsOf(row object) object {
	list := object{{"schema", object{{"type", "array"}, {"items", row}}}}
	one := object{{"schema", row}}
	return object{
		{"application/json", list},
		{"application/vnd.pgrst.object+json", one},
		{"application/vnd.pgrst.array+json;nulls=stripped", list},
		{"application/vnd.pgrst.object+json;nulls=stripped", one},
		{"text/csv", object{{"schema", object{{"type", "string"}}}}},
	}
}

// oneOf is one row in the forms that Accept may ask for.
func oneOf(row object) object {
	one := object{{"schema", row}}
	return object{
		{"application/json", one},
		{"application/vnd.pgrst.object+json;nulls=stripped", one},
		{"text/csv", object{{"schema", object{{"type", "string"}}}}},
	}
}

func unchanged() object { return object{{"description", "Still what the ETag stands for."}} }
