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
	grouped chan groupedBook
}

type bareReader struct {
	conn                         *sqlite3.Conn
	byKey, ofYear, count, joined *sqlite3.Stmt
}

// groupedBook waits for the transaction that it is written in.
type groupedBook struct {
	book
	done chan error
}

type book struct {
	Title string
	Year  int64
	Price float64
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
	mux.HandleFunc("GET /year/{year}", program.list(readYear))
	mux.HandleFunc("GET /joined/{year}", program.list(readJoined))
	mux.HandleFunc("POST /books", create(program.insertAlone))
	mux.HandleFunc("POST /grouped", create(program.insertGrouped))
	go program.group() // until the process ends
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	return server.ListenAndServe()
}

func openBare(path string) (*bareProgram, error) {
	conn, err := openConn(path)
	if err != nil {
		return nil, err
	}
	err = conn.Exec(`CREATE TABLE IF NOT EXISTS books (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL, year INTEGER, price INTEGER, author INTEGER) STRICT;
		CREATE INDEX IF NOT EXISTS byYear ON books (year);
		CREATE TABLE IF NOT EXISTS authors (id INTEGER PRIMARY KEY, name TEXT) STRICT`)
	if err != nil {
		return nil, err
	}
	p := &bareProgram{conn: conn, readers: make(chan *bareReader, 4), grouped: make(chan groupedBook, 1024)}
	if p.insert, _, err = conn.Prepare(`INSERT INTO books (title, year, price, author) VALUES (?, ?, ?, ?)`); err != nil {
		return nil, err
	}
	if err := p.fill(); err != nil {
		return nil, err
	}
	for range cap(p.readers) {
		reader, err := newBareReader(path)
		if err != nil {
			return nil, err
		}
		p.readers <- reader
	}
	return p, p.fillCache()
}

