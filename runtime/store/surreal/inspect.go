package surreal

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// Inspect implements store.Store.
func (s *Store) Inspect(ctx context.Context) (plan.Schema, error) {
	have, there, err := readBoth(ctx, s.client)
	if err != nil {
		return plan.Schema{}, err
	}
	if len(have.pending) > 0 { // who migrated has not come to its end
		if err := s.finishLed(ctx); err != nil {
			return plan.Schema{}, err
		}
		if have, there, err = readBoth(ctx, s.client); err != nil {
			return plan.Schema{}, err
		}
	}
	return have.schema, refuseGrave(findDrift(&have, there))
}

// readBoth reads what is recorded and what is defined. That takes several
// requests: where a migration was committed between them, it reads again.
func readBoth(ctx context.Context, in texts) (recorded, *defined, error) {
	have, err := readRecorded(ctx, in)
	if err != nil {
		return have, nil, err
	}
	for {
		there, errDefined := readDefined(ctx, in, &have.schema)
		again, err := readRecorded(ctx, in)
		if err != nil {
			return have, nil, err
		}
		if again.generation == have.generation {
			return have, there, errDefined
		}
		have = again
	}
}

// texts is what sends texts: the connections, or one transaction.
type texts interface {
	Query(ctx context.Context, text string, vars []byte) ([][]byte, error)
}

// recorded is what _meta:schema says.
type recorded struct {
	schema plan.Schema
	// generation counts the migrations.
	generation int64
	// pending are the definitions that a migration has left for after its
	// transaction.
	pending []string
}

func readRecorded(ctx context.Context, in texts) (recorded, error) {
	found := recorded{schema: plan.Schema{Edges: true}}
	results, err := in.Query(ctx, "SELECT VALUE [schema, generation, pending ?? []] FROM ONLY _meta:schema", nil)
	if err != nil {
		return found, fmt.Errorf("read the recorded schema: %w", err)
	}
	r := wire.NewReader(results[0])
	if r.Kind() != wire.Array || r.Array() != 3 {
		return found, nil // nothing was migrated yet
	}
	text := r.String()
	found.generation = r.Int()
	for range r.Array() {
		found.pending = append(found.pending, string(r.String()))
	}
	if err := r.Err(); err != nil {
		return found, fmt.Errorf("read the recorded schema: %w", err)
	}
	if err := json.Unmarshal(text, &found.schema); err != nil {
		return found, fmt.Errorf("read the recorded schema: %w", err)
	}
	return found, nil
}
