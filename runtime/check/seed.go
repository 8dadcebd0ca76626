package check

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// seedRows is how many rows of a seed file are looked at: enough to find a
// wrong file, without reading all of it at each check.
const seedRows = 100

// seed checks that a seed file is there, reads, and names columns of its
// table.
func (c *checker) seed(t *manifest.Table) {
	path := t.Path + ".seed"
	shown := c.relative(t.Seed)
	bad := func(hint, format string, args ...any) {
		c.report(path, fault.Newf(codeSeed, format, args...).WithHint(hint))
	}
	if t.Name == "users" {
		bad("make users with the service role", "users cannot be seeded from a file")
		return
	}
	extension := strings.ToLower(filepath.Ext(t.Seed))
	if extension != ".csv" && extension != ".json" {
		bad("name it .csv or .json", "the seed file %q is neither CSV nor JSON by its name", shown)
		return
	}
	file, err := os.Open(t.Seed)
	switch {
	case errors.Is(err, os.ErrNotExist):
		bad("make it, or correct the path; it starts at the manifest's folder", "there is no seed file %q", shown)
		return
	case err != nil:
		bad("check who may read it", "the seed file %q cannot be read", shown)
		return
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		bad("name a file", "the seed file %q is no file", shown)
		return
	}
	var problem *fault.Fault
	if extension == ".csv" {
		problem = c.seedCSV(t, file, shown)
	} else {
		problem = c.seedJSON(t, file, shown)
	}
	if problem != nil {
		c.report(path, problem)
	}
}

func (c *checker) seedCSV(t *manifest.Table, file io.Reader, shown string) *fault.Fault {
	reader := csv.NewReader(file)
	header, err := reader.Read()
	if err != nil {
		return fault.Newf(codeSeed, "the seed file %q has no first line with the names of columns", shown).WithHint("begin it with a line such as title,year")
	}
	if len(header) > 0 {
		header[0] = strings.TrimPrefix(header[0], "\ufeff")
	}
	if problem := c.seedColumns(t, header, shown, 1); problem != nil {
		return problem
	}
	for range seedRows {
		_, err := reader.Read()
		if err == io.EOF {
			return nil
		}
		var syntax *csv.ParseError
		if errors.As(err, &syntax) {
			return fault.Newf(codeSeed, "line %d of the seed file %q does not read as CSV: %v", syntax.Line, shown, syntax.Err).
				WithHint(`each line has as many values as the first; values with commas stand in "..."`)
		}
		if err != nil {
			return fault.Newf(codeSeed, "the seed file %q cannot be read", shown)
		}
	}
	return nil
}

// seedColumns checks the names that a row gives.
func (c *checker) seedColumns(t *manifest.Table, names []string, shown string, row int) *fault.Fault {
	seen := map[string]bool{}
	for _, name := range names {
		if name != "id" && t.Column(name) == nil {
			problem := c.noColumn(t, name)
			return fault.Newf(codeSeed, "row %d of the seed file %q names %q, which is no column of %s", row, shown, name, t.Name).WithHint(problem.Hint)
		}
		if seen[name] {
			return fault.Newf(codeSeed, "row %d of the seed file %q names %q twice", row, shown, name).WithHint("name it once")
		}
		seen[name] = true
	}
	return nil
}

func (c *checker) seedJSON(t *manifest.Table, file io.Reader, shown string) *fault.Fault {
	broken := func(err error) *fault.Fault {
		f := fault.Newf(codeSeed, "the seed file %q is no JSON array of objects", shown).WithHint(`write [{"title": "Emma"}, ...]`)
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			f = f.WithDetails(syntax.Error())
		}
		return f
	}
	decoder := json.NewDecoder(file)
	if first, err := decoder.Token(); err != nil || first != json.Delim('[') {
		return broken(err)
	}
	for row := 1; row <= seedRows && decoder.More(); row++ {
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			return broken(err)
		}
		names, err := memberNames(raw)
		if err != nil {
			return broken(err)
		}
		if problem := c.seedColumns(t, names, shown, row); problem != nil {
			return problem
		}
	}
	return nil
}

// memberNames gives an object's names in their order, doubles included.
func memberNames(raw json.RawMessage) ([]string, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if first, err := decoder.Token(); err != nil || first != json.Delim('{') {
		return nil, errors.New("not an object")
	}
	var names []string
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		text, ok := name.(string)
		if !ok {
			return nil, errors.New("not a name")
		}
		names = append(names, text)
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
	}
	return names, nil
}
