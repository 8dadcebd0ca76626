package house_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/edge-hive/edge-hive/"

// rooms are the packages in the order in which they may know each other: a
// package imports only rooms of lower floors. Those of one floor do not know
// each other.
var rooms = []struct {
	floor int
	room  string
}{
	{0, "schema"},
	{1, "deploy"},
	{1, "examples/kits"},
	{1, "runtime/durable"},
	{1, "runtime/fault"},
	{2, "runtime/manifest"},
	{2, "runtime/function/meter"},
	{2, "runtime/outbound"},
	{3, "runtime/query"},
	{4, "runtime/auth"},
	{5, "runtime/access"},
	{6, "runtime/cache"},
	{6, "runtime/clienttypes"},
	{6, "runtime/openapi"},
	{6, "runtime/store/plan"},
	{7, "runtime/store"},
	{7, "runtime/difference"},
	{8, "runtime/data"},
	{8, "runtime/function/javascript"},
	{8, "runtime/web/address"},
	{9, "runtime/function"},
	{9, "runtime/live"},
	{9, "runtime/ruletest"},
	{9, "runtime/web/coding"},
	{9, "runtime/web/rates"},
	{10, "runtime/check"},
	{10, "runtime/function/operation"},
	{10, "runtime/install"},
	{10, "runtime/trigger"},
	{10, "runtime/web/files"},
	{10, "runtime/web/guards"},
	{10, "runtime/web/headers"},
	{10, "runtime/web/proxy"},
	{10, "runtime/web/tracing"},
	{10, "runtime/web/wire"},
	{11, "runtime/web"},
	{12, "runtime/web/realtime"},
	{14, "runtime/engine"},
	{15, "runtime/cmd/edge-hive"},
	{15, "runtime/bench"},
}

// adapters hang beside their contract: they may import what is below the floor
// that is given, and only the users named may import them.
var adapters = []struct {
	room  string
	floor int
	users []string
	why   string
}{
	{"runtime/manifest/load", 3, []string{"runtime/check", "runtime/engine", "runtime/cmd/edge-hive"}, "CUE ends where the manifest begins"},
	{"runtime/store/sqlite", 8, []string{"runtime/engine", "runtime/check"}, "only who builds a generation knows which engine it has"},
	{"runtime/store/surreal", 8, []string{"runtime/engine", "runtime/check"}, "only who builds a generation knows which engine it has"},
	{"runtime/store/surreal/rpc", 4, []string{"runtime/store/surreal"}, "statements are written in one place"},
	{"runtime/store/surreal/surql", 4, []string{"runtime/store/surreal", "runtime/check"}, "an engine's own language is read beside it"},
	{"runtime/store/gate", 8, []string{"runtime/store/sqlite", "runtime/store/surreal"}, "when tables may be changed is the engines' to know"},
	{"runtime/store/outcome", 4, []string{"runtime/store/sqlite", "runtime/store/surreal"}, "what a batch's repetition is answered with is the engines' to keep"},
	{"runtime/store/watchers", 8, []string{"runtime/store/sqlite", "runtime/store/surreal"}, "who is woken by commits is the engines' to know"},
	{"runtime/store/surreal/wire", 1, []string{"runtime/store/surreal", "runtime/store/surreal/rpc"}, "what a server answers is read in one place"},
	{"runtime/leaktest", 0, nil, "it is what rooms are tested with, and never shipped"},
	{"runtime/porttest", 0, []string{"runtime/store/surreal/surrealtest", "runtime/redis/redistest"}, "it is what servers are tested with, and never shipped"},
	{"runtime/store/surreal/surrealtest", 1, []string{"runtime/bench"}, "it is what the engine is tested with, and never shipped"},
	{"runtime/query/querytest", 4, []string{"runtime/store/storetest"}, "it is what evaluators are tested with, and never shipped"},
	{"runtime/store/storetest", 8, []string{"runtime/store/sqlite", "runtime/store/surreal"}, "it is what engines are tested with, and never shipped"},
	{"runtime/conformance", 1, nil, "it is what a served backend is tested with, and never shipped"},
	{"runtime/cache/tiered", 7, []string{"runtime/engine"}, "the gate asks the contract for answers, whoever keeps them"},
	{"runtime/redis", 7, []string{"runtime/engine"}, "what nodes share can be done without, and who asks need not know what keeps it"},
	{"runtime/redis/redistest", 1, nil, "it is what nodes' sharing is tested with, and never shipped"},
	{"runtime/observe", 12, []string{"runtime/engine"}, "who is measured must not know who measures"},
	{"runtime/observe/trace", 12, []string{"runtime/engine"}, "who is traced must not know who collects"},
	{"runtime/autotls", 3, []string{"runtime/engine"}, "who serves must not know where a certificate came from"},
	{"runtime/autotls/pebbletest", 1, nil, "it is what certificates are tested with, and never shipped"},
	{"runtime/engine/admin", 2, []string{"runtime/engine", "runtime/cmd/edge-hive"}, "the socket belongs to the operator"},
	{"runtime/engine/forward", 1, []string{"runtime/engine"}, "how requests reach the next process is between the two"},
	{"runtime/engine/handover", 1, []string{"runtime/engine", "runtime/cmd/edge-hive"}, "what processes say to each other is theirs"},
	{"runtime/engine/supervisor", 1, []string{"runtime/engine"}, "the engine knows when it serves"},
	{"runtime/engine/sockets", 1, []string{"runtime/engine", "runtime/cmd/edge-hive"}, "who listens must not know where a socket came from"},
	{"runtime/engine/watch", 1, []string{"runtime/engine"}, "only reload cares that a file was saved"},
}

