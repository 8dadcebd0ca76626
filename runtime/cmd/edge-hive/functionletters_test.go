package main

import (
	"context"
	"fmt"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/edge-hive/edge-hive/runtime/engine/admin"
)

// waitDead DATADIR FUNCTION N: waits until a function has so many dead letters.
func waitDead(ts *testscript.TestScript, _ bool, args []string) {
	client := admin.NewClient(ts.MkAbs(args[0]))
	until(ts, args[1]+" has "+args[2]+" dead letters", func() bool {
		status, err := client.Status(context.Background())
		if err != nil || status.Triggers == nil {
			return false
		}
		for _, f := range status.Triggers.Functions {
			if f.Name == args[1] {
				return fmt.Sprint(f.Dead) == args[2] && f.Running == 0
			}
		}
		return false
	})
}
