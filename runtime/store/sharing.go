package store

import "context"

// Sharing is a Store on a database that several processes share, in which the
// versions of tables can be the same in all of them: then what one has remembered
// of a version another may use.
type Sharing interface {
	// ShareVersions makes versions of what a process has read of the feed, and of
	// what the processes agree on by way of a board. Where that is away each has
	// versions of its own; never do two have the same where one knows of a commit
	// that the other may not have read. It comes once, before the first view.
	ShareVersions(Board)
	// Look looks for the commits of other processes at once.
	Look()
	// OnCommit sets who is told, at once, that this process has committed
	// something. told may not wait.
	OnCommit(told func())
}

// Board is a place where processes that share a database leave each other a few
// bytes. It may forget, and show what was there long ago.
type Board interface {
	// Read gives what was left last, nil for nothing.
	Read(context.Context) ([]byte, error)
	Write(context.Context, []byte) error
}
