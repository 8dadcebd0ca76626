package operation

import (
	"errors"
	"reflect"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function"
)

// readHead reads the head of an operation: the members of T and no others, none
// of them twice. No head at all is an empty one.
func readHead[T any](head []byte) (said T, err error) {
	if len(head) == 0 {
		return said, nil
	}
	failed := json.Unmarshal(head, &said, json.RejectUnknownMembers(true))
	if failed == nil {
		return said, nil
	}
	var none T
	var semantic *json.SemanticError
	if !errors.As(failed, &semantic) || semantic.JSONPointer == "" {
		return none, fault.New(function.CodeOperation, "the head of an operation is one JSON object, with each member once")
	}
	name := semantic.JSONPointer.LastToken()
	if errors.Is(failed, json.ErrUnknownName) {
		members := membersOf(reflect.TypeFor[T]())
		return none, fault.Newf(function.CodeOperation, "the head has a member %q, which is none of this operation", fault.Clip(name, shown)).
			WithHint(fault.NearestHint(name, members, "it takes "+strings.Join(members, ", ")))
	}
	return none, fault.Newf(function.CodeOperation, "the member %q of the head is of another type", fault.Clip(name, shown))
}

func membersOf(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// required refuses a head that leaves a member out.
func required(name, value string) error {
	if value == "" {
		return fault.Newf(function.CodeOperation, "the head has no %q", name)
	}
	return nil
}

// parseTime reads "500ms", "90s", "1m30s", "12h", "30d"; "" is 0.
func parseTime(name, text string, most time.Duration) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	bad := fault.Newf(function.CodeOperation, "%s is a duration above zero, and at most %s", name, most).WithHint("such as 500ms, 90s, 5m, 12h or 30d")
	times := int64(1)
	if digits, ok := strings.CutSuffix(text, "d"); ok {
		text, times = digits+"h", 24
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || int64(d) > int64(most)/times {
		return 0, bad
	}
	return time.Duration(int64(d) * times), nil
}

// replyHead writes a head.
func replyHead(said any) ([]byte, error) {
	return json.Marshal(said, jsontext.AllowInvalidUTF8(true)) // what other hosts send in headers is theirs
}
