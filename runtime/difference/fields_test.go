package difference_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/difference"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// shownIn has the area in which a change of a field of the manifest is shown. A
// path stands for all below it that is not named itself.
var shownIn = map[string]difference.Area{
	"Name": difference.Server, "Server.URL": difference.Server, "CORS": difference.Server,
	"TrustedProxies": difference.Server, "Auth.Secret": difference.Server, "Observe": difference.Server,
	"Limits": difference.Limits, "Rates": difference.Limits,
	"Rules.Text": difference.Access, "Auth.Claims": difference.Access,

	"Tables.Name": difference.Database, "Tables.Key": difference.Database, "Tables.Indexes": difference.Database,
	"Tables.Edge": difference.Tables, "Tables.Retention": difference.Tables, "Tables.Quiet": difference.Tables,
	"Tables.Seed": difference.Tables, "Tables.Rows": difference.Tables,
	"Tables.Cache": difference.Cache, "Tables.Access": difference.Access, "Tables.Checks": difference.Columns,

	"Tables.Columns.Name": difference.Database, "Tables.Columns.Type": difference.Database, "Tables.Columns.Scale": difference.Database,
	"Tables.Columns.Of": difference.Database, "Tables.Columns.Dimensions": difference.Database, "Tables.Columns.Table": difference.Database,
	"Tables.Columns.OnDelete": difference.Database,
	"Tables.Columns.Required": difference.Columns, "Tables.Columns.Min": difference.Columns, "Tables.Columns.Max": difference.Columns,
	"Tables.Columns.Pattern": difference.Columns, "Tables.Columns.Enum": difference.Columns, "Tables.Columns.Metric": difference.Columns,
	"Tables.Columns.Default": difference.Columns, "Tables.Columns.Auto": difference.Columns,
	"Tables.Columns.Access": difference.Access,

	"Cache": difference.Cache, "Cache.Redis.Timeout": difference.Cache, "Queries": difference.Queries, "Queries.Cache": difference.Cache,
	"Channels":        difference.Channels,
	"Server.Compress": difference.Server, "Server.TLS": difference.Server, "Server.Use": difference.Routes, "Server.Hosts": difference.Routes,
	"Middleware": difference.Routes,
	"Functions":  difference.Functions,
	"Routes":     difference.Routes, "Routes.Rate": difference.Limits, "Routes.Body": difference.Limits, "Routes.Timeout": difference.Limits,
}

// A path of notShown has the reason why a change of it is not shown here.
var notShown = map[string]string{
	"Dir": "where the files are", "Files": "where the files are", "Positions": "where the files are",
	"Hash":    "made of all the others",
	"Removed": "what it allows is shown as the steps that it allows",
	"Tests":   "they change nothing that serves",

	"Rules.Name":                "what calls it is compared with it in its place",
	"Rules.Params":              "what calls it is compared with it in its place",
	"Tables.Access.Guards.Name": "what explain calls it",

	"Database":                "engine shows it: a reload refuses it",
	"Server.HTTP":             "engine shows it: a reload refuses it",
	"Server.TLS.DNS.Token":    "it is another provider's; DNS is compared whole",
	"Server.TLS.DNS.Secret":   "it is another provider's; DNS is compared whole",
	"Server.TLS.Certificates": "they are another kind's; TLS is compared whole",

	"Server.HTTPS":          "engine shows it: a reload refuses it",
	"Server.HTTP3":          "engine shows it: a reload refuses it",
	"Server.H2C":            "engine shows it: a reload refuses it",
	"Cache.Redis":           "engine shows it: a reload refuses it",
	"Limits.Statement":      "engine shows it: a reload refuses it",
	"Observe.MetricsListen": "engine shows it: a reload refuses it",

	"Tables.Was":             "says which table the name was, and changes nothing by itself",
	"Tables.Columns.Was":     "says which column the name was, and changes nothing by itself",
	"Tables.Columns.BuiltIn": "the manifest cannot say it",

	"Auth.Claims.Was":        "a claim has none",
	"Auth.Claims.Required":   "a claim has none",
	"Auth.Claims.BuiltIn":    "a claim has none",
	"Auth.Claims.Min":        "a claim has none",
	"Auth.Claims.Max":        "a claim has none",
	"Auth.Claims.Pattern":    "a claim has none",
	"Auth.Claims.Scale":      "a claim has none",
	"Auth.Claims.Dimensions": "a claim has none",
	"Auth.Claims.Metric":     "a claim has none",
	"Auth.Claims.Table":      "a claim has none",
	"Auth.Claims.OnDelete":   "a claim has none",
	"Auth.Claims.Auto":       "a claim has none",
	"Auth.Claims.Access":     "a claim has none",

	"Routes.Method":  "a part of the pattern",
	"Routes.Host":    "a part of the pattern",
	"Routes.URLPath": "a part of the pattern",
}

// TestEveryFieldIsShown holds that each field of a manifest has its area, or a
// reason for none, and that another value of it is a change there: a field that
// comes to the manifest fails it until plan shows it.
func TestEveryFieldIsShown(t *testing.T) {
	base, ok := compile(everything(t))
	if !ok {
		t.Fatal("the manifest with something of each does not compile")
	}
	used := map[string]bool{}
	for _, field := range leaves(reflect.TypeFor[manifest.Manifest](), "") {
		claim := claimOf(field)
		if claim == "" {
			t.Errorf("%s: no area shows it, and no reason is given", field)
			continue
		}
		used[claim] = true
		if area := shownIn[claim]; notShown[claim] == "" && !turns(base, field, area) {
			t.Errorf("%s: another value of it is no change of the area %s", field, area)
		}
	}
	for claim := range shownIn {
		if !used[claim] {
			t.Errorf("%s has an area, and is no field", claim)
		}
	}
	for claim := range notShown {
		if !used[claim] {
			t.Errorf("%s has a reason, and is no field", claim)
		}
	}
}

