package surreal

import (
	"context"
	"fmt"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// HasValues reports whether any row has a value in a column, other than the one
// that the rows had when the column came.
func (s *Store) HasValues(ctx context.Context, table, column string) (bool, error) {
	have, err := s.Inspect(ctx)
	if err != nil {
		return false, err
	}
	t := have.Table(table)
	if t == nil || t.Column(column) == nil {
		return false, fmt.Errorf("no column %q in table %q", column, table)
	}
	field := storedField(t, column)
	fill, err := s.fieldDefault(ctx, table, field)
	if err != nil {
		return false, err
	}
	text := "RETURN array::len(SELECT VALUE id FROM " + quote(table) + " WHERE " + quote(field) + " != NONE"
	if fill != "" {
		text += " AND " + quote(field) + " != " + fill
	}
	results, err := s.client.Query(ctx, text+" LIMIT 1)", nil)
	if err != nil {
		return false, fmt.Errorf("look for values of %s.%s: %w", table, column, err)
	}
	r := wire.NewReader(results[0])
	n := r.Int()
	return n > 0, r.Err()
}

// fieldDefault is a field's default as the database writes it, "" for none.
func (s *Store) fieldDefault(ctx context.Context, table, field string) (string, error) {
	results, err := s.client.Query(ctx, "RETURN (INFO FOR TABLE "+quote(table)+" STRUCTURE).fields", nil)
	if err != nil {
		return "", fmt.Errorf("look at the fields of %s: %w", table, err)
	}
	r := wire.NewReader(results[0])
	found := ""
	for range r.Array() {
		name, fill := "", ""
		for range r.Map() {
			switch key := string(r.String()); {
			case key == "name":
				name = string(r.String())
			case key == "default" && r.Kind() == wire.String:
				fill = string(r.String())
			default:
				r.Skip()
			}
		}
		if name == field || name == quote(field) {
			found = fill
		}
	}
	return found, r.Err()
}
