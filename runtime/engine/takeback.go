package engine

import (
	"context"
	"fmt"

	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// takeBack undoes the migrations of a process that failed to follow, where nothing is
// lost by that. Where something would be, and all is there that is served, the heir
// serves beside what came.
func (e *Engine) takeBack(ctx context.Context, l *left) error {
	db, ok := e.shared.store.(database)
	if !ok {
		return nil
	}
	history, err := db.History(ctx)
	if err != nil {
		return fmt.Errorf("look at the migrations: %w", err)
	}
	if len(history) == 0 || history[len(history)-1].ID == l.migration {
		return nil
	}
	p, _, err := wayBack(ctx, db, l.migration)
	if err == nil && p.Empty() {
		return nil
	}
	if err == nil {
		p.Who, p.Hash = By("an upgrade that failed"), l.draft.manifest.Hash
		err = db.Migrate(ctx, p)
	}
	if err == nil {
		e.log.Warn("the migration of the new program was taken back", "steps", len(p.Steps))
		return nil
	}
	have, failed := db.Inspect(ctx)
	if failed != nil || !holds(have, plan.FromManifest(l.draft.manifest, l.draft.schema)) {
		return fmt.Errorf("take back the migration of the new program: %w", err)
	}
	e.log.Warn("the migration of the new program stays: something would be lost with it", "cause", err.Error())
	l.beside = true
	return nil
}

// takeBackBeside is takeBack while this process serves: what came to tables is none of
// its business, and may be another node's by now.
func (e *Engine) takeBackBeside(l *left) error {
	have, err := e.shared.store.Inspect(e.life)
	if err != nil {
		return fmt.Errorf("look at the database: %w", err)
	}
	if holds(have, plan.FromManifest(l.draft.manifest, l.draft.schema)) {
		return nil
	}
	return e.takeBack(e.life, l)
}