func newBareReader(path string) (*bareReader, error) {
	reader := &bareReader{}
	var err error
	if reader.conn, err = openConn(path); err != nil {
		return nil, err
	}
	for _, s := range []struct {
		statement **sqlite3.Stmt
		text      string
	}{
		{&reader.byKey, `SELECT id, title, year, price FROM books WHERE id = ?`},
		{&reader.ofYear, `SELECT id, title, year, price FROM books WHERE year = ? ORDER BY price DESC, id LIMIT 20`},
		{&reader.count, `SELECT count(*) FROM books WHERE year = ?`},
		{&reader.joined, `SELECT b.id, b.title, a.name FROM books b LEFT JOIN authors a ON a.id = b.author WHERE b.year = ? ORDER BY b.id LIMIT 20`},
	} {
		if *s.statement, _, err = reader.conn.Prepare(s.text); err != nil {
			return nil, err
		}
	}
	return reader, nil
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
		if err := p.exec(fmt.Sprintf("Book number %d", i), int64(firstYear+i%years), int64(i%90*100+50), int64(1+i%authorRows)); err != nil {
			return err
		}
	}
	for i := 1; i <= authorRows; i++ {
		if err := p.conn.Exec(fmt.Sprintf(`INSERT INTO authors (id, name) VALUES (%d, 'Author number %d')`, i, i)); err != nil {
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

func (p *bareProgram) exec(title string, year, price, author int64) error {
	if err := p.insert.BindText(1, title); err != nil {
		return err
	}
	if err := p.insert.BindInt64(2, year); err != nil {
		return err
	}
	if err := p.insert.BindInt64(3, price); err != nil {
		return err
	}
	if err := p.insert.BindInt64(4, author); err != nil {
		return err
	}
	p.insert.Step()
	return p.insert.Reset()
}

// list answers the rows of a year, which read appends, each with a comma in
// front.
func (p *bareProgram) list(read func(*bareReader, int64, http.ResponseWriter, *http.Request) ([]byte, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		year, err := strconv.ParseInt(r.PathValue("year"), 10, 64)
		if err != nil {
			http.Error(w, "bad year", http.StatusBadRequest)
			return
		}
		reader := <-p.readers
		defer func() { p.readers <- reader }()
		rows, err := read(reader, year, w, r)
		if err != nil {
			http.Error(w, "cannot read", http.StatusInternalServerError)
			return
		}
		writeList(w, rows)
	}
}

func readYear(reader *bareReader, year int64, w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.URL.RawQuery == "count" {
		defer reader.count.Reset()
		if err := reader.count.BindInt64(1, year); err != nil {
			return nil, err
		}
		if reader.count.Step() {
			w.Header().Set("Content-Range", "0-19/"+strconv.FormatInt(reader.count.ColumnInt64(0), 10))
		}
	}
	defer reader.ofYear.Reset()
	if err := reader.ofYear.BindInt64(1, year); err != nil {
		return nil, err
	}
	out := make([]byte, 0, 2048)
	for reader.ofYear.Step() {
		out = appendBook(append(out, ','), reader.ofYear)
	}
	return out, reader.ofYear.Err()
}

func readJoined(reader *bareReader, year int64, _ http.ResponseWriter, _ *http.Request) ([]byte, error) {
	defer reader.joined.Reset()
	if err := reader.joined.BindInt64(1, year); err != nil {
		return nil, err
	}
	out := make([]byte, 0, 2048)
	for reader.joined.Step() {
		out = strconv.AppendInt(append(out, `,{"id":`...), reader.joined.ColumnInt64(0), 10)
		out = strconv.AppendQuote(append(out, `,"title":`...), reader.joined.ColumnText(1))
		out = strconv.AppendQuote(append(out, `,"authors":{"name":`...), reader.joined.ColumnText(2))
		out = append(out, "}}"...)
	}
	return out, reader.joined.Err()
}

// writeList writes rows that each have a comma in front.
func writeList(w http.ResponseWriter, rows []byte) {
	if len(rows) == 0 {
		rows = []byte{'['}
	}
	rows[0] = '['
	w.Header().Set("Content-Type", "application/json")
	w.Write(append(rows, ']'))
}

// groupSize is how many inserts share one durable commit at most.
const groupSize = 64

// group writes what waits in one transaction.
func (p *bareProgram) group() {
	for first := range p.grouped {
		waiting := []groupedBook{first}
		for more := true; more && len(waiting) < groupSize; {
			select {
			case next := <-p.grouped:
				waiting = append(waiting, next)
			default:
				more = false
			}
		}
		p.writer.Lock()
		err := p.conn.Exec(`BEGIN IMMEDIATE`)
		for _, b := range waiting {
			err = errors.Join(err, p.exec(b.Title, b.Year, int64(b.Price*100), 1))
		}
		err = errors.Join(err, p.conn.Exec(`COMMIT`))
		p.writer.Unlock()
		for _, b := range waiting {
			b.done <- err
		}
	}
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

// create answers a POST of a book.
func create(insert func(book) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var b book
		if err := json.NewDecoder(r.Body).Decode(&b); err != nil {
			http.Error(w, "bad body", http.StatusBadRequest)
			return
		}
		if err := insert(b); err != nil {
			http.Error(w, "cannot write", http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusCreated)
	}
}

func (p *bareProgram) insertAlone(b book) error {
	p.writer.Lock()
	defer p.writer.Unlock()
	return p.exec(b.Title, b.Year, int64(b.Price*100), 1)
}

func (p *bareProgram) insertGrouped(b book) error {
	waiting := groupedBook{book: b, done: make(chan error, 1)}
	p.grouped <- waiting
	return <-waiting.done
}

func appendBook(out []byte, s *sqlite3.Stmt) []byte {
	out = strconv.AppendInt(append(out, `{"id":`...), s.ColumnInt64(0), 10)
	out = strconv.AppendQuote(append(out, `,"title":`...), s.ColumnText(1))
	out = strconv.AppendInt(append(out, `,"year":`...), s.ColumnInt64(2), 10)
	price := s.ColumnInt64(3)
	return fmt.Appendf(append(out, `,"price":`...), "%d.%02d}", price/100, price%100)
}
