package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/difference"
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

const codeRollback = "rollback-refused"

// Back is the way back to the schema that a migration left.
type Back struct {
	// To is that migration, 0 for the database before the first.
	To int64 `json:"to"`
	// Manifest is the hash of the manifest that it belonged to, "" before the
	// first.
	Manifest string              `json:"manifest,omitempty"`
	Database string              `json:"database"`
	Changes  []difference.Change `json:"changes"`
}

// BeforeLast as the target of a rollback undoes the last migration.
const BeforeLast = -1

// Rollback brings a database that nobody serves to the schema that an earlier
// migration left, where no row and no value is lost: else it is refused, with
// the names. confirm sees the way and may refuse it; nobody can serve the
// database meanwhile. It reports whether it was done.
func Rollback(ctx context.Context, m *manifest.Manifest, to int64, who string, confirm func(Back) (bool, error)) (_ bool, err error) {
	if _, err := admin.NewClient(m.DataDir()).Status(ctx); !errors.Is(err, admin.ErrNotRunning) {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		return false, rollbackServed(m)
	}
	if found, err := inspect(ctx, m); isServed(err) {
		return false, rollbackServed(m)
	} else if err != nil || len(found.History) == 0 {
		return false, errors.Join(err, fault.Newf(codeRollback, "the database %s has no migration to go back over", m.Database.Address()).
			WithHint("edge-hive history lists them"))
	}
	db, err := openDatabase(ctx, m, nil)
	if isServed(err) {
		return false, rollbackServed(m)
	}
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	p, back, err := wayBack(ctx, db, to)
	if err != nil {
		return false, err
	}
	back.Database = m.Database.Address()
	if p.Empty() {
		return false, fault.Newf(codeRollback, "the database has the tables of migration %d already", back.To).WithHint("edge-hive history lists the others")
	}
	p.Who, p.Hash = who, back.Manifest
	if yes, err := confirm(back); err != nil || !yes {
		return false, err
	}
	if err := db.Migrate(ctx, p); err != nil {
		return false, migrationFault(m, err)
	}
	return true, nil
}

func rollbackServed(m *manifest.Manifest) error {
	return fault.Newf("running", "a server runs on the data folder %s, and would no longer fit the tables", m.DataDir()).
		WithHint("stop it first; or put the manifest of then back and reload, which makes the same way. Nothing has changed")
}

// wayBack plans it. What would be lost is a fault.List.
func wayBack(ctx context.Context, db database, to int64) (plan.Plan, Back, error) {
	records, err := db.History(ctx)
	if err != nil {
		return plan.Plan{}, Back{}, err
	}
	have, err := db.Inspect(ctx)
	if err != nil {
		return plan.Plan{}, Back{}, err
	}
	if to == BeforeLast {
		to = 0
		if len(records) > 1 {
			to = records[len(records)-2].ID
		}
	}
	back := Back{To: to, Changes: []difference.Change{}}
	for _, r := range records {
		if r.ID == to {
			back.Manifest = r.Hash
		}
	}
	then, ok := plan.Earlier(records, to)
	if !ok {
		return plan.Plan{}, Back{}, fault.Newf(codeRollback, "the history has no migration %d", to).WithHint("edge-hive history lists them")
	}
	removed, filled, err := lost(ctx, db, have, then)
	if err != nil {
		return plan.Plan{}, Back{}, err
	}
	p := plan.Diff(have, then, removed)
	back.Changes = difference.Steps(p, &manifest.Manifest{}, filled)
	var faults fault.List
	for _, change := range back.Changes {
		if change.Grade == difference.Refused {
			faults = append(faults, fault.Newf(codeRollback, "going back: %s", change.What).WithHint(change.Hint))
		}
	}
	for i := range back.Changes { // nothing is lost: what goes is empty
		back.Changes[i].Path = ""
		if back.Changes[i].Grade == difference.LosesData {
			back.Changes[i].Grade = difference.Safe
			back.Changes[i].What = strings.Replace(strings.Replace(back.Changes[i].What, " and its rows", ", which is empty", 1), " and its values", ", which has none", 1)
		}
	}
	return p, back, faults.Err()
}

// lost names what goes and is empty, and the tables with rows; what is not
// empty is a fault.
func lost(ctx context.Context, db database, have, then plan.Schema) (removed []string, filled map[string]bool, err error) {
	filled = map[string]bool{}
	for i := range have.Tables {
		name := have.Tables[i].Name
		if filled[name], err = db.HasValues(ctx, name, have.Tables[i].Columns[0].Name); err != nil {
			return nil, nil, err
		}
	}
	var faults fault.List
	tables, columns := plan.Gone(have, then)
	for _, table := range tables {
		if filled[table] {
			faults = append(faults, fault.Newf(codeRollback, "table %s goes, and has rows, which would be lost", table).
				WithHint("move or delete them first, or keep the table: name it in removed of the manifest to drop it with its rows"))
			continue
		}
		removed = append(removed, table)
	}
	for _, c := range columns {
		has, err := db.HasValues(ctx, c[0], c[1])
		if err != nil {
			return nil, nil, err
		}
		if has {
			faults = append(faults, fault.Newf(codeRollback, "column %s.%s goes, and has values, which would be lost", c[0], c[1]).
				WithHint(fmt.Sprintf("make them null first, or keep the column: name it in removed of the manifest (%q) to drop it with its values", c[0]+"."+c[1])))
			continue
		}
		removed = append(removed, c[0]+"."+c[1])
		if next := then.Table(c[0]); next == nil { // it goes under the name that the table gets
			for i := range then.Tables {
				if then.Tables[i].Was == c[0] {
					removed = append(removed, then.Tables[i].Name+"."+c[1])
				}
			}
		}
	}
	return removed, filled, faults.Err()
}
