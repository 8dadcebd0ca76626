package redis

import (
	"context"
	"time"
)

// BePatient has clients wait as long for a server as slow machines take.
func BePatient(d time.Duration) { connectTime, patientTime, closeTime = d, d, d }

// Forsake stops renewing a lock, as a node does that has died.
func (v *Vault) Forsake(name string) {
	l := &v.leases
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, held := range l.held {
		if key == "{"+l.client.keys.prefix+":t}:lock:"+name {
			close(held.stop)
			delete(l.held, key)
		}
	}
}

// Names are all keys that there are.
func (c *Client) Names(ctx context.Context) []string {
	names, _ := c.redis().Keys(ctx, "*").Result()
	return names
}
