package openapi

// errorSchema is the component that every refusal has.
const errorSchema = "api.error"

// statuses are the answers that refuse, by status, with the codes that a client
// may meet there.
var statuses = []struct{ status, description string }{
	{"400", "The request is wrong. PGRST100: the query does not parse. PGRST102, PGRST204: the body is no JSON, or names an unknown column. " +
		"42703: an unknown column. 22P02, 22003, 22007: a value is not of its type, or out of range. 23502: null where none may be. " +
		"23514: a bound, pattern, enum or check does not hold. 428C9: the column is not the caller's to write. 21000: no filter. PGRST124: more rows than max-affected."},
	{"401", "Nobody is signed in and a rule asks for it (42501), or the credentials do not hold (PGRST301, PGRST303; without a code: the apikey)."},
	{"403", "A rule says no: 42501."},
	{"404", "There is no such row for this caller (PGRST116), or no such table (PGRST205)."},
	{"406", "Not exactly one row (PGRST116), or a media type that is not there (PGRST107)."},
	{"409", "The row is there already (23505); what it refers to is not, or it is still referred to (23503)."},
	{"413", "The body is too large."},
	{"415", "The body's type is not application/json."},
	{"416", "The offset is beyond the last row: PGRST103."},
	{"426", "Neither a WebSocket nor Accept: text/event-stream."},
	{"429", "Too many requests."},
	{"default", "Any other refusal: 503 53000 or unavailable (try again), 504 57014 (it took too long), 507 53100 (the disk is full)."},
}

func sharedResponses() object {
	var out object
	for _, s := range statuses {
		o := object{{"description", s.description}}
		if s.status == "429" {
			o = o.with("headers", headerRefs("Retry-After"))
		}
		out = out.with("api."+s.status, o.with("content", object{{"application/json", object{{"schema", ref("schemas", errorSchema)}}}}))
	}
	return out
}

// refusals refers to the answers that refuse; default is always among them.
func refusals(which ...string) object {
	var out object
	for _, s := range which {
		out = out.with(s, ref("responses", "api."+s))
	}
	return out.with("default", ref("responses", "api.default"))
}

func sharedSchemas() object {
	optional := object{{"type", []string{"string", "null"}}}
	return object{{errorSchema, object{
		{"type", "object"},
		{"description", "What went wrong. Switch on code."},
		{"properties", object{
			{"code", object{{"type", "string"}, {"description", "Stable: PostgREST's, PostgreSQL's, or a word."}}},
			{"message", object{{"type", "string"}}},
			{"details", optional},
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
		{"ETag", header("string", "The answer's tag, for If-None-Match.")},
		{"Location", header("string", "Where the one new row is, with Prefer: return=headers-only.")},
		{"Preference-Applied", header("string", "The preferences that had an effect.")},
		{"Retry-After", header("integer", "Seconds until it is worth trying again.")},
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

func unchanged() object { return object{{"description", "Still what the ETag stands for."}} }