// libraries may be imported by these packages alone.
var libraries = []struct {
	prefix string
	users  []string
	why    string
}{
	{"cuelang.org/go", []string{"runtime/manifest/load"}, "everything behind the loader sees complete, plain values"},
	{"cel.dev/", []string{"runtime/access"}, "rules are typed trees everywhere else"},
	{"github.com/ncruces/", []string{"runtime/store/sqlite", "runtime/bench"}, "another engine must be able to take its place"},
	{"github.com/maypok86/otter", []string{"runtime/cache/tiered"}, "tiers can be changed without the gate noticing"},
	{"github.com/eko/gocache", []string{"runtime/cache/tiered", "runtime/redis"}, "tiers can be changed without the gate noticing"},
	{"github.com/redis/go-redis", []string{"runtime/redis"}, "what nodes share can be done without, and who asks need not know what keeps it"},
	{"go.opentelemetry.io/", []string{"runtime/observe/trace"}, "traces can be changed without touching what is traced"},
	{"github.com/klauspost/compress", []string{"runtime/web/coding"}, "what a coding costs is bounded in one place"},
	{"github.com/andybalholm/brotli", []string{"runtime/web/coding"}, "what a coding costs is bounded in one place"},
	{"github.com/prometheus/", []string{"runtime/observe"}, "metrics can be changed without touching what is measured"},
	{"github.com/alecthomas/kong", []string{"runtime/cmd/edge-hive"}, "flags end where commands begin"},
	{"github.com/surrealdb/", []string{"runtime/store/surreal/rpc", "runtime/bench"}, "another engine must be able to take its place"},
	{"github.com/fxamacker/cbor", []string{"runtime/store/surreal/rpc"}, "it is what surrealdb.go speaks; our own values are wire"},
	{"github.com/gorilla/websocket", []string{"runtime/web/realtime", "runtime/store/surreal/rpc"}, "the hub knows frames, not sockets"},
	{"github.com/go-chi/chi", []string{"runtime/web"}, "routes are declared, never written"},
	{"github.com/blevesearch/snowballstem", []string{"runtime/query"}, "what a word is, an index and a comparison know from one place"},
	{"github.com/golang-jwt/jwt", []string{"runtime/auth"}, "a token is trusted in one place"},
	{"github.com/tetratelabs/wazero", []string{"runtime/function", "runtime/function/javascript", "runtime/bench"}, "guests have one host; bench measures against the bare library"},
	{"github.com/adhocore/gronx", []string{"runtime/trigger", "runtime/check"}, "a time is found in one place, and looked at before in another"},
	{"github.com/fsnotify/fsnotify", []string{"runtime/engine/watch"}, "only reload cares that a file was saved"},
	{"github.com/caddyserver/certmagic", []string{"runtime/autotls"}, "certificates can come another way without a listener noticing"},
	{"github.com/mholt/acmez", []string{"runtime/autotls"}, "what an authority says is read in one place"},
	{"go.uber.org/zap", []string{"runtime/autotls"}, "certmagic logs by it, and nobody else does"},
	{"github.com/libdns/", []string{"runtime/autotls"}, "zones are changed for certificates alone"},
	{"github.com/aws/", []string{"runtime/autotls"}, "what is asked of AWS is a zone, and nothing else yet"},
	{"github.com/minio/minio-go", []string{"runtime/autotls"}, "a bucket is a vault of certificates, and nothing else yet"},
	{"github.com/smallstep/truststore", []string{"runtime/autotls"}, "what a machine trusts is changed in one place"},
	{"github.com/letsencrypt/", []string{"runtime/autotls/pebbletest"}, "an authority is for tests"},
	{"github.com/quic-go/", []string{"runtime/web/wire"}, "HTTP/3 is another way to the same handler"},
	{"database/sql", nil, "it costs a quarter of a read; the driver is used directly"},
	{"go.uber.org/goleak", []string{"runtime/leaktest"}, "what is shipped does not test"},
	{"testing", []string{"runtime/leaktest", "runtime/porttest", "runtime/redis/redistest", "runtime/store/surreal/surrealtest", "runtime/store/storetest", "runtime/query/querytest", "runtime/conformance", "runtime/autotls/pebbletest"}, "what is shipped does not test"},
}

