package conformance

import (
	"net/http"
	"strings"
	"testing"
)

const script = `# a page
as ann
GET /x?a=${one}
Prefer: count=exact
Range: 0-1
--
206
Content-Range: 0-1/${total=}
X-Cache:
ids 1 2

# a write
POST /x
{"a":
 1}
--
400|409
fault 23505 duplicate ${_}
details null
`

func TestParse(t *testing.T) {
	cases, err := parse(script)
	if err != nil || len(cases) != 2 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	read, write := cases[0], cases[1]
	if read.title != "a page" || read.as != "ann" || read.method != "GET" || read.target != "/x?a=${one}" || len(read.sends) != 2 || len(read.headers) != 2 || read.want != "ids 1 2" || read.body != "" {
		t.Errorf("%+v", read)
	}
	if write.line != 12 || write.as != "anon" || write.body != "{\"a\":\n 1}" || strings.Join(write.status, " ") != "400 409" {
		t.Errorf("%+v", write)
	}
	for name, bad := range map[string]string{
		"no title":        "GET /x\n--\n200\n",
		"no request":      "# a\n",
		"no answer":       "# a\nGET /x\n",
		"nothing after":   "# a\nGET /x\n--\n",
		"no status":       "# a\nGET /x\n--\nids 1\n",
		"the same title":  "# a\nGET /x\n--\n200\n# a\nGET /x\n--\n200\n",
		"no target":       "# a\nGET\n--\n200\n",
		"a header, alone": "# a\nas ann\n--\n200\n",
	} {
		if _, err := parse(bad); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// TestJudge proves that an answer can be wrong.
func TestJudge(t *testing.T) {
	const plain = "application/json; charset=utf-8"
	faulty := `{"code":"23505","message":"duplicate key","details":null,"hint":"try"}`
	for _, test := range []struct {
		want, contentType, body string
		right                   bool
	}{
		{`{"a":[1,{"b":null}]}`, plain, `{"a":[1,{"b":null}]}`, true},
		{`{"a":1,"b":2}`, plain, `{"b":2,"a":1}`, true},
		{`{"a":1}`, plain, `{"a":1,"b":2}`, false},
		{`{"a":null}`, plain, `{"b":null}`, false},
		{`[1,2]`, plain, `[2,1]`, false},
		{`[1]`, plain, `[1,2]`, false},
		{`9.50`, plain, `9.50`, true},
		{`9.50`, plain, `9.5`, false},
		{`"1"`, plain, `1`, false},
		{`true`, plain, `false`, false},
		{`null`, plain, `[]`, false},
		{`1`, plain, `1 2`, false},
		{`1`, "text/plain", `1`, false},
		{`1`, plain, `nothing`, false},
		{`"${_}"`, plain, `[1]`, true},
		{`"10.9${_}"`, plain, `10.95`, true},
		{`"10.9${_}"`, plain, `10.8`, false},
		{`"${known}"`, plain, `"value"`, true},
		{`"${known}"`, plain, `"other"`, false},
		{`"${made=}"`, plain, `"x"`, true},
		{"ids 1 2", plain, `[{"id":1},{"id":2}]`, true},
		{"ids 1 2", plain, `[{"id":2},{"id":1}]`, false},
		{"raw\na,b\n1,2", "text/csv", "a,b\n1,2\n", true},
		{"raw\na,b\n1,2", "text/csv", "a,b\n1,3\n", false},
		{"", "", "", true},
		{"", "", "x", false},
		{"any", "", "x", true},
		{"fault 23505 duplicate key", plain, faulty, true},
		{"fault 23505", plain, faulty, true},
		{"fault 23505 duplicate ${_}\ndetails null\nhint \"try\"", plain, faulty, true},
		{"fault 23503", plain, faulty, false},
		{"fault 23505 other", plain, faulty, false},
		{"fault 23505\nhint null", plain, faulty, false},
		{"fault 23505", plain, `{"code":"23505","message":"duplicate key"}`, false},
		{"fault 23505", "text/html", faulty, false},
	} {
		c := &client{values: map[string]string{"known": "value"}}
		one := scripted{status: []string{"200"}, want: test.want}
		a := answer{status: 200, header: http.Header{"Content-Type": {test.contentType}}, body: test.body}
		if problems := c.judge(one, a); (len(problems) == 0) != test.right {
			t.Errorf("%s is answered %s: %v", test.want, test.body, problems)
		}
		if strings.Contains(test.want, "made=") && c.values["made"] != "x" {
			t.Errorf("took %v", c.values)
		}
	}
}

func TestJudgeHeaders(t *testing.T) {
	a := answer{status: 206, header: http.Header{"Content-Range": {"0-1/6"}, "Vary": {"A", "B"}}}
	for _, test := range []struct {
		status, name, value string
		right               bool
	}{
		{"206", "Content-Range", "0-1/6", true},
		{"206", "content-range", "0-1/${total=}", true},
		{"206", "Content-Range", "0-2/${total=}", false},
		{"206", "Content-Range", "", false},
		{"206", "ETag", "", true},
		{"206", "ETag", "${_}", false},
		{"206", "Vary", "A, B", true},
		{"200", "ETag", "", false},
	} {
		c := &client{values: map[string]string{}}
		one := scripted{status: []string{test.status}, headers: []header{{test.name, test.value}}}
		if problems := c.judge(one, a); (len(problems) == 0) != test.right {
			t.Errorf("%s %s: %q: %v", test.status, test.name, test.value, problems)
		}
	}
}
