package manifest_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

const hidden = "correct-horse-battery-staple"

// TestSecretValueIsNeverPrinted holds every usual way of printing against it,
// alone and inside other values.
func TestSecretValueIsNeverPrinted(t *testing.T) {
	v := manifest.NewSecretValue(hidden)
	type holder struct {
		Public string
		Secret manifest.SecretValue
		Also   *manifest.SecretValue
	}
	type private struct {
		secret manifest.SecretValue
		also   *manifest.SecretValue
	}
	var printed strings.Builder
	for _, holds := range []any{v, &v, []manifest.SecretValue{v}, map[string]manifest.SecretValue{"a": v}, holder{"p", v, &v}, &holder{"p", v, &v}, private{v, &v}, &private{v, &v}, struct{ error }{fmt.Errorf("key %v", v)}} {
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&printed, format+"\n", holds)
		}
		text, err := json.Marshal(holds)
		if err != nil {
			t.Fatal(err)
		}
		printed.Write(text)
		for _, to := range []*slog.Logger{
			slog.New(slog.NewJSONHandler(&printed, nil)), slog.New(slog.NewTextHandler(&printed, nil)),
		} {
			to.Info("made", "value", holds, slog.Any("again", holds))
			to.With("value", holds).WithGroup("g").Info("made")
		}
	}
	if strings.Contains(printed.String(), hidden) || strings.Contains(printed.String(), fmt.Sprintf("%x", hidden)) {
		t.Errorf("the secret is printed:\n%s", printed.String())
	}
	if !strings.Contains(printed.String(), "***") {
		t.Errorf("nothing shows that a secret was there:\n%s", printed.String())
	}
	if v.Reveal() != hidden || v.String() != "***" || (manifest.SecretValue{}).Reveal() != "" {
		t.Error("the secret is lost")
	}
}

func TestSecretRead(t *testing.T) {
	write := func(content string) *manifest.Secret {
		file := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return &manifest.Secret{File: file}
	}
	t.Setenv("EDGE_HIVE_TEST_SECRET", hidden)
	t.Setenv("EDGE_HIVE_TEST_EMPTY", "")
	for _, test := range []struct {
		name   string
		secret *manifest.Secret
		want   string // "" for an error
	}{
		{"environment", &manifest.Secret{Env: "EDGE_HIVE_TEST_SECRET"}, hidden},
		{"empty variable", &manifest.Secret{Env: "EDGE_HIVE_TEST_EMPTY"}, ""},
		{"no variable", &manifest.Secret{Env: "EDGE_HIVE_TEST_NOTHING"}, ""},
		{"file", write(hidden), hidden},
		{"file with a newline", write(hidden + "\n"), hidden},
		{"file of Windows", write(hidden + "\r\n"), hidden},
		{"only one newline is cut", write(hidden + "\n\n"), hidden + "\n"},
		{"blanks are kept", write(" " + hidden + " \n"), " " + hidden + " "},
		{"empty file", write(""), ""},
		{"file of a newline", write("\n"), ""},
		{"no file", &manifest.Secret{File: filepath.Join(t.TempDir(), "none")}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			v, err := test.secret.Read()
			if (err != nil) != (test.want == "") || v.Reveal() != test.want {
				t.Errorf("got %q, %v", v.Reveal(), err)
			}
		})
	}
}

func TestManifestFinds(t *testing.T) {
	m := &manifest.Manifest{Tables: []manifest.Table{{Name: "a"}, {Name: "books", Columns: []manifest.Column{{Name: "x"}, {Name: "title"}}}}}
	books := m.Table("books")
	if books != &m.Tables[1] || m.Table("Books") != nil || m.Table("") != nil {
		t.Error("tables are found by their exact name alone")
	}
	if books.Column("title") != &books.Columns[1] || books.Column("Title") != nil || books.Column("id") != nil {
		t.Error("columns are found by their exact name alone")
	}
}
