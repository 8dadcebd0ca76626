package surreal

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// formatVersion is that of our own tables and of what stands in them.
const formatVersion = 1

// systemText defines our own tables and functions; it can be run again. They
// begin with _, a name that no manifest can utter.
func systemText(keep time.Duration) string {
	var text strings.Builder
	text.WriteString(analyzerText)
	fmt.Fprintf(&text, "DEFINE TABLE OVERWRITE %s DROP SCHEMALESS CHANGEFEED %ds PERMISSIONS NONE;\n", quote(tableChanges), max(int64(keep/time.Second), 1))
	for _, table := range []string{tableMeta, tableHistory, tableOnce, tableKeys, tableLeases, tableNotes, tableNodes, tableBroadcasts, tableWitness, tableTouched} {
		fmt.Fprintf(&text, "DEFINE TABLE OVERWRITE %s SCHEMALESS PERMISSIONS NONE;\n", quote(table))
	}
	fmt.Fprintf(&text, "DEFINE ACCESS OVERWRITE %s ON DATABASE TYPE BEARER FOR USER DURATION FOR GRANT 1s;\n", accessForget)
	fmt.Fprintf(&text, "DEFINE INDEX IF NOT EXISTS at ON %s FIELDS at;\n", tableOnce)
	for _, function := range functionTexts() {
		text.WriteString(function + ";\n")
	}
	return text.String()
}

// attempts is how often a text is sent that others may be in the way of.
const attempts = 10

// prepare makes our system tables, unless they are there as this program makes
// them.
func (s *Store) prepare(ctx context.Context) error {
	text := systemText(s.options.ChangesKeep)
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(text))
	made := strconv.FormatUint(sum.Sum64(), 16)
	for attempt := 1; ; attempt++ {
		err := s.prepareOnce(ctx, text, made)
		if err == nil || attempt == attempts || !isConflict(err) {
			return err
		}
		if err := pause(ctx, attempt); err != nil {
			return err
		}
	}
}

func (s *Store) prepareOnce(ctx context.Context, text, made string) error {
	there, format, err := s.readSystem(ctx)
	switch {
	case err != nil:
		return err
	case format > formatVersion:
		return fmt.Errorf("the database has the format %d of a newer edge-hive; this one knows %d", format, formatVersion)
	case there == made:
		return nil
	}
	vars := wire.AppendMap(nil, 2)
	vars = wire.AppendString(wire.AppendString(vars, "made"), made)
	vars = wire.AppendInt(wire.AppendString(vars, "format"), formatVersion)
	_, err = s.client.Query(ctx, "BEGIN;\n"+text+
		"UPSERT _meta:system SET made = $made, format = $format;\nCOMMIT", vars)
	return err
}

// readSystem tells what made the system tables that are there; "" is nobody.
func (s *Store) readSystem(ctx context.Context) (made string, format int64, err error) {
	results, err := s.client.Query(ctx, "SELECT VALUE [made, format] FROM ONLY _meta:system", nil)
	if isMissingTable(err) {
		return "", 0, nil
	}
	if err != nil {
		return "", 0, err
	}
	r := wire.NewReader(results[0])
	if r.Kind() != wire.Array || r.Array() != 2 {
		return "", 0, nil
	}
	made, format = string(r.String()), r.Int()
	return made, format, r.Err()
}

// pause waits a little longer at each attempt.
func pause(ctx context.Context, attempt int) error {
	timer := time.NewTimer(time.Duration(attempt*attempt) * 5 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func isMissingTable(err error) bool {
	var e *rpc.StatementError
	return errors.As(err, &e) && e.Kind == "NotFound" && strings.HasPrefix(e.Message, "The table ")
}

// isConflict reports a transaction that another one was in the way of.
func isConflict(err error) bool {
	var e *rpc.StatementError
	return errors.As(err, &e) && strings.Contains(strings.ToLower(e.Message), "conflict")
}
