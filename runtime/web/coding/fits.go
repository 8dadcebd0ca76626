package coding

import (
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// Fits reports whether an answer with this header is of a kind that gets smaller, and
// none that must reach the client as it is.
func Fits(header http.Header) bool {
	if contentType := header["Content-Type"]; len(contentType) != 1 || !compressibleType(contentType[0]) {
		return false
	}
	for _, name := range [...]string{"Content-Encoding", "Content-Digest", "Repr-Digest", "Digest", "Content-Md5"} {
		if len(header[name]) > 0 {
			return false
		}
	}
	return !httpguts.HeaderValuesContainsToken(header["Cache-Control"], "no-transform")
}

// compressibleType reports whether a media type is text of some kind. Event streams
// are not: each event is to come at once, and whole.
func compressibleType(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	kind, name, _ := strings.Cut(media, "/")
	switch kind {
	case "text":
		return name != "event-stream"
	case "application":
		return compressibleApplications[name] || strings.HasSuffix(name, "+json") || strings.HasSuffix(name, "+xml") || strings.HasSuffix(name, "+yaml")
	case "image":
		return name == "svg+xml" || name == "bmp" || name == "x-icon" || name == "vnd.microsoft.icon"
	case "font":
		return name == "ttf" || name == "otf" || name == "collection"
	case "model":
		return strings.HasPrefix(name, "gltf") || name == "obj"
	}
	return false
}

var compressibleApplications = map[string]bool{
	"json": true, "x-ndjson": true, "jsonlines": true, "json-seq": true, "javascript": true, "x-javascript": true, "ecmascript": true,
	"xml": true, "xml-dtd": true, "yaml": true, "x-yaml": true, "toml": true, "graphql": true, "sql": true, "rtf": true,
	"wasm": true, "x-sh": true, "vnd.ms-fontobject": true, "x-font-ttf": true, "x-font-opentype": true, "x-www-form-urlencoded": true,
}
