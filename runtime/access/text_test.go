package access_test

import (
	"testing"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// TestText proves that what is written reads back as the same rule.
func TestText(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"member(club)", "tables.members.exists(m, m.club == club && m.user == auth.uid)"},
		{"member(parent.club) || club.name == 'it\\'s'", "tables.members.exists(m, m.club == parent.club && m.user == auth.uid) || club.name == 'it\\'s'"},
		{"club.head.nickname != null && !(text in ['a', 'b'])", "club.head.nickname != null && !(text in ['a', 'b'])"},
		{"tables.members.exists(x, tables.members.exists(y, y.club == x.club && y.user == author))", "tables.members.exists(m, tables.members.exists(m2, m2.club == m.club && m2.user == author))"},
		{"club.meta.a['b c'][0] == 3 || 'x' in club.tags", "club.meta.a['b c'][0] == 3 || 'x' in club.tags"},
		{"(text == 'a' || text == 'b') && size(text) + 1 > 2", "(text == 'a' || text == 'b') && (size(text) + 1) > 2"},
		{"text.matches('^a') && text.contains('b') && lower(text).startsWith('c')", "text.matches('^a') && text.contains('b') && lower(text).startsWith('c')"},
		{"text == 'a' ? author == auth.uid : auth.claims.role == 'staff'", "(text == 'a') ? (author == auth.uid) : (auth.claims.role == 'staff')"},
	} {
		rule, faults := posts(t, test.text)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		got := access.Text(rule)
		if got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.text, got, test.want)
		}
		again, faults := posts(t, got)
		if len(faults) > 0 || query.String(again) != query.String(rule) {
			t.Errorf("%s reads back as another rule: %v", got, faults)
		}
	}
}
