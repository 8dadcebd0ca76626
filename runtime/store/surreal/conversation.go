package surreal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// conversation is a transaction of several requests; what is not committed leaves
// nothing.
type conversation interface {
	texts
	Commit(ctx context.Context) error
	Cancel()
}

func (s *Store) begin(ctx context.Context) (conversation, error) {
	t, err := s.client.Begin(ctx)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// send has the statements carried out.
func (m *migration) send(ctx context.Context) error {
	if slices.ContainsFunc(m.statements, func(s statement) bool { return s.pages != nil }) {
		return m.converse(ctx)
	}
	begin, commit := []statement{{text: "BEGIN"}}, statement{text: "COMMIT"}
	return m.text(m.deciding(ctx), m.in, append(append(begin, m.statements...), commit))
}

// converse has them carried out where some are requests of their own.
func (m *migration) converse(ctx context.Context) error {
	talk, err := m.begin(ctx)
	if err != nil {
		return err
	}
	defer talk.Cancel()
	rest := m.statements
	for len(rest) > 0 {
		n := slices.IndexFunc(rest, func(s statement) bool { return s.pages != nil })
		switch n {
		case 0:
			err, n = m.explain(rest[0].pages(ctx, talk), rest[0].change), 1
		case -1:
			n = len(rest)
			fallthrough
		default:
			err = m.text(ctx, talk, rest[:n])
		}
		if err != nil {
			return err
		}
		rest = rest[n:]
	}
	return m.explain(talk.Commit(m.deciding(ctx)), nil)
}

func (m *migration) deciding(ctx context.Context) context.Context {
	if m.decide == nil {
		return ctx
	}
	return m.decide()
}

// text has statements carried out as one text.
func (m *migration) text(ctx context.Context, in texts, statements []statement) error {
	var text strings.Builder
	for i, s := range statements {
		if i > 0 {
			text.WriteString(";\n")
		}
		text.WriteString(s.text)
	}
	_, err := in.Query(ctx, text.String(), append(wire.AppendMap(nil, m.count), m.vars...))
	var e *rpc.StatementError
	if errors.As(err, &e) && e.Statement >= 0 && e.Statement < len(statements) {
		return m.explain(err, statements[e.Statement].change)
	}
	return m.explain(err, nil)
}

// explain says what a refused statement of a table means.
func (m *migration) explain(err error, c *change) error {
	var e *rpc.StatementError
	if !errors.As(err, &e) {
		return err
	}
	if e.Kind == kindThrown {
		switch word, rest, _ := strings.Cut(e.Message, separator); word {
		case thrownMoved:
			return store.ErrMoved
		case thrownLost:
			return m.lostFaults(rest)
		}
	}
	if c == nil {
		return err
	}
	if name, ok := between(e.Message, "Database index `", "` already contains"); ok {
		return uniqueRowsFault(c.now, name, err)
	}
	if strings.HasPrefix(e.Message, "Database record `") && strings.HasSuffix(e.Message, "already exists") {
		return c.twiceFault(err)
	}
	return fmt.Errorf("table %q: %w", c.now.Name, err)
}

func between(text, before, after string) (string, bool) {
	_, rest, ok := strings.Cut(text, before)
	if !ok {
		return "", false
	}
	found, _, ok := strings.Cut(rest, after)
	return found, ok
}

// uniqueRowsFault is of a unique index over rows that are alike.
func uniqueRowsFault(t *plan.Table, name string, cause error) error {
	for i := range t.Indexes {
		if x := &t.Indexes[i]; x.Name == name {
			return fault.Newf(codeUnique, "index %s.%s is unique, but rows of the table have equal values in %s", t.Name, name, strings.Join(x.Columns, ", ")).
				WithHint("change those rows first, or leave unique out").WithCause(cause).At("tables." + t.Name + ".indexes." + name)
		}
	}
	return cause
}
