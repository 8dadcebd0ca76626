package data_test

import (
	"bytes"
	"context"
	"flag"
	"io"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// met notes what the ways to rows went through: the gate's methods, and what
// was asked of them. A nil one notes nothing.
type met struct {
	mu    sync.Mutex
	names map[string]bool
}

// method notes one of the gate's methods, with the fields that its question
// sets.
func (m *met) method(name string, questions ...any) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.names["Gate."+name] = true
	for _, q := range questions {
		m.fields(reflect.ValueOf(q))
	}
}

func (m *met) fields(v reflect.Value) {
	if v = reflect.Indirect(v); v.Kind() != reflect.Struct {
		return
	}
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() || v.Field(i).IsZero() {
			continue
		}
		m.names[v.Type().Name()+"."+field.Name] = true
		switch v.Field(i).Interface().(type) {
		case *query.Nearest, *query.ReachRequest, query.Request, *query.Request:
			m.fields(v.Field(i))
		case []*query.EmbedRequest:
			for j := range v.Field(i).Len() {
				m.fields(v.Field(i).Index(j))
			}
		}
	}
}

// The gate's methods as tests call them.

func (b *backend) Parse(caller *auth.Caller, table, url string) (*query.Request, error) {
	r, err := b.Gate.Parse(caller, table, url)
	b.met.method("Parse", r)
	return r, err
}

func (b *backend) ParseSearch(caller *auth.Caller, table string, raw []byte) (*query.Request, error) {
	b.met.method("ParseSearch")
	return b.Gate.ParseSearch(caller, table, raw)
}

func (b *backend) Select(ctx context.Context, caller *auth.Caller, r data.Read) (data.Answer, error) {
	b.met.method("Select", r)
	return b.Gate.Select(ctx, caller, r)
}

func (b *backend) Batch(ctx context.Context, caller *auth.Caller, w data.Batch) (data.Batched, error) {
	b.met.method("Batch")
	return b.Gate.Batch(ctx, caller, w)
}

func (b *backend) Call(ctx context.Context, caller *auth.Caller, c data.Call) (data.Called, error) {
	b.met.method("Call")
	return b.Gate.Call(ctx, caller, c)
}

func (b *backend) Export(ctx context.Context, caller *auth.Caller, x data.Export, w io.Writer) (int, error) {
	b.met.method("Export", x)
	return b.Gate.Export(ctx, caller, x, w)
}

func (b *backend) NewExporter(ctx context.Context) (*data.Exporter, error) {
	b.met.method("NewExporter")
	return b.Gate.NewExporter(ctx)
}

func (b *backend) Subscribe(caller *auth.Caller, channel string) (*data.Subscription, error) {
	b.met.method("Subscribe")
	return b.Gate.Subscribe(caller, channel)
}

func (b *backend) Snapshot(ctx context.Context, s *data.Subscription, w query.RowWriter) (store.Info, error) {
	b.met.method("Snapshot")
	return b.Gate.Snapshot(ctx, s, w)
}

// wrote notes one of the gate's writes.
func (m *met) wrote(op write, w data.Write) {
	name := runtime.FuncForPC(reflect.ValueOf(op).Pointer()).Name()
	m.method(name[strings.LastIndexByte(name, '.')+1:], w)
}

// noRows are what of the gate no way to rows goes through, and why that is
// well.
var noRows = map[string]string{
	"Gate.Table":          "it gives a declaration",
	"Gate.Expiring":       "it gives names of tables",
	"Gate.Expire":         "it acts for no caller and gives a number to the operator",
	"Gate.Seed":           "it acts for no caller and gives a number to the operator",
	"Gate.Explain":        "it tells all, and is on the admin socket and the command line alone",
	"Gate.Broadcasts":     "it gives declarations",
	"Gate.MaySend":        "it judges the caller alone",
	"Gate.MayRun":         "it judges by a function's own rule, as Call does by a query's",
	"Gate.AppendVersions": "it tells when tables were last written, to our own routes alone, and no row",
	"Gate.MayPass":        "it judges by a middleware's own rule, which speaks of no row",
	"Gate.Judge":          "what it is asked comes from Subscribe, with the rule in it",

	// Writes of rows with a key that is taken cannot be as if it were free.
	"Gate.Insert":          "TestHiddenRowsThatAreMet",
	"Gate.Import":          "TestHiddenRowsThatAreMet",
	"Request.OnConflict":   "TestHiddenRowsThatAreMet",
	"Write.Resolution":     "TestHiddenRowsThatAreMet",
	"Request.Columns":      "it names what is written",
	"Write.MissingDefault": "it says what is written",
	"Write.Depth":          "it says where the write came from",

	"Request.Page":       "TestWhatIsHiddenIsAsIfItWereAbsent",
	"ReachRequest.Ways":  "TestWhatIsHiddenIsAsIfItWereAbsent",
	"ReachRequest.From":  "TestWhatIsHiddenIsAsIfItWereAbsent",
	"ReachRequest.Start": "TestWhatIsHiddenIsAsIfItWereAbsent",
	"ReachRequest.Min":   "TestWhatIsHiddenIsAsIfItWereAbsent",
	"ReachRequest.Max":   "TestWhatIsHiddenIsAsIfItWereAbsent",
}

