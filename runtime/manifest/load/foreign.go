package load

// Words that people bring along from other tools, and what they are here.

// foreignField gives a hint for a field that another tool would have.
func foreignField(definition, name string) string {
	if byName, ok := foreignFields[definition]; ok {
		return byName[name]
	}
	return ""
}

var foreignFields = map[string]map[string]string{
	"#Column": {
		"unique":     `a unique index says so: indexes: NAME: {columns: ["COLUMN"], unique: true}`,
		"index":      `indexes stand beside columns: indexes: NAME: columns: ["COLUMN"]`,
		"nullable":   "columns are nullable unless required: true",
		"null":       "columns are nullable unless required: true",
		"notNull":    "write required: true",
		"optional":   "columns are optional unless required: true",
		"primaryKey": "the key is always id; its type is the table's key: {type: ...}",
		"primary":    "the key is always id; its type is the table's key: {type: ...}",
		"references": `write type: "ref", table: "TABLE"`,
		"foreignKey": `write type: "ref", table: "TABLE"`,
		"length":     "write max: the most characters",
		"maxLength":  "write max: the most characters",
		"minLength":  "write min: the fewest characters",
		"size":       "write max: the most characters",
		"check":      `checks stand beside columns: checks: NAME: "CEL"`,
		"values":     "write enum: [...]",
		"options":    "write enum: [...]",
		"items":      "write of: the type of the items",
		"regex":      "write pattern: a regular expression",
		"places":     "write scale: how many places",
		"precision":  "write scale: how many places",
		"readonly":   "write access: update: false",
		"immutable":  "write access: update: false",
	},
	"#Table": {
		"primaryKey":  "the key is always id; its type is key: {type: ...}",
		"fields":      "write columns",
		"rules":       "write access: {read, create, update, delete}",
		"policies":    "write access: {read, create, update, delete}",
		"permissions": "write access: {read, create, update, delete}",
		"constraints": "write checks, or indexes with unique: true",
		"limit":       "write rows: how many an answer may hold",
		"data":        "first rows come from a file: seed",
		"name":        "the table's name is its key in tables",
		"renamed":     "write was: the former name",
	},
	"#Access": {
		"insert": "write create", "write": "write create, update and delete", "select": "write read",
		"list": "write read", "view": "write read", "remove": "write delete", "all": "say it for each: read, create, update, delete",
	},
	"#Manifest": {
		"version": "the manifest's version is manifest: 1", "port": `write server: listen: http: "127.0.0.1:8080"`,
		"listen": "write server: listen: http: ...", "url": "write server: url: ...", "models": "write tables",
		"collections": "write tables", "schema": "write tables", "jwt": "write auth: secret: ...", "logging": "write observe: log: ...",
		"log": "write observe: log: ...", "metrics": "write observe: metrics: ...", "timeout": "write limits: timeout: ...",
		"proxies": "write trustedProxies", "ratelimit": "write rates", "redirects": "write routes: \"PATH\": redirect: to: ...",
	},
	"#Server":   {"port": `write listen: http: "127.0.0.1:PORT"`, "host": `write listen: http: "HOST:8080"`, "address": "write listen: http: ..."},
	"#Database": {"file": "write path", "url": "write path: a file", "dsn": "write path: a file", "type": "write engine"},
	"#Index":    {"fields": "write columns", "on": "write columns", "column": "write columns: [...]", "filter": "write where", "type": "leave it out; unique: true makes it unique"},
	"#Channel":  {"where": "write filter", "on": "write table and events", "tables": "a channel has one table: table", "from": "write table"},
	"#Route":    {"dir": "write static: dir: ...", "to": "write redirect: to: ...", "body": "write respond: body: ...", "files": "write static: dir: ...", "handler": "add one of static, respond, redirect"},
	"#Redirect": {"url": "write to", "location": "write to", "permanent": "write status: 308 or 307", "code": "write status"},
	"#Static":   {"path": "write dir", "root": "write dir", "folder": "write dir", "fallback": "write spa: true"},
	"#Respond":  {"text": "write body", "code": "write status", "content": "write body", "contentType": `write headers: "Content-Type": ...`, "json": "write body, and headers: \"Content-Type\": \"application/json\""},
	"#Rate":     {"limit": "write requests", "burst": "leave it out; a window's requests may come at once", "per_minute": `write requests, and window: "1m"`, "interval": "write window", "period": "write window", "max": "write requests"},
	"#Policy":   {"maxAge": "write ttl", "expires": "write ttl", "swr": "write stale", "max": "the memory is bounded by cache.memory.size"},
	"#Key":      {"to": "write table", "references": "write table"},
}

// foreignValue gives the value that a word of another tool means here.
func foreignValue(field, value string) string {
	return foreignValues[field][value]
}

var foreignValues = map[string]map[string]string{
	"type": {
		"string": "text", "varchar": "text", "char": "text", "str": "text", "email": "text", "url": "text",
		"integer": "int", "bigint": "int", "smallint": "int", "serial": "int", "int64": "int", "int32": "int", "long": "int",
		"boolean": "bool", "double": "float", "real": "float", "number": "float", "numeric": "decimal", "money": "decimal",
		"datetime": "timestamp", "timestamptz": "timestamp", "time": "timestamp", "jsonb": "json", "object": "json", "map": "json",
		"array": "list", "guid": "uuid", "reference": "ref", "foreign": "ref", "relation": "ref", "link": "ref", "enum": "text",
	},
	"of":       {"string": "text", "integer": "int", "boolean": "bool", "number": "float", "datetime": "timestamp"},
	"engine":   {"sqlite3": "sqlite"},
	"onDelete": {"set null": "setNull", "set_null": "setNull", "null": "setNull", "delete": "cascade", "deny": "restrict", "no action": "restrict", "noAction": "restrict"},
	"level":    {"warning": "warn", "trace": "debug", "err": "error", "fatal": "error"},
	"format":   {"console": "text", "pretty": "text", "plain": "text"},
	"events":   {"insert": "create", "created": "create", "updated": "update", "change": "update", "deleted": "delete", "remove": "delete"},
	"per":      {"user": "caller", "address": "ip", "addr": "ip", "client": "ip"},
}
