package difference

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// fields compares two structs field by field, for parts whose changes are nobody's
// but the operator's. Each that differs is a change of the area; grades has those
// that are more than safe, by the field's name. Either may be nil.
func (c *comparer) fields(path string, area Area, of string, old, next any, grades map[string]Grade) {
	was, is := members(old), members(next)
	for i := range max(len(was), len(is)) {
		var one, other member
		if i < len(was) {
			one = was[i]
		}
		if i < len(is) {
			other = is[i]
		}
		name := one.name + other.name[min(len(one.name), len(other.name)):]
		if one.said == other.said {
			continue
		}
		change := Change{Area: area, Sign: Turns, Grade: Safe, What: "changes " + words(name) + " of " + of, Was: one.said, Is: other.said}
		if grade, ok := grades[name]; ok {
			change.Grade = grade
		}
		c.add(path, change)
	}
}

// member is a field of a struct as a reader sees it.
type member struct{ name, said string }

// members are the fields of a struct, or of what a pointer leads to; none of nil.
func members(of any) []member {
	v := reflect.ValueOf(of)
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if !v.IsValid() {
		return nil
	}
	var all []member
	for i := range v.NumField() {
		if field := v.Type().Field(i); field.Name != "Path" {
			all = append(all, member{field.Name, sayValue(v.Field(i))})
		}
	}
	return all
}

// sayValue is a value of a manifest for a reader, "" for one that is not there.
func sayValue(v reflect.Value) string {
	switch of := v.Interface().(type) {
	case time.Duration:
		return short(of)
	case *manifest.Secret:
		if of == nil {
			return ""
		}
		return saySecret(of)
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return ""
		}
		return sayValue(v.Elem())
	case reflect.Slice:
		items := make([]string, v.Len())
		for i := range items {
			items[i] = sayValue(v.Index(i))
		}
		return strings.Join(items, ", ")
	case reflect.Struct:
		var items []string
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; name != "Path" {
				if said := sayValue(v.Field(i)); said != "" {
					items = append(items, words(name)+" "+said)
				}
			}
		}
		return strings.Join(items, "; ")
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	default:
		return fmt.Sprint(v.Interface())
	}
}

// words is a field's name as a reader has it: failCount is fail count.
func words(name string) string {
	var b strings.Builder
	for i, r := range name {
		upper := r >= 'A' && r <= 'Z'
		if upper && i > 0 && name[i-1] >= 'a' && name[i-1] <= 'z' {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String())
}

// sayList is a list for a reader.
func sayList(list []string, none string) string {
	if len(list) == 0 {
		return none
	}
	return strings.Join(list, ", ")
}

// gained reports whether a list has something that it had not.
func gained(old, next []string) bool {
	return slices.ContainsFunc(next, func(item string) bool { return !slices.Contains(old, item) })
}
