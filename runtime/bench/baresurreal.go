package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	surrealdb "github.com/surrealdb/surrealdb.go"
	"github.com/surrealdb/surrealdb.go/pkg/connection"
	"github.com/surrealdb/surrealdb.go/pkg/connection/gorillaws"
	"github.com/surrealdb/surrealdb.go/pkg/logger"
	"github.com/surrealdb/surrealdb.go/pkg/models"
)

// bareSurreal is the least that a Go programmer would write by hand on
// SurrealDB's library, on tables like those of edge-hive.
type bareSurreal struct {
	db *surrealdb.DB
	// last is the key of the last book.
	last atomic.Int64
}

type surrealBook struct {
	ID    int64                `json:"id"`
	Title string               `json:"title"`
	Year  int64                `json:"year"`
	Price models.DecimalString `json:"price"`
}

type surrealJoined struct {
	ID      int64  `json:"id"`
	Title   string `json:"title"`
	Authors struct {
		Name string `json:"name"`
	} `json:"authors"`
}

// serveBareSurreal serves "ADDRESS URL" until the process is ended.
func serveBareSurreal(addressAndURL string, _ io.Writer) error {
	address, endpoint, _ := strings.Cut(addressAndURL, " ")
	db, err := openBareSurreal(context.Background(), endpoint)
	if err != nil {
		return err
	}
	p := &bareSurreal{db: db}
	p.last.Store(surrealBooks)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /books/{id}", func(w http.ResponseWriter, r *http.Request) {
		listSurreal[surrealBook](w, r, db, r.PathValue("id"), bareByKey)
	})
	mux.HandleFunc("GET /year/{year}", func(w http.ResponseWriter, r *http.Request) {
		listSurreal[surrealBook](w, r, db, r.PathValue("year"), bareOfYear)
	})
	mux.HandleFunc("GET /joined/{year}", func(w http.ResponseWriter, r *http.Request) {
		listSurreal[surrealJoined](w, r, db, r.PathValue("year"), bareJoined)
	})
	mux.HandleFunc("POST /books", p.insert)
	mux.HandleFunc("PATCH /books/{id}", p.update)
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	return server.ListenAndServe()
}

// The statements, all of whose values are parameters.
const (
	bareByKey  = "SELECT record::id(id) AS id, title, year, price FROM type::record('books', $n)"
	bareOfYear = "SELECT record::id(id) AS id, title, year, price FROM books WHERE year = $n ORDER BY price DESC, id LIMIT 20"
	bareJoined = "SELECT record::id(id) AS id, title, { name: author.name } AS authors FROM books WHERE year = $n ORDER BY id LIMIT 20"
	bareInsert = "INSERT INTO books $book RETURN NONE"
	bareUpdate = "UPDATE $id SET title = $title RETURN NONE"
)

func openBareSurreal(ctx context.Context, endpoint string) (*surrealdb.DB, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	config := connection.NewConfig(u)
	config.Logger = logger.New(slog.DiscardHandler)
	db, err := surrealdb.FromConnection(ctx, gorillaws.New(config))
	if err != nil {
		return nil, err
	}
	if _, err := db.SignIn(ctx, surrealdb.Auth{Username: "root", Password: "root"}); err != nil {
		return nil, err
	}
	return db, db.Use(ctx, "bench", "bare")
}

// listSurreal answers the rows of a statement.
func listSurreal[T any](w http.ResponseWriter, r *http.Request, db *surrealdb.DB, number, statement string) {
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		http.Error(w, "bad number", http.StatusBadRequest)
		return
	}
	results, err := surrealdb.Query[[]T](r.Context(), db, statement, map[string]any{"n": n})
	if err != nil || len(*results) != 1 {
		http.Error(w, "cannot read", http.StatusInternalServerError)
		return
	}
	rows, err := json.Marshal((*results)[0].Result)
	if err != nil {
		http.Error(w, "cannot write", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(rows)))
	_, _ = w.Write(rows)
}

func (p *bareSurreal) insert(w http.ResponseWriter, r *http.Request) {
	var b struct {
		Title string
		Year  int64
		Price json.Number
	}
	if err := json.NewDecoder(r.Body).Decode(&b); err != nil {
		http.Error(w, "bad body", http.StatusBadRequest)
		return
	}
	row := map[string]any{
		"id":    models.NewRecordID("books", p.last.Add(1)),
		"title": b.Title, "year": b.Year, "price": models.DecimalString(b.Price),
	}
	if _, err := surrealdb.Query[any](r.Context(), p.db, bareInsert, map[string]any{"book": row}); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusCreated)
}

func (p *bareSurreal) update(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		http.Error(w, "bad id", http.StatusBadRequest)
		return
	}
	var b struct{ Title string }
	if err := json.NewDecoder(r.Body).Decode(&b); err != nil {
		http.Error(w, "bad body", http.StatusBadRequest)
		return
	}
	vars := map[string]any{"id": models.NewRecordID("books", id), "title": b.Title}
	_, err = surrealdb.Query[any](r.Context(), p.db, bareUpdate, vars)
	for err != nil && strings.Contains(err.Error(), "conflict") && r.Context().Err() == nil { // another client updates the same book
		_, err = surrealdb.Query[any](r.Context(), p.db, bareUpdate, vars)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
}
