package data

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/cache"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// Call asks for a named query.
type Call struct {
	Query string
	// Body is a JSON object of arguments; empty has none.
	Body []byte
	// RawQuery is that of the URL: what the rows of the answer are shaped by,
	// and with InURL the arguments.
	RawQuery string
	InURL    bool
	// Arguments are those that a route gives.
	Arguments []Argument
	Form      Form
	// Single demands exactly one row and answers an object: PGRST116 otherwise.
	Single bool
	// Count asks for the number of rows before limit and offset.
	Count bool
	// Narrow changes the window of rows that the URL asks for; nil leaves it.
	Narrow func(*query.Request) *query.Request

	// These are of a query that writes; see Write.
	AtMost   *int
	Rollback bool
	Once     *Once
	Depth    int
}

// Argument is one argument of a route's call.
type Argument struct {
	Name string
	// JSON is a literal of the manifest; nil where Text has it as a URL does.
	JSON []byte
	Text string
}

// Called is what a call gives. Its Entry may be shared with other requests and
// must not be written to.
type Called struct {
	*cache.Entry // Body is what is sent: an array, an object or a bare value
	Status       cache.Status
	Offset       int
	// Value says that the answer is one bare value, not rows. Nothing says that
	// there is none.
	Value, Nothing bool
	// Replayed says that the call was made before, under the same Once.
	Replayed bool
}

// named is one named query with everything that was decided about it at build.
type named struct {
	*query.Named
	rules   *access.QueryRules
	policy  cache.Policy
	outputs []query.Output // of every column
	denied  *fault.Fault
}

func newNamed(n *query.Named, rules *access.QueryRules, policy cache.Policy) *named {
	q := &named{Named: n, rules: rules, policy: policy, denied: denied("function", n.Name)}
	for _, c := range n.Result.Columns {
		q.outputs = append(q.outputs, query.Output{Name: c.Name, Expr: n.Result.Ref(c)})
	}
	return q
}

// Call runs a named query. It sees all rows; who may call it is what its own
// access says, judged on the caller and the arguments. Faults: PGRST202 for a
// name or a set of arguments that is none, 42501, those of values, those of
// Select for what shapes the rows, 25006 for a query that writes where the
// arguments are in the URL, and else those of writes for it.
func (g *Gate) Call(ctx context.Context, caller *auth.Caller, c Call) (Called, error) {
	if err := g.permitsQuery(c.Query); err != nil {
		return Called{}, err
	}
	q := g.queries[c.Query]
	if q != nil && !caller.IsService() && !q.rules.Granted {
		return Called{}, q.denied
	}
	given, err := g.arguments(q, &c)
	if err != nil {
		return Called{}, err
	}
	b := g.binding(caller)
	if err := g.mayCall(ctx, caller, q, b, given.values); err != nil {
		return Called{}, err
	}
	invocation := query.Invocation{Query: q.Named, Args: given.values, Role: b.Role}
	if b.UID != nil {
		invocation.UID = query.Text(*b.UID)
	}
	s, err := q.shape(given.shape, &c)
	if err != nil {
		return Called{}, err
	}
	called := Called{Offset: s.Offset, Value: q.Value, Nothing: q.Nothing()}
	if q.Write {
		return called, g.runCall(ctx, caller, &c, &running{named: q, invocation: &invocation, shaped: s, binding: b, called: &called})
	}
	policy := q.policy
	if q.Nothing() {
		policy = cache.Policy{}
	}
	called.Entry, called.Status, err = g.answer(ctx, policy, &asking{named: q, invocation: &invocation, shaped: s})
	return called, err
}

// mayCall judges the access rule.
func (g *Gate) mayCall(ctx context.Context, caller *auth.Caller, q *named, b query.Binding, values []query.Value) error {
	if caller.IsService() {
		return nil
	}
	b.Params = make(map[string]query.Value, len(values))
	for i, v := range values {
		b.Params[q.Params[i].Name] = v
	}
	holds, err := g.holds(ctx, q.rules.Call, b)
	if err != nil {
		return err
	}
	if !holds {
		return q.denied
	}
	return nil
}

// asking is one call of a query that reads.
type asking struct {
	named      *named
	invocation *query.Invocation
	shaped     *shaped
}

// appendKey implements question: the form, the version of every table that the
// query reads, the call, and what shapes its rows.
func (a *asking) appendKey(g *Gate, dst []byte) []byte {
	mark := byte('q')
	if a.shaped.single {
		mark = 'Q'
	}
	dst = append(dst, mark, '0'+byte(a.shaped.form))
	for _, t := range a.named.Reads {
		dst = binary.LittleEndian.AppendUint64(dst, g.view.Version(t))
	}
	return query.AppendSelect(query.AppendInvocation(dst, a.invocation), &a.shaped.Select)
}

// AppendVersions appends the versions of the tables that a named query reads: they
// change with every commit that could change its answer. A query that is not
// declared has none.
func (g *Gate) AppendVersions(dst []byte, query string) []byte {
	if n := g.queries[query]; n != nil {
		for _, t := range n.Reads {
			dst = binary.LittleEndian.AppendUint64(dst, g.view.Version(t))
		}
	}
	return dst
}

// fill implements question: it runs the query and makes the answer of its rows.
func (a *asking) fill(ctx context.Context, g *Gate) (*cache.Entry, error) {
	i := a.invocation
	rows := a.shaped.collect(i.Query)
	if err := g.view.Query(ctx, *i, rows.visit); err != nil && !errors.Is(err, errEnough) {
		var f *fault.Fault
		if errors.As(err, &f) {
			return nil, err
		}
		return nil, fmt.Errorf("call %q: %w", i.Query.Name, err)
	}
	return rows.entry()
}