// allMet demands of everything that the gate can be asked that some way to rows
// went through it, or that it is known to give none.
func (m *met) allMet(t *testing.T) {
	var all []string
	gate := reflect.TypeFor[*data.Gate]()
	for i := range gate.NumMethod() {
		all = append(all, "Gate."+gate.Method(i).Name)
	}
	for _, asked := range []reflect.Type{
		reflect.TypeFor[query.Request](), reflect.TypeFor[query.EmbedRequest](), reflect.TypeFor[query.Nearest](), reflect.TypeFor[query.ReachRequest](),
		reflect.TypeFor[data.Read](), reflect.TypeFor[data.Write](), reflect.TypeFor[data.Export](),
	} {
		for _, field := range reflect.VisibleFields(asked) {
			if field.IsExported() {
				all = append(all, asked.Name()+"."+field.Name)
			}
		}
	}
	for _, name := range all {
		if !m.names[name] && noRows[name] == "" {
			t.Errorf("no way to rows goes through %s: add one to ways, that a wrong caller walks it", name)
		}
	}
	for name := range noRows {
		if !slices.Contains(all, name) {
			t.Errorf("there is no %s any more", name)
		}
	}
}

// wholeRun reports whether no part of the tests was left out by hand.
func wholeRun() bool {
	run, skip := flag.Lookup("test.run"), flag.Lookup("test.skip")
	return !strings.Contains(run.Value.String(), "/") && skip.Value.String() == ""
}

// TestHiddenRowsThatAreMet writes rows whose keys hidden rows have. That a key
// is taken cannot be kept from who asks for it; what the row holds is, and it
// stays as it is.
func TestHiddenRowsThatAreMet(t *testing.T) {
	key := orderOf(annID)
	row := `{"id":"` + key + `","book":"` + emmaID + `","status":"open","quantity":7}`
	b := stocked(t)
	before := b.read(t, service, "orders", "id=eq."+key)
	insertion := func(r data.Resolution, url string, caller *auth.Caller) string {
		return b.do(t, insert, caller, data.Write{Table: "orders", Body: []byte(row), Resolution: r, Representation: true}, url)
	}
	imported := func(r data.Resolution) string {
		_, err := b.Import(t.Context(), bob, data.Import{Table: "orders", Source: bytes.NewReader([]byte(row)), Resolution: r})
		if err != nil {
			return code(t, err)
		}
		return "done"
	}
	const taken = `23505 duplicate key value violates unique constraint "orders_pkey"`
	const refused = `42501 new row violates row-level security policy for table "orders"`
	for i, test := range []struct{ got, want string }{
		{insertion(data.Refuse, "", bob), taken},
		{insertion(data.Merge, "", bob), refused},
		{insertion(data.Merge, "on_conflict=id&select=id,books(title)", bob), refused},
		{insertion(data.Ignore, "", bob), "[]"},
		{imported(data.Refuse), taken},
		{imported(data.Merge), refused},
		{imported(data.Ignore), "done"},
		{b.batch(t, bob, `{"writes":[{"op":"upsert","table":"orders","as":"o","return":true,"rows":[`+row+`]}]}`), refused + " | write 0"},
		{b.batch(t, bob, `{"writes":[{"op":"upsert","ignoreDuplicates":true,"table":"orders","return":true,"rows":[`+row+`]}]}`), `{"results":[{"affected":0,"rows":[]}]}`},
	} {
		if test.got != test.want {
			t.Errorf("%d: %s, want %s", i, test.got, test.want)
		}
	}
	if after := b.read(t, service, "orders", "id=eq."+key); after != before {
		t.Errorf("he changed it: %s", after)
	}
}

// TestNobodyMeetsRowsByWhatHeMayNotRead upserts by a unique column that is
// hidden: what comes of it would tell which row has a value.
func TestNobodyMeetsRowsByWhatHeMayNotRead(t *testing.T) {
	m := library()
	for i := range m.Tables {
		if m.Tables[i].Name == "authors" {
			m.Tables[i].Indexes = []manifest.Index{{Name: "bySecret", Columns: []string{"secret"}, Unique: true}}
		}
	}
	b := open(t, m)
	b.put(t, "authors", `[{"id":1,"name":"Austen","secret":"a"}]`)
	const absent = "PGRST204 Could not find the 'secret' column of 'authors' in the schema cache"
	for _, r := range []data.Resolution{data.Merge, data.Ignore} {
		w := data.Write{Table: "authors", Body: []byte(`{"name":"X","secret":"a"}`), Resolution: r, Representation: true, Rollback: true}
		if got := b.do(t, insert, ann, w, "on_conflict=secret"); got != absent {
			t.Errorf("%d: ann got %s", r, got)
		}
		if got := b.do(t, insert, staff, w, "on_conflict=secret&select=id"); got != map[data.Resolution]string{data.Merge: `[{"id":1}]`, data.Ignore: "[]"}[r] {
			t.Errorf("%d: staff got %s", r, got)
		}
	}
	batch := `{"writes":[{"op":"upsert","table":"authors","rows":[{"name":"X","secret":"a"}],"onConflict":"secret","return":true}]}`
	if got := b.batch(t, ann, batch); got != absent+" | write 0" {
		t.Errorf("a batch of ann got %s", got)
	}
}
