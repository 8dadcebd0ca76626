package autotls

import (
	"crypto/rand"
	"sync"
	"time"
)

// ticketKeys are how many keys of session tickets there are at a time: the one that
// new tickets are sealed with, and the one before. What was sealed with another
// cannot be opened by anybody any more, whoever gets hold of this process's memory.
const ticketKeys = 2

// tickets are the keys of a kind of session tickets.
type tickets [][32]byte

// next are the keys after a rotation.
func (t tickets) next() tickets {
	var key [32]byte
	_, _ = rand.Read(key[:]) // it never fails
	return append(tickets{key}, t[:min(len(t), ticketKeys-1)]...)
}

// ticketing seals the sessions of all handshakes. Who is asked for a certificate has
// tickets of another kind than who is not: a session that began without one must
// not go on where one is wanted, for nobody would be asked for it.
type ticketing struct {
	mu            sync.Mutex // handshakes' configurations and their keys change together
	plain, asking tickets
}

// seal gives the keys to configurations; a reload keeps them, and a rotation has new
// ones.
func (t *ticketing) seal(set *configs, rotate bool) {
	if rotate || t.plain == nil {
		t.plain, t.asking = t.plain.next(), t.asking.next()
	}
	set.plain.SetSessionTicketKeys(t.plain)
	set.asking.SetSessionTicketKeys(t.asking)
}

// configure goes over to other configurations.
func (c *Certificates) configure(set *configs) {
	c.tickets.mu.Lock()
	defer c.tickets.mu.Unlock()
	c.tickets.seal(set, false)
	c.configs.Store(set)
}

// rotateTickets has new keys again and again, until all ends.
func (c *Certificates) rotateTickets() {
	turn := time.NewTicker(c.options.Pace.Tickets)
	defer turn.Stop()
	for {
		select {
		case <-c.life.Done():
			return
		case <-turn.C:
			c.rotate()
		}
	}
}

func (c *Certificates) rotate() {
	c.tickets.mu.Lock()
	defer c.tickets.mu.Unlock()
	c.tickets.seal(c.configs.Load(), true)
}
