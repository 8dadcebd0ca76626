package surreal

import (
	"errors"
	"fmt"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
)

// What begins the message of an error of the server's storage, and what it says
// then. Nothing of a request stands before it.
const (
	storageSays = "There was a problem with the key-value store: "
	eventSays   = "Error while processing event " + eventFeed + ": "

	saysNoSpace    = "No space left on device"
	saysDeleteOnly = "The datastore is in read-and-deletion-only mode"
	saysAway       = "Connection to storage backend failed"
	saysLarge      = "The transaction is too large"
	saysLargeKey   = "The key being inserted is too large"
)

// storageWord is what the server's storage says in an error, "" where the error is
// another's.
func storageWord(err error) string {
	var failed *rpc.StatementError
	if !errors.As(err, &failed) || failed.Kind != "Internal" {
		return ""
	}
	word, found := strings.CutPrefix(strings.TrimPrefix(failed.Message, eventSays), storageSays)
	if !found {
		return ""
	}
	return word
}

// storageError is what an error of the storage means to who asked; nil where it
// is another's, or means nothing to them.
func storageError(err error) error {
	switch word := storageWord(err); {
	case strings.HasPrefix(word, saysDeleteOnly), strings.Contains(word, saysNoSpace):
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	case strings.HasPrefix(word, saysAway):
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	case strings.HasPrefix(word, saysLarge), strings.HasPrefix(word, saysLargeKey):
		return fault.New(codeTooLarge, "the statement or one of its values is too large").WithCause(err)
	}
	return nil
}

// lostStorage is the error of a write whose server lost its storage, of which it
// is not known whether it was done; nil for others.
func (t *transaction) lostStorage(failed *rpc.StatementError) error {
	if !strings.HasPrefix(storageWord(failed), saysAway) {
		return nil
	}
	return &rpc.UnavailableError{Address: t.store.client.Address(), Sent: true, Cause: failed}
}