// everything is a manifest that has something of each.
func everything(t *testing.T) *manifest.Manifest {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile(filepath.Join("testdata", "every.cue"))
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"public", "src"} {
		if err := os.Mkdir(filepath.Join(dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"first.csv": "n\n1\n", "public/404.html": "gone", "f.js": "export default () => 1", "f.wasm": "\x00asm\x01\x00\x00\x00"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	certificate(t, dir)
	m, _ := read(t, dir, "every.cue", string(text))
	return m
}

// certificate makes one that stands for all that the manifest names.
func certificate(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true}
	made, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"roots.pem": {Type: "CERTIFICATE", Bytes: made}, "c.pem": {Type: "CERTIFICATE", Bytes: made}, "k.pem": {Type: "PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// leaves are the fields below a type that are no structs, as paths; places in
// the source are none of the manifest's.
func leaves(of reflect.Type, path string) []string {
	switch of.Kind() {
	case reflect.Pointer:
		return leaves(of.Elem(), path)
	case reflect.Slice:
		if of.Elem().Kind() == reflect.Struct {
			return leaves(of.Elem(), path)
		}
	case reflect.Struct:
		var all []string
		for i := range of.NumField() {
			if field := of.Field(i); field.Name != "Path" || path == "Database" {
				all = append(all, leaves(field.Type, strings.TrimPrefix(path+"."+field.Name, "."))...)
			}
		}
		return all
	}
	return []string{path}
}

// claimOf is the longest path that stands for a field, "" for none.
func claimOf(field string) string {
	for path := field; path != ""; {
		if _, ok := shownIn[path]; ok || notShown[path] != "" {
			return path
		}
		path = path[:max(0, strings.LastIndex(path, "."))]
	}
	return ""
}

// turns reports whether another value of a field, at any place of base that has
// it, is a change of an area.
func turns(base compiled, field string, area difference.Area) bool {
	for place := 0; ; place++ {
		for try := 0; ; try++ {
			next := clone(base.Manifest)
			values := places(reflect.ValueOf(next).Elem(), "", field)
			if place >= len(values) {
				return false
			}
			if !change(values[place], try) {
				break
			}
			if slices.ContainsFunc(compared(base, next), func(c difference.Change) bool { return c.Area == area }) {
				return true
			}
		}
	}
}

func clone(m *manifest.Manifest) *manifest.Manifest {
	plain := *m
	plain.Positions = nil
	raw, err := json.Marshal(plain)
	if err != nil {
		panic(err)
	}
	var other manifest.Manifest
	if err := json.Unmarshal(raw, &other); err != nil {
		panic(err)
	}
	return &other
}

// places are the values that a field has in v.
func places(v reflect.Value, path, field string) []reflect.Value {
	if path == field {
		return []reflect.Value{v}
	}
	if path != "" && !strings.HasPrefix(field, path+".") {
		return nil
	}
	var all []reflect.Value
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			all = places(v.Elem(), path, field)
		}
	case reflect.Slice:
		for i := range v.Len() {
			all = append(all, inside(v.Index(i), path, field)...)
		}
	case reflect.Struct:
		all = inside(v, path, field)
	}
	return all
}

func inside(v reflect.Value, path, field string) []reflect.Value {
	var all []reflect.Value
	for i := range v.NumField() {
		all = append(all, places(v.Field(i), strings.TrimPrefix(path+"."+v.Type().Field(i).Name, "."), field)...)
	}
	return all
}

// change gives v its next other value, false when there is none left.
func change(v reflect.Value, try int) bool {
	words := []string{
		v.String() + "x", "auth.role == 'other'", "n < 7", "7", `"ab"`, "int", "float", "text", "vector", "users", "t", "a", "b", "later",
		"restrict", "cascade", "l2", "german", "ip", "",
	}
	switch v.Kind() {
	case reflect.String:
		if try < len(words) {
			v.SetString(words[try])
		}
		return try < len(words)
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Float64:
		v.SetFloat(v.Float() / 2)
	case reflect.Slice:
		more := []string{"other", "n", "update", "v", "security", "office"}
		if try < len(more) {
			v.Set(reflect.Append(v, reflect.ValueOf(more[try])))
		}
		return try < len(more)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
	}
	return try == 0
}

// compared is what a plan shows of two manifests; nothing where next is none.
func compared(old compiled, next *manifest.Manifest) []difference.Change {
	is, ok := compile(next)
	if !ok {
		return nil
	}
	p := plan.Diff(plan.FromManifest(old.Manifest, old.schema), plan.FromManifest(next, is.schema), next.Removed)
	return append(difference.Steps(p, next, nil), difference.Manifests(old.Side, is.Side)...)
}

type compiled struct {
	difference.Side
	schema *query.Schema
}

func compile(m *manifest.Manifest) (compiled, bool) {
	schema, err := query.Declare(m)
	if err != nil {
		return compiled{}, false
	}
	rules, faults := access.Compile(m, schema)
	return compiled{difference.Side{Manifest: m, Rules: rules}, schema}, len(faults) == 0
}
