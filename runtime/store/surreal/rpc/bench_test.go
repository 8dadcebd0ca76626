package rpc_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"sync/atomic"
	"testing"

	surrealdb "github.com/surrealdb/surrealdb.go"
	"github.com/surrealdb/surrealdb.go/pkg/connection"
	"github.com/surrealdb/surrealdb.go/pkg/connection/gorillaws"
	"github.com/surrealdb/surrealdb.go/pkg/logger"
	"github.com/surrealdb/surrealdb.go/pkg/models"

	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

const rowText = "SELECT * FROM ONLY $row"

// BenchmarkQuery compares with the library's own call, on the same server.
func BenchmarkQuery(b *testing.B) {
	server := surrealtest.Shared(b)
	o := options(server.URL)
	o.Connections = 8
	c := dial(b, o)
	must(b, c, "DEFINE TABLE book SCHEMALESS; CREATE book:1 SET title = 'Solaris', author = 'Stanisław Lem', year = 1961, price = 9.5, tags = ['sf', 'classic']")
	row := wire.AppendInt(wire.AppendRecord(wire.AppendString(wire.AppendMap(nil, 1), "row"), "book"), 1)

	u, err := url.Parse(server.URL)
	if err != nil {
		b.Fatal(err)
	}
	config := connection.NewConfig(u)
	config.Logger = logger.New(slog.NewTextHandler(io.Discard, nil))
	db, err := surrealdb.FromConnection(b.Context(), gorillaws.New(config))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close(context.Background()) }()
	if _, err := db.SignIn(b.Context(), surrealdb.Auth{Username: "root", Password: "root"}); err != nil {
		b.Fatal(err)
	}
	if err := db.Use(b.Context(), o.Namespace, o.Database); err != nil {
		b.Fatal(err)
	}

	for _, test := range []struct {
		name string
		ours func() error
		bare func() error
	}{
		{
			"constant",
			func() error { _, err := c.Query(b.Context(), "RETURN 1", nil); return err },
			func() error { _, err := surrealdb.Query[int](b.Context(), db, "RETURN 1", nil); return err },
		},
		{
			"row",
			func() error { _, err := c.Query(b.Context(), rowText, row); return err },
			func() error {
				_, err := surrealdb.Query[map[string]any](b.Context(), db, rowText, map[string]any{"row": models.NewRecordID("book", 1)})
				return err
			},
		},
	} {
		for _, goroutines := range []int{1, 64} {
			for name, ask := range map[string]func() error{"ours": test.ours, "bare": test.bare} {
				b.Run(fmt.Sprintf("%s/%d/%s", test.name, goroutines, name), func(b *testing.B) {
					b.ReportAllocs()
					share(b, goroutines, ask)
				})
			}
		}
	}
}

// share runs b.N calls on so many goroutines.
func share(b *testing.B, goroutines int, ask func() error) {
	var left atomic.Int64
	left.Store(int64(b.N))
	done := make(chan error, goroutines)
	for range goroutines {
		go func() {
			for left.Add(-1) >= 0 {
				if err := ask(); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range goroutines {
		if err := <-done; err != nil {
			b.Error(err)
		}
	}
}