// source is one Go file that is not a test.
type source struct {
	room, file string
	comment    string
	imports    []string
}

func TestImportsPointDown(t *testing.T) {
	for _, s := range sources(t) {
		for _, imported := range s.imports {
			room, ours := strings.CutPrefix(imported, module)
			if !ours {
				continue
			}
			if why := forbidden(s.room, room); why != "" {
				t.Errorf("%s imports %s: %s", s.file, room, why)
			}
		}
	}
}

func TestLibrariesStayInTheirAdapter(t *testing.T) {
	for _, s := range sources(t) {
		for _, imported := range s.imports {
			for _, library := range libraries {
				exact := imported == strings.TrimSuffix(library.prefix, "/")
				within := strings.HasPrefix(imported, strings.TrimSuffix(library.prefix, "/")+"/")
				if (exact || within) && !slices.Contains(library.users, s.room) {
					t.Errorf("%s imports %s: %s", s.file, imported, library.why)
				}
			}
		}
	}
}

func TestEveryPackageHasOneComment(t *testing.T) {
	comments := map[string][]string{}
	for _, s := range sources(t) {
		if _, seen := comments[s.room]; !seen {
			comments[s.room] = nil
		}
		if s.comment == "" {
			continue
		}
		comments[s.room] = append(comments[s.room], s.file)
		name := path.Base(s.room)
		if !strings.HasPrefix(s.comment, "Package "+name+" ") && !strings.HasPrefix(s.comment, "Command "+name+" ") {
			t.Errorf("%s: the package comment begins %.40q, want Package %s", s.file, s.comment, name)
		}
	}
	for room, files := range comments {
		if len(files) != 1 {
			t.Errorf("%s has %d package comments %v, want one", room, len(files), files)
		}
	}
}

// TestEveryRoomIsKnown keeps the lists above whole: a new package says where it
// stands.
func TestEveryRoomIsKnown(t *testing.T) {
	for _, s := range sources(t) {
		if _, ok := floorOf(s.room); !ok && !isAdapter(s.room) {
			t.Errorf("%s: package %s has no place in the house; give it one here and in runtime/ARCHITECTURE.md", s.file, s.room)
		}
	}
}

// TestBansHold proves that the test above can fail.
func TestBansHold(t *testing.T) {
	for _, c := range []struct {
		importer, imported string
		banned             bool
	}{
		{"runtime/web", "runtime/data", false},
		{"runtime/data", "runtime/web", true},
		{"runtime/web", "runtime/store/sqlite", true},
		{"runtime/engine", "runtime/store/sqlite", false},
		{"runtime/store/sqlite", "runtime/cache/tiered", true},
		{"runtime/store/sqlite", "runtime/store", false},
		{"runtime/store/sqlite", "runtime/data", true},
		{"runtime/manifest/load", "schema", false},
		{"runtime/live", "runtime/web/realtime", true},
		{"runtime/web/realtime", "runtime/live", false},
	} {
		if got := forbidden(c.importer, c.imported) != ""; got != c.banned {
			t.Errorf("%s imports %s: banned %v, want %v", c.importer, c.imported, got, c.banned)
		}
	}
}

// forbidden says why a room may not import another, "" when it may.
func forbidden(importer, imported string) string {
	for _, a := range adapters {
		if a.room == imported && !slices.Contains(a.users, importer) {
			return a.why
		}
	}
	if isAdapter(imported) {
		return ""
	}
	to, known := floorOf(imported)
	if !known {
		return "it has no place in the house"
	}
	from, known := floorOf(importer)
	for _, a := range adapters {
		if a.room == importer {
			from, known = a.floor, true
		}
	}
	if known && to >= from {
		return "imports point down"
	}
	return ""
}

func floorOf(room string) (int, bool) {
	for _, r := range rooms {
		if r.room == room {
			return r.floor, true
		}
	}
	return 0, false
}

func isAdapter(room string) bool {
	for _, a := range adapters {
		if a.room == room {
			return true
		}
	}
	return false
}

// sources parses every Go file of the project that is not a test.
func sources(t *testing.T) []source {
	t.Helper()
	root := filepath.Join("..", "..")
	var all []source
	for _, top := range []string{"schema", "runtime"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(file string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
				return err
			}
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, text, parser.ImportsOnly|parser.ParseComments)
			if err != nil {
				return err
			}
			relative, err := filepath.Rel(root, file)
			if err != nil {
				return err
			}
			s := source{file: filepath.ToSlash(relative), comment: parsed.Doc.Text()}
			s.room = path.Dir(s.file)
			for _, spec := range parsed.Imports {
				s.imports = append(s.imports, strings.Trim(spec.Path.Value, `"`))
			}
			all = append(all, s)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(all) < 30 {
		t.Fatalf("found %d files; is this the project's root?", len(all))
	}
	return all
}
