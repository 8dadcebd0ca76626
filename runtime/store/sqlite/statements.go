package sqlite

import "github.com/ncruces/go-sqlite3"

// statements keeps prepared statements by their text, the least recently used
// goes first.
type statements struct {
	db     *sqlite3.Conn
	bound  int
	byText map[string]*statement
	head   statement // ring: head.next is the most recently used
}

type statement struct {
	text       string
	stmt       *sqlite3.Stmt
	prev, next *statement
}

func (s *statements) init(db *sqlite3.Conn, bound int) {
	s.db, s.bound = db, bound
	s.byText = make(map[string]*statement, bound)
	s.head.prev, s.head.next = &s.head, &s.head
}

// get gives the statement of a text, reset and with its former bindings. It
// stays the cache's: reset it after use, never close it.
func (s *statements) get(text []byte) (*sqlite3.Stmt, error) {
	if known, ok := s.byText[string(text)]; ok {
		if s.head.next != known {
			known.unlink()
			s.pushFront(known)
		}
		return known.stmt, nil
	}
	own := string(text)
	stmt, _, err := s.db.PrepareFlags(own, sqlite3.PREPARE_PERSISTENT)
	if err != nil {
		return nil, err
	}
	if len(s.byText) >= s.bound {
		s.drop(s.head.prev)
	}
	entry := &statement{text: own, stmt: stmt}
	s.byText[own] = entry
	s.pushFront(entry)
	return stmt, nil
}

func (s *statements) pushFront(e *statement) {
	e.prev, e.next = &s.head, s.head.next
	e.prev.next, e.next.prev = e, e
}

func (e *statement) unlink() { e.prev.next, e.next.prev = e.next, e.prev }

func (s *statements) drop(e *statement) {
	e.unlink()
	delete(s.byText, e.text)
	_ = e.stmt.Close() // the error is that of its last step, told there
}

func (s *statements) clear() {
	for s.head.next != &s.head {
		s.drop(s.head.next)
	}
}

// resetAll ends every statement that still runs, after a panic.
func (s *statements) resetAll() {
	for e := s.head.next; e != &s.head; e = e.next {
		_ = e.stmt.Reset()
	}
}
