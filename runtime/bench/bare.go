package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// bareProgram is the least that a Go programmer would write by hand on the
// same driver: no rules, no types, no filters, no feed, no cache to speak of.
type bareProgram struct {
	readers chan *bareReader
	writer  sync.Mutex
	conn    *sqlite3.Conn
	insert  *sqlite3.Stmt
	cached  []byte
}

type bareReader struct {
	conn  *sqlite3.Conn
	byKey *sqlite3.Stmt
}

// serveBare serves "ADDRESS PATH" until the process is ended.
func serveBare(addressAndPath string, _ io.Writer) error {
	address, path, _ := strings.Cut(addressAndPath, " ")
	program, err := openBare(path)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /books/{id}", program.readByKey)
	mux.HandleFunc("GET /cached", program.readCached)
	mux.HandleFunc("POST /books", program.create)
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	return server.ListenAndServe()
}

func openBare(path string) (*bareProgram, error) {
	conn, err := openConn(path)
	if err != nil {
		return nil, err
	}
	err = conn.Exec(`CREATE TABLE IF NOT EXISTS books (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL, year INTEGER, price INTEGER) STRICT;
		CREATE INDEX IF NOT EXISTS byYear ON books (year)`)
	if err != nil {
		return nil, err
	}
	p := &bareProgram{conn: conn, readers: make(chan *bareReader, 4)}
	if p.insert, _, err = conn.Prepare(`INSERT INTO books (title, year, price) VALUES (?, ?, ?)`); err != nil {
		return nil, err
	}
	if err := p.fill(); err != nil {
		return nil, err
	}
	for range cap(p.readers) {
		reader := &bareReader{}
		if reader.conn, err = openConn(path); err != nil {
			return nil, err
		}
		if reader.byKey, _, err = reader.conn.Prepare(`SELECT id, title, year, price FROM books WHERE id = ?`); err != nil {
			return nil, err
		}
		p.readers <- reader
	}
	return p, p.fillCache()
}

func openConn(path string) (*sqlite3.Conn, error) {
	conn, err := sqlite3.Open(path)
	if err != nil {
		return nil, err
	}
	return conn, conn.Exec(`PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=5000`)
}

// fill inserts the rows that both servers have, into a new database.
func (p *bareProgram) fill() error {
	if err := p.conn.Exec(`BEGIN IMMEDIATE`); err != nil {
		return err
	}
	count, _, err := p.conn.Prepare(`SELECT count(*) FROM books`)
	if err != nil {
		return err
	}
	defer count.Close()
	if count.Step() && count.ColumnInt64(0) > 0 {
		return errors.Join(count.Err(), count.Reset(), p.conn.Exec(`COMMIT`))
	}
	if err := count.Reset(); err != nil {
		return err
	}
	for i := 1; i <= bookRows; i++ {
		if err := p.exec(fmt.Sprintf("Book number %d", i), int64(1900+i%120), int64(i%90*100+50)); err != nil {
			return err
		}
	}
	return p.conn.Exec(`COMMIT`)
}

func (p *bareProgram) fillCache() error {
	statement, _, err := p.conn.Prepare(`SELECT id, title, year, price FROM books ORDER BY year DESC LIMIT 20`)
	if err != nil {
		return err
	}
	defer statement.Close()
	for statement.Step() {
		p.cached = appendBook(append(p.cached, ','), statement)
	}
	p.cached[0] = '['
	p.cached = append(p.cached, ']')
	return statement.Err()
}

func (p *bareProgram) exec(title string, year, price int64) error {
	if err := p.insert.BindText(1, title); err != nil {
		return err
	}
	if err := p.insert.BindInt64(2, year); err != nil {
		return err
	}
	if err := p.insert.BindInt64(3, price); err != nil {
		return err
	}
	p.insert.Step()
	return p.insert.Reset()
}

func (p *bareProgram) readByKey(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		http.Error(w, "bad id", http.StatusBadRequest)
		return
	}
	reader := <-p.readers
	defer func() { p.readers <- reader }()
	defer reader.byKey.Reset()
	if err := reader.byKey.BindInt64(1, id); err != nil || !reader.byKey.Step() {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(append(appendBook(append(make([]byte, 0, 256), '['), reader.byKey), ']'))
}

func (p *bareProgram) readCached(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Write(p.cached)
}

func (p *bareProgram) create(w http.ResponseWriter, r *http.Request) {
	var book struct {
		Title string
		Year  int64
		Price float64
	}
	if err := json.NewDecoder(r.Body).Decode(&book); err != nil {
		http.Error(w, "bad body", http.StatusBadRequest)
		return
	}
	p.writer.Lock()
	err := p.exec(book.Title, book.Year, int64(book.Price*100))
	p.writer.Unlock()
	if err != nil {
		http.Error(w, "cannot write", http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusCreated)
}

func appendBook(out []byte, s *sqlite3.Stmt) []byte {
	out = strconv.AppendInt(append(out, `{"id":`...), s.ColumnInt64(0), 10)
	out = strconv.AppendQuote(append(out, `,"title":`...), s.ColumnText(1))
	out = strconv.AppendInt(append(out, `,"year":`...), s.ColumnInt64(2), 10)
	price := s.ColumnInt64(3)
	return fmt.Appendf(append(out, `,"price":`...), "%d.%02d}", price/100, price%100)
}
