package realtime

import (
	"sync"

	"github.com/edge-hive/edge-hive/runtime/auth"
)

// seats counts connections by address and by user. It holds no entry for who
// has none, so that it is as large as what is open.
type seats struct {
	perAddress, perUser int

	mu        sync.Mutex
	addresses map[string]int
	users     map[string]int
}

func newSeats(l Limits) seats {
	return seats{perAddress: l.PerAddress, perUser: l.PerUser, addresses: make(map[string]int), users: make(map[string]int)}
}

// take counts a connection in; false when its address or user has enough.
func (s *seats) take(address string, caller *auth.Caller) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.addresses[address] >= s.perAddress {
		return false
	}
	if caller.UID != "" && s.users[caller.UID] >= s.perUser {
		return false
	}
	s.addresses[address]++
	if caller.UID != "" {
		s.users[caller.UID]++
	}
	return true
}

// change counts a connection for another user; false, and nothing changed, when
// that one has enough.
func (s *seats) change(from, to *auth.Caller) bool {
	if from.UID == to.UID {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if to.UID != "" && s.users[to.UID] >= s.perUser {
		return false
	}
	if to.UID != "" {
		s.users[to.UID]++
	}
	drop(s.users, from.UID)
	return true
}

// give counts a connection out.
func (s *seats) give(address string, caller *auth.Caller) {
	s.mu.Lock()
	defer s.mu.Unlock()
	drop(s.addresses, address)
	drop(s.users, caller.UID)
}

func drop(counts map[string]int, key string) {
	switch counts[key] {
	case 0:
	case 1:
		delete(counts, key)
	default:
		counts[key]--
	}
}
