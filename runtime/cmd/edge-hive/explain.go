package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/engine"
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

type explainCommand struct {
	Table string `arg:"" help:"The table."`
	manifestArgs
	As     string  `xor:"who" placeholder:"EMAIL" help:"As this user."`
	Role   string  `xor:"who" placeholder:"ROLE" help:"As anon (the default), authenticated or service_role."`
	Token  string  `xor:"who" placeholder:"TOKEN" help:"As the bearer of a token or a key."`
	Claims string  `placeholder:"JSON" help:"With these claims (app_metadata) instead of the caller's own."`
	Op     string  `enum:",read,create,update,delete" default:"" placeholder:"OP" help:"read, create, update or delete. Left out: read; with --set create, or with --row too update."`
	Row    *string `placeholder:"KEY" help:"The row that it is about."`
	Data   string  `name:"set" placeholder:"JSON|@FILE" help:"What a create or update sends."`
	Query  *string `placeholder:"QUERY" help:"Explain as well how a read is run: 'select=id&title=eq.Emma'."`
	JSON   bool    `name:"json" help:"As JSON."`
}

// Run says which conditions let a caller do something, and which refuse, by the
// rows of the running server, or of the database if none runs.
func (c *explainCommand) Run(call *call) error {
	m, err := c.load(call)
	if err != nil {
		return err
	}
	ask, err := c.ask(call, m)
	if err != nil {
		return err
	}
	explanation, err := engine.Explain(call.ctx, m, ask)
	var faults fault.List
	switch {
	case errors.As(err, &faults):
		return call.explain(err)
	case err != nil:
		return call.publicError(err)
	case c.JSON:
		return call.sayJSON(explanation)
	}
	return sayExplanation(call, m, &ask, explanation)
}

func (c *explainCommand) ask(call *call, m *manifest.Manifest) (engine.ExplainAsk, error) {
	var ask engine.ExplainAsk
	caller, err := c.caller(call, m)
	if err != nil {
		return ask, err
	}
	if c.Claims != "" {
		if !json.Valid([]byte(c.Claims)) || !strings.HasPrefix(strings.TrimSpace(c.Claims), "{") {
			return ask, hinted(errors.New("--claims is no JSON object"), `write --claims '{"role":"staff"}'`)
		}
		caller.Claims = c.Claims
	}
	ask = engine.ExplainAsk{Caller: caller, Question: data.Question{Table: c.Table, Op: c.Op}}
	q := &ask.Question
	if c.Row != nil {
		q.Key, q.HasKey = *c.Row, true
	}
	if c.Query != nil {
		q.Query, q.HasQuery = strings.TrimPrefix(*c.Query, "?"), true
	}
	if q.Data, err = c.data(); err != nil {
		return ask, err
	}
	if q.Op == "" {
		q.Op = "read"
		if q.Data != nil {
			q.Op = "create"
			if q.HasKey {
				q.Op = "update"
			}
		}
	}
	switch {
	case q.Data != nil && (q.Op == "read" || q.Op == "delete"):
		return ask, fmt.Errorf("a %s sends no --set", q.Op)
	case q.HasKey && q.Op == "create":
		return ask, errors.New("a create is about no --row: put the key into --set")
	}
	return ask, nil
}

// data is what a write sends, nil for nothing.
func (c *explainCommand) data() ([]byte, error) {
	file, isFile := strings.CutPrefix(c.Data, "@")
	switch {
	case c.Data == "":
		return nil, nil
	case !isFile:
		return []byte(c.Data), nil
	}
	return os.ReadFile(file)
}

// caller is who is asked about.
func (c *explainCommand) caller(call *call, m *manifest.Manifest) (auth.Caller, error) {
	switch {
	case c.As != "":
		finder := tokenCommand{manifestArgs: c.manifestArgs, User: c.As}
		user, err := finder.find(call, m)
		if errors.Is(err, admin.ErrNoUser) {
			return auth.Caller{}, fmt.Errorf("there is no user %s", c.As)
		}
		if err != nil {
			return auth.Caller{}, call.explain(err)
		}
		return engine.CallerOf(user), nil
	case c.Token != "":
		keys, err := engine.Keys(m)
		if err != nil {
			return auth.Caller{}, call.explain(err)
		}
		resolved, err := keys.Resolve("Bearer "+c.Token, "")
		if err != nil {
			return auth.Caller{}, call.publicError(err)
		}
		return *resolved.Caller, nil
	}
	role := auth.Role(cmp.Or(c.Role, string(auth.Anon)))
	switch role {
	case auth.Anon, auth.Authenticated, auth.Service:
		return auth.Caller{Role: role, Claims: "{}"}, nil
	}
	return auth.Caller{}, hinted(fmt.Errorf("there is no role %q", c.Role), "it is anon, authenticated or service_role")
}

func sayExplanation(call *call, m *manifest.Manifest, ask *engine.ExplainAsk, e *data.Explanation) error {
	var b strings.Builder
	what := e.Op + " " + e.Table
	if ask.Question.HasKey {
		what += "/" + ask.Question.Key
	}
	fmt.Fprintf(&b, "%s as %s: %s\n", what, named(&ask.Caller), e.Outcome)
	if e.Reason != "" {
		fmt.Fprintf(&b, "  %s\n", e.Reason)
	}
	if ask.Caller.IsService() {
		b.WriteString("  the service role passes every access rule\n")
	}
	for i := range e.Clauses {
		clause := &e.Clauses[i]
		fmt.Fprintf(&b, "\n%s, on %s: %s\n", clause.Name, clause.On, clause.Outcome)
		if at := m.Positions.At(clause.Path); at.Known() {
			fmt.Fprintf(&b, "  %s\n", at.Relative(workingDir()))
		}
		writePart(&b, &clause.Part, "  ")
	}
	if q := e.Query; q != nil {
		fmt.Fprintf(&b, "\nselect  %s\nsql     %s\n", q.Select, q.SQL)
		for _, step := range q.Steps {
			fmt.Fprintf(&b, "        %s\n", step)
		}
	}
	_, err := io.WriteString(call.paint(call.out), b.String())
	return err
}

// writePart writes a condition: its outcome, its text, and what its names
// stood for.
func writePart(b *strings.Builder, p *data.Part, indent string) {
	truth := cmp.Or(p.Truth, "?")
	if p.Join != "" {
		fmt.Fprintf(b, "%s%-8s%s of\n", indent, truth, p.Join)
		for i := range p.Parts {
			writePart(b, &p.Parts[i], indent+"  ")
		}
		return
	}
	fmt.Fprintf(b, "%s%-8s%s\n", indent, truth, p.Text)
	for _, v := range p.Values {
		fmt.Fprintf(b, "%s        %s is %s\n", indent, v.Name, v.Value)
	}
}

// named is a caller for a person.
func named(c *auth.Caller) string {
	switch {
	case c.Email != "":
		return c.Email
	case c.UID != "":
		return c.UID
	}
	return string(c.Role)
}
