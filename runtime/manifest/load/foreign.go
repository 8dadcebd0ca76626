package load

import (
	"regexp"
	"strings"
)

// foreignField gives a hint for a field that another tool would have; case and
// _ make no difference.
func foreignField(definition, name string) string {
	byName := foreignFields[definition]
	if hint, ok := byName[name]; ok {
		return hint
	}
	for known, hint := range byName {
		if simple(known) == simple(name) {
			return hint
		}
	}
	return ""
}

// simple is a name without what tools differ in.
func simple(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(name))
}

// foreignValue gives the value that a word of another tool means here.
func foreignValue(field, value string) string {
	byName := foreignValues[field]
	if known, ok := byName[value]; ok {
		return known
	}
	word, _, _ := strings.Cut(value, "(") // varchar(255)
	for known, means := range byName {
		if simple(known) == simple(word) {
			return means
		}
	}
	return ""
}

var (
	sizedText    = regexp.MustCompile(`(?i)^(?:n?(?:var)?char|character varying|string|text)\s*\(\s*(\d+)\s*\)$`)
	sizedDecimal = regexp.MustCompile(`(?i)^(?:decimal|numeric)\s*\(\s*\d+\s*,\s*(\d+)\s*\)$`)
	listOf       = regexp.MustCompile(`(?i)^(?:(\w+)\[\]|\[\](\w+)|(?:list|array|set)<(\w+)>)$`)
)

// foreignType gives a hint for a column's type that takes more than a word
// here; "" when there is none.
func foreignType(value string) string {
	if m := sizedText.FindStringSubmatch(value); m != nil {
		return `write type: "text", max: ` + m[1]
	}
	if m := sizedDecimal.FindStringSubmatch(value); m != nil {
		return `write type: "decimal", scale: ` + m[1]
	}
	if m := listOf.FindStringSubmatch(value); m != nil {
		item := m[1] + m[2] + m[3]
		if known := foreignValue("of", item); known != "" {
			item = known
		}
		return `write type: "list", of: "` + item + `"`
	}
	return foreignTypes[simple(value)]
}

// foreignTypes are types of other tools, by their simple name.
var foreignTypes = map[string]string{
	"enum": enumType, "select": enumType, "choice": enumType,
	"numeric": decimalType, "money": decimalType, "currency": decimalType, "bigdecimal": decimalType,
	"autodate": `write type: "timestamp", auto: create: "now()"`,
	"password": "leave it out: passwords do not belong in a table",
	"bytes":    noBytes, "byte": noBytes, "blob": noBytes, "bytea": noBytes, "binary": noBytes, "varbinary": noBytes,
	"image": noBytes, "attachment": noBytes, "upload": noBytes,
	"interval": `write type: "int", and keep seconds`,
	"point":    `write type: "json", or two columns of type "float"`, "geopoint": `write type: "json", or two columns of type "float"`,
}

const (
	enumType    = `write type: "text", enum: ["...", "..."]`
	decimalType = `write type: "decimal", scale: 2`
	noBytes     = `a column holds no bytes; one of type "text" may hold a file's URL`
)

var foreignValues = map[string]map[string]string{
	"type": {
		"string": "text", "varchar": "text", "nvarchar": "text", "char": "text", "str": "text", "email": "text", "url": "text", "citext": "text",
		"longtext": "text", "mediumtext": "text", "richtext": "text", "editor": "text", "markdown": "text", "html": "text", "slug": "text",
		"integer": "int", "bigint": "int", "smallint": "int", "serial": "int", "bigserial": "int", "int64": "int", "int32": "int", "long": "int", "tinyint": "int",
		"boolean": "bool", "double": "float", "double precision": "float", "real": "float", "number": "float", "numeric": "decimal", "money": "decimal",
		"datetime": "timestamp", "date-time": "timestamp", "timestamptz": "timestamp", "timestamp with time zone": "timestamp",
		"timestamp without time zone": "timestamp", "time": "timestamp", "jsonb": "json", "object": "json", "map": "json", "any": "json", "hstore": "json",
		"array": "list", "guid": "uuid", "id": "uuid", "objectid": "uuid", "reference": "ref", "references": "ref", "foreign": "ref", "foreign key": "ref",
		"relation": "ref", "link": "ref", "belongsTo": "ref", "pointer": "ref", "fk": "ref", "enum": "text",
	},
	"of":       {"string": "text", "varchar": "text", "integer": "int", "boolean": "bool", "number": "float", "datetime": "timestamp", "timestamptz": "timestamp"},
	"engine":   {"sqlite3": "sqlite"},
	"onDelete": {"set null": "setNull", "null": "setNull", "nullify": "setNull", "delete": "cascade", "deny": "restrict", "no action": "restrict"},
	"level":    {"warning": "warn", "trace": "debug", "verbose": "debug", "err": "error", "fatal": "error"},
	"format":   {"console": "text", "pretty": "text", "plain": "text"},
	"events":   {"insert": "create", "created": "create", "updated": "update", "change": "update", "deleted": "delete", "remove": "delete"},
	"per":      {"user": "caller", "address": "ip", "addr": "ip", "client": "ip"},
}
