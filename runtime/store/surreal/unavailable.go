package surreal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
)

// healthTime bounds the question that Health asks: a server that answers no
// later than this is there.
const healthTime = time.Second

var errSlow = fmt.Errorf("the database did not answer within %s", healthTime)

// Health implements store.Store: the server is heard, and reads a row of ours
// from its storage. It writes nothing, for several nodes may ask every second.
func (s *Store) Health(ctx context.Context) error {
	if err := s.gate.Enter(ctx); err != nil {
		return err
	}
	defer s.gate.Leave()
	if err := s.client.Ready(); err != nil {
		return unavailable(err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, healthTime, errSlow)
	defer cancel()
	if _, err := s.client.Read(ctx, "SELECT VALUE made FROM ONLY _meta:system", nil); err != nil {
		return unavailable(err)
	}
	return nil
}

// unavailable says of an error of the connections what it is to those above.
func unavailable(err error) error {
	switch {
	case errors.Is(err, rpc.ErrClosed):
		return store.ErrClosed
	case errors.Is(err, rpc.ErrUnavailable), errors.Is(err, errSlow):
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return err
}
