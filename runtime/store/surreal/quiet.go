package surreal

import (
	"context"
	"fmt"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// hush sees to it that the events of quiet tables, and of no others, keep rows
// out of the feed. A plan does not know which tables are quiet, so it is done
// when a view is opened.
func (s *Store) hush(ctx context.Context, schema *query.Schema) error {
	if len(schema.Tables) == 0 {
		return nil
	}
	var text strings.Builder
	for _, t := range schema.Tables {
		text.WriteString("INFO FOR TABLE " + quote(t.Name) + ";\n")
	}
	results, err := s.client.Read(ctx, text.String(), nil)
	if isMissingTable(err) {
		return nil // the schema is not that of the database, which is told elsewhere
	}
	if err != nil {
		return fmt.Errorf("read the events of the tables: %w", err)
	}
	text.Reset()
	for i, t := range schema.Tables {
		event, err := feedEvent(results[i])
		if err != nil {
			return fmt.Errorf("read the events of table %q: %w", t.Name, err)
		}
		if event != "" && strings.Contains(event, "'"+opHush+"'") != t.Quiet {
			text.WriteString("DEFINE EVENT OVERWRITE " + quote(eventFeed) + eventText(t.Name, t.Quiet) + ";\n")
		}
	}
	if text.Len() == 0 {
		return nil
	}
	for attempt := 1; ; attempt++ {
		_, err := s.client.Query(ctx, "BEGIN;\n"+text.String()+"COMMIT", nil)
		if err == nil {
			return nil
		}
		if attempt == attempts || !isConflict(err) {
			return fmt.Errorf("define the events of the tables: %w", err)
		}
		if err := pause(ctx, attempt); err != nil {
			return err
		}
	}
}

// feedEvent is the definition of the event _feed in the answer to INFO FOR
// TABLE, "" for none.
func feedEvent(answer []byte) (string, error) {
	r := wire.NewReader(answer)
	event := ""
	for range r.Map() {
		if string(r.String()) != "events" {
			r.Skip()
			continue
		}
		for range r.Map() {
			name := string(r.String())
			if text := r.String(); name == eventFeed {
				event = string(text)
			}
		}
	}
	return event, r.Err()
}
