package query_test

import (
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

func TestDeclareTypes(t *testing.T) {
	words := []string{"text", "int", "float", "decimal", "bool", "timestamp", "date", "uuid", "json", "list", "ref"}
	columns := make([]manifest.Column, len(words))
	for i, word := range words {
		columns[i] = manifest.Column{Name: "a_" + word, Type: word, Scale: 3, Of: "int", Table: "profiles", OnDelete: "setNull"}
	}
	columns[0].Required, columns[1].Default = true, &manifest.Default{JSON: "1"}
	s, err := query.Declare(&manifest.Manifest{Tables: []manifest.Table{
		{Name: "all", Key: manifest.Key{Type: "text"}, Columns: columns, Indexes: []manifest.Index{{Name: "x", Columns: []string{"a_int", "id"}, Unique: true}}},
		{Name: "profiles", Key: manifest.Key{Type: "ref", Table: "accounts", OnDelete: "cascade"}},
		{Name: "accounts", Key: manifest.Key{Type: "int"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	all := s.Table("all")
	var got []string
	for i, c := range all.Columns {
		text := c.Name + " " + c.Type.WireName()
		if c.Required {
			text += " required"
		}
		if c.Ref != nil {
			text += " -> " + c.Ref.Table
		}
		got = append(got, text)
		if c.Index != i || all.Column(c.Name) != c || all.Ref(c).Column != c {
			t.Errorf("column %s is not found at its place", c.Name)
		}
	}
	want := "id text required, a_text text required, a_int bigint required, a_float double precision, a_decimal numeric, a_bool boolean, " +
		"a_timestamp timestamp with time zone, a_date date, a_uuid uuid, a_json jsonb, a_list bigint[], a_ref bigint -> profiles"
	if text := strings.Join(got, ", "); text != want {
		t.Errorf("\n got %s\nwant %s", text, want)
	}
	if all.Column("a_decimal").Type.Scale != 3 || all.Column("a_ref").Ref.OnDelete != query.SetNull || all.Key() != all.Columns[0] {
		t.Error("scale, onDelete or key is lost")
	}
	if ref := s.Table("profiles").Key().Ref; ref == nil || ref.Table != "accounts" || ref.OnDelete != query.Cascade {
		t.Errorf("the key's ref is %+v", ref)
	}
	if x := all.Indexes[0]; x.Name != "x" || !x.Unique || len(x.Columns) != 2 || x.Columns[1] != all.Key() {
		t.Errorf("the index is %+v", x)
	}
	if s.Table("All") != nil || all.Column("ID") != nil {
		t.Error("names are found by their exact text alone")
	}
}

func TestDeclareRefuses(t *testing.T) {
	table := func(columns ...manifest.Column) []manifest.Table {
		return []manifest.Table{{Name: "a", Key: manifest.Key{Type: "int"}, Columns: columns}}
	}
	for _, test := range []struct {
		tables []manifest.Table
		want   string
	}{
		{table(manifest.Column{Name: "x", Type: "number"}), `declare table "a": column "x": no type "number"`},
		{table(manifest.Column{Name: "x", Type: "null"}), `declare table "a": column "x": no type "null"`},
		{table(manifest.Column{Name: "x", Type: "list", Of: "set"}), `declare table "a": column "x": no item type "set"`},
		{table(manifest.Column{Name: "x", Type: "ref", Table: "b"}), `declare table "a": column "x": no table "b"`},
		{table(manifest.Column{Name: "x", Type: "ref", Table: "a", OnDelete: "delete"}), `declare table "a": column "x": no onDelete "delete"`},
		{[]manifest.Table{{Name: "a", Key: manifest.Key{Type: "bigint"}}}, `declare table "a": no key type "bigint"`},
		{[]manifest.Table{{Name: "a", Key: manifest.Key{Type: "ref", Table: "b"}}}, `declare table "a": key: no table "b"`},
		{[]manifest.Table{{Name: "a", Key: manifest.Key{Type: "int"}, Indexes: []manifest.Index{{Name: "x", Columns: []string{"y"}}}}}, `declare table "a": index "x": no column "y"`},
		{[]manifest.Table{
			{Name: "a", Key: manifest.Key{Type: "ref", Table: "b"}}, {Name: "b", Key: manifest.Key{Type: "ref", Table: "a"}},
		}, "lead in a circle"},
		{[]manifest.Table{
			{Name: "a", Key: manifest.Key{Type: "ref", Table: "b", OnDelete: "delete"}}, {Name: "b", Key: manifest.Key{Type: "int"}},
		}, `declare table "a": key: no onDelete "delete"`},
	} {
		if _, err := query.Declare(&manifest.Manifest{Tables: test.tables}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
}
