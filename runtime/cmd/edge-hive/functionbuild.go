package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/examples/kits"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

type functionBuildCommand struct {
	Names []string `arg:"" optional:"" name:"function" help:"The functions; without any, all that have a source."`
	manifestFlags
}

// Run builds modules. Exit codes: 0 all are built, 1 one is not, 2 it cannot be
// done.
func (c *functionBuildCommand) Run(call *call) error {
	m, err := c.load(call)
	if err != nil {
		return err
	}
	picked, err := pick(m, c.Names)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(call.ctx, stopSignals()...)
	defer stop()
	built, failed := 0, 0
	for _, f := range picked {
		switch {
		case f.Source == "" && len(c.Names) > 0:
			return hinted(fmt.Errorf("function %s has no source to be built from", f.Name), `name its folder: source: "functions/`+f.Name+`"`)
		case f.Source == "":
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		built++
		if !call.build(ctx, f) {
			failed++
		}
	}
	switch {
	case failed > 0:
		return errFaults
	case built == 0:
		call.say("no function has a source to be built from\n")
	}
	return nil
}

// build builds one function and says how it went. It reports whether there is a
// module.
func (t *terminal) build(ctx context.Context, f *manifest.Function) bool {
	language, err := kits.Of(f.Source)
	if err != nil {
		t.tell("%s: %v\n", f.Name, err)
		return false
	}
	if !language.Built() {
		t.say("%s: %s, run as it is (%s)\n", f.Name, language.Title, shownPath(f.Module))
		return true
	}
	began := time.Now()
	var output bytes.Buffer
	err = kits.Build(ctx, f.Source, f.Module, &output)
	switch {
	case errors.Is(err, kits.ErrToolchain):
		t.tell("%s: it is in %s, and %s\n", f.Name, language.Title, strings.TrimPrefix(err.Error(), kits.ErrToolchain.Error()+": "))
		return false
	case err != nil && ctx.Err() != nil:
		t.tell("%s: given up\n", f.Name)
		return false
	case err != nil:
		t.tell("%s: not built\n%s", f.Name, tidy(output.String()))
		t.tell("  %v\n", err)
		return false
	}
	size := ""
	if info, err := os.Stat(f.Module); err == nil {
		size = bytesText(info.Size()) + ", "
	}
	t.say("%s: %s, %sin %s (%s)\n", f.Name, language.Title, size, time.Since(began).Round(10*time.Millisecond), shownPath(f.Module))
	return true
}

// mostOutput bounds what is shown of a compiler that has much to say.
const mostOutput = 60 // lines

// tidy is a compiler's output for a person: indented, without empty lines, and no
// longer than can be read. Its first errors say most.
func tidy(output string) string {
	var b strings.Builder
	lines := 0
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, " \t\r\n")
		if line == "" {
			continue
		}
		if lines++; lines > mostOutput {
			b.WriteString("  ...\n")
			break
		}
		b.WriteString("  " + line + "\n")
	}
	return b.String()
}
