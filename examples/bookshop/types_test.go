package bookshop_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/edge-hive/edge-hive/examples/internal/backend"
)

// TestTypeScript compiles strict programs over supabase-js with the types that
// the command prints, and runs the one over the shop.
func TestTypeScript(t *testing.T) {
	node, npm := backend.Program(t, "node"), backend.Program(t, "npm")
	b := start(t)
	client := filepath.Join(b.Dir, "examples", "bookshop", "supabase-js")
	writeFile(t, filepath.Join(client, "database.types.ts"), b.Run(t, "types", "ts"))
	writeFile(t, filepath.Join(client, "library.types.ts"), b.Run(t, "types", "ts", filepath.Join(client, "library.cue")))
	runIn(t, client, nil, npm, "ci", "--no-audit", "--no-fund")
	runIn(t, client, nil, node, filepath.Join("node_modules", "typescript", "bin", "tsc"), "--project", ".")
	runIn(t, client, []string{
		"URL=" + b.URL, "ANON_KEY=" + b.Run(t, "keys", "--only", "publishable"), "ANN=" + b.User(t, "ann@example.com", ""),
	}, node, filepath.Join("out", "typed.js"))
}

// goClient reads, writes and changes rows through the printed structs.
const goClient = `package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"

	"client/backend"
)

func call(method, path string, body, into any) {
	raw, err := json.Marshal(body)
	must(err)
	request, err := http.NewRequest(method, os.Getenv("URL")+path, bytes.NewReader(raw))
	must(err)
	request.Header.Set("Authorization", "Bearer "+os.Getenv("SERVICE"))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Prefer", "return=representation")
	answer, err := http.DefaultClient.Do(request)
	must(err)
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		must(fmt.Errorf("%s %s: %s", method, path, answer.Status))
	}
	decoder := json.NewDecoder(answer.Body)
	decoder.DisallowUnknownFields()
	must(decoder.Decode(into))
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func check(holds bool, what any) {
	if !holds {
		must(fmt.Errorf("%+v", what))
	}
}

func main() {
	var books []backend.BooksRow
	call("GET", "/api/data/books?order=id&limit=3", nil, &books)
	check(len(books) == 3 && books[0].ID == 1 && books[0].Title != "" && books[0].Cost != nil, books)

	year := int64(1999)
	var made []backend.BooksRow
	call("POST", "/api/data/books", backend.BooksInsert{Title: "Made", Price: "12.50", Year: &year, Tags: []string{}, Meta: json.RawMessage("{\"a\":1}")}, &made)
	check(len(made) == 1 && made[0].Price == "12.50" && *made[0].Year == 1999 && made[0].Tags != nil && made[0].Stock == 0 && made[0].ISBN == nil && !made[0].CreatedAt.IsZero(), made)

	stock := int64(4)
	var changed backend.BooksRow
	call("PATCH", fmt.Sprintf("/api/data/books/%d", made[0].ID), backend.BooksUpdate{Stock: &stock, Year: backend.Null[int64](), ISBN: backend.To("9781234567890")}, &changed)
	check(changed.Stock == 4 && changed.Year == nil && *changed.ISBN == "9781234567890" && changed.Title == "Made" && string(changed.Meta) == "{\"a\":1}", changed)

	check(backend.OrdersStatusPaid == "paid", backend.OrdersStatusPaid)

	var users []backend.UsersRow
	call("GET", "/api/data/users", nil, &users)
	var orders []backend.OrdersRow
	call("POST", "/api/data/orders", map[string]any{"owner": users[0].ID, "book": made[0].ID}, &orders)
	var sold []backend.BestsellersResult
	call("POST", "/api/rpc/bestsellers", backend.BestsellersArgs{Since: made[0].CreatedAt.Add(-time.Hour)}, &sold)
	check(len(sold) == 1 && *sold[0].Book == made[0].ID && *sold[0].Title == "Made" && *sold[0].Sold == 1, sold)
}
`

// TestGo builds a program with the structs that the command prints, and runs it.
func TestGo(t *testing.T) { onEach(t, goProgram) }

func goProgram(t *testing.T, b *backend.Backend) {
	b.User(t, "ann@example.com", "")
	client := t.TempDir()
	writeFile(t, filepath.Join(client, "go.mod"), "module client\n\ngo 1.24\n")
	writeFile(t, filepath.Join(client, "main.go"), goClient)
	writeFile(t, filepath.Join(client, "backend", "types.go"), b.Run(t, "types", "go"))
	runIn(t, client, nil, "go", "vet", "./...")
	runIn(t, client, []string{"URL=" + b.URL, "SERVICE=" + b.Run(t, "keys", "--only", "service_role")}, "go", "run", ".")
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// runIn runs a program in a folder; it must end well.
func runIn(t *testing.T, dir string, env []string, name string, args ...string) {
	t.Helper()
	command := exec.Command(name, args...)
	command.Dir = dir
	command.Env = append(os.Environ(), env...)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", filepath.Base(name), args, err, out)
	}
}
