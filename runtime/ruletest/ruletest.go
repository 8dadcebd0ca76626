// Package ruletest runs the tests of a manifest: rows and callers of their own
// against the rules that would be served, through the gate, in a database that
// engine gives it and nobody else sees. `edge-hive test` calls it. It never
// acts as a role that skips rules where something is expected, and it opens no
// file and no port.
package ruletest

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
)

// Options say what is tested, and where.
type Options struct {
	Manifest *manifest.Manifest // checked
	Schema   *query.Schema
	Rules    *access.Rules
	// Open gives an empty database with the schema in it, and what ends it.
	Open func(context.Context) (store.View, func() error, error)
	// Only picks the tests whose name it matches; nil is all of them.
	Only *regexp.Regexp
}

// Report is what a run found.
type Report struct {
	Tests []Result `json:"tests"`
	// Unexercised are the rules that no expectation asked, or to which all of
	// them got the same answer.
	Unexercised []Gap `json:"unexercised"`
}

// Failed counts the tests that failed.
func (r *Report) Failed() int {
	n := 0
	for i := range r.Tests {
		if len(r.Tests[i].Failures) > 0 {
			n++
		}
	}
	return n
}

// Result is the outcome of one test.
type Result struct {
	Name         string        `json:"name"`
	Expectations int           `json:"expectations"`
	Took         time.Duration `json:"took"` // nanoseconds
	// Failures are placed at the expectations that did not hold, or at the row
	// that could not be written; then no expectation was asked.
	Failures fault.List `json:"failures,omitempty"`
}

// The codes of failures.
const (
	CodeSetup  = "test-setup"  // a row of the test cannot be written
	CodeFailed = "test-failed" // an expectation does not hold
)

// Run runs the tests in the order of the manifest. An error means that they
// could not be run; that a test failed is in the report.
func Run(ctx context.Context, o Options) (*Report, error) {
	report := &Report{Tests: []Result{}}
	covered := &coverage{rules: map[string]*seen{}}
	for i := range o.Manifest.Tests {
		test := &o.Manifest.Tests[i]
		if o.Only != nil && !o.Only.MatchString(test.Name) {
			continue
		}
		result, err := runOne(ctx, &o, test, covered)
		if err != nil {
			return nil, fmt.Errorf("run test %q: %w", test.Name, err)
		}
		report.Tests = append(report.Tests, result)
	}
	report.Unexercised = covered.gaps(o.Manifest)
	return report, nil
}

func runOne(ctx context.Context, o *Options, test *manifest.Test, covered *coverage) (_ Result, err error) {
	began := time.Now()
	view, end, err := o.Open(ctx)
	if err != nil {
		return Result{}, err
	}
	defer func() {
		if endErr := end(); err == nil {
			err = endErr
		}
	}()
	gate, err := data.New(data.Options{Manifest: o.Manifest, Schema: o.Schema, Rules: o.Rules, View: view})
	if err != nil {
		return Result{}, err
	}
	w := newWorld(o, gate, test)
	failures, err := w.populate(ctx)
	if err != nil {
		return Result{}, err
	}
	if len(failures) == 0 {
		for i := range test.Expect {
			problem, err := w.expect(ctx, &test.Expect[i], covered)
			if err != nil {
				return Result{}, err
			}
			if problem != nil {
				failures = append(failures, w.place(test.Expect[i].Path, problem))
			}
		}
	}
	return Result{Name: test.Name, Expectations: len(test.Expect), Took: time.Since(began), Failures: failures}, nil
}
