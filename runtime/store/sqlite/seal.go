package sqlite

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/query"
)

// A backup is sealed: SQLite has no checksums, so a byte that turned in a value
// would go unseen. The seal is a row of _meta, "MARK:DIGEST" in hex. MARK is
// random and finds the digest in the file; DIGEST is the SHA-256 of the whole
// file in which the digest itself is zeros.
const (
	markBytes    = 16
	digestLength = 2 * sha256.Size
)

const forgetBackup = "DELETE FROM _meta WHERE key IN ('" + metaMade + "', '" + metaCursor + "', '" + metaSeal + "')"

// detach makes a copy a file of its own, without WAL and epoch, looks whether
// it is whole, and seals it.
func detach(ctx context.Context, in files, path string) error {
	mark := make([]byte, markBytes)
	if _, err := rand.Read(mark); err != nil {
		return fmt.Errorf("seal the backup: %w", err)
	}
	open := hex.EncodeToString(mark) + ":"
	c, err := in.openFile(path, sqlite3.OPEN_READWRITE)
	if err != nil {
		return err
	}
	c.time.Context = ctx
	err = errors.Join(markAsBackup(c, open), c.close())
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(seal(ctx, f, []byte(open)), f.Close())
}

func markAsBackup(c *conn, open string) error {
	if err := c.db.Exec("PRAGMA journal_mode=DELETE"); err != nil {
		return err
	}
	cursor, err := readCursor(c)
	if err != nil {
		return err
	}
	err = c.inTransaction(func() error {
		return errors.Join(
			c.db.Exec("DELETE FROM _meta WHERE key IN ('"+metaEpoch+"', '"+metaProbe+"')"),
			writeMeta(c, metaMade, time.Now().UTC().Format(time.RFC3339)),
			writeMeta(c, metaCursor, cursor.String()),
			writeMeta(c, metaSeal, open+strings.Repeat("0", digestLength)),
		)
	})
	if err != nil {
		return err
	}
	return wholeness(c, "quick_check")
}

// readCursor is where the feed of a file ends; the zero Cursor in a backup.
func readCursor(c *conn) (query.Cursor, error) {
	text, err := readMeta(c, metaEpoch)
	if err != nil || text == "" {
		return query.Cursor{}, err
	}
	last, err := queryInt(c.db, "SELECT max(seq) FROM _feed")
	if err != nil {
		return query.Cursor{}, err
	}
	cursor := query.Cursor{Seq: uint64(last)}
	_, err = fmt.Sscan(text, &cursor.Epoch)
	return cursor, err
}

// wholeness runs SQLite's own check over the whole file: "quick_check", or
// "integrity_check", which also compares every index with its table.
func wholeness(c *conn, pragma string) error {
	stmt, _, err := c.db.Prepare("PRAGMA " + pragma + "(1)")
	if err != nil {
		return err
	}
	defer stmt.Close()
	if !stmt.Step() {
		return stmt.Err()
	}
	if said := stmt.ColumnText(0); said != "ok" {
		return errors.New(said)
	}
	return nil
}

func seal(ctx context.Context, f *os.File, open []byte) error {
	digest, places, err := digestOf(readerContext{ctx, f}, open)
	if err != nil {
		return err
	}
	if len(places) == 0 {
		return errors.New("the seal is not in the file")
	}
	for _, at := range places {
		if _, err := f.WriteAt([]byte(digest), at); err != nil {
			return err
		}
	}
	return nil
}

// checkSeal compares the seal with the file it is in.
func checkSeal(ctx context.Context, path, sealed string) error {
	if len(sealed) != 2*markBytes+1+digestLength || sealed[2*markBytes] != ':' {
		return errors.New("its seal is broken")
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	open := sealed[:2*markBytes+1]
	digest, _, err := digestOf(readerContext{ctx, f}, []byte(open))
	if err != nil {
		return err
	}
	if open+digest != sealed {
		return errors.New("its bytes have changed since it was made")
	}
	return nil
}

// digestOf is the digest of a file in which every digest behind open is
// zeros, and where these are.
func digestOf(r io.Reader, open []byte) (string, []int64, error) {
	const chunk = 1 << 20
	whole := len(open) + digestLength
	zeros := bytes.Repeat([]byte("0"), digestLength)
	sum := sha256.New()
	var places []int64
	var before int64 // bytes summed
	buf := make([]byte, 0, chunk)
	for {
		n, err := io.ReadFull(r, buf[len(buf):chunk])
		buf = buf[:len(buf)+n]
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return "", nil, err
		}
		for from := 0; ; {
			i := bytes.Index(buf[from:], open)
			if i < 0 || from+i+whole > len(buf) {
				break
			}
			at := from + i + len(open)
			copy(buf[at:], zeros)
			places = append(places, before+int64(at))
			from = at + digestLength
		}
		ready := len(buf)
		if !last {
			ready = max(0, len(buf)-whole+1) // a seal may begin in the rest
		}
		sum.Write(buf[:ready])
		before += int64(ready)
		buf = buf[:copy(buf, buf[ready:])]
		if last {
			return hex.EncodeToString(sum.Sum(nil)), places, nil
		}
	}
}
