package web

import (
	"net/http"
	"strings"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// A strong ETag vouches for bytes, so that of an answer in a coding is another one:
// "abc" becomes "abc~gzip". Handlers know nothing of that. What clients send back
// is made plain before they see it, and what they confirm is put back as the client
// has it.

const tagMark = "~"

// encodedTag is the tag of an answer in a coding. Weak tags vouch for meaning, and
// stay.
func encodedTag(tag, encoding string) string {
	inner, quoted := strings.CutSuffix(tag, `"`)
	if !quoted || len(inner) == 0 || inner[0] != '"' {
		return tag
	}
	return inner + tagMark + encoding + `"`
}

// plainTag is the tag of the answer as it is, and the coding that the given one is
// of, "" for none of ours.
func plainTag(tag string) (plain, encoding string) {
	inner, quoted := strings.CutSuffix(tag, `"`)
	at := strings.LastIndex(inner, tagMark)
	if !quoted || at < 0 {
		return tag, ""
	}
	switch name := inner[at+len(tagMark):]; name {
	case manifest.Zstd, manifest.Brotli, manifest.Gzip:
		return inner[:at] + `"`, name
	}
	return tag, ""
}

// plainTags makes the tags of a request's conditions plain. Those of If-Range stay:
// ranges are of answers as they are, and no part of one fits what is encoded.
func (x *exchange) plainTags(r *http.Request) {
	if sent := r.Header["If-None-Match"]; len(sent) > 0 && marked(sent) {
		// Of a coding that the client does not take now, it has no use for a
		// confirmation: a cache may have the answer for somebody else.
		o := parseAcceptEncoding(r.Header["Accept-Encoding"])
		x.knownTags = sent
		r.Header["If-None-Match"] = rewriteTags(sent, func(encoding string) bool { return o.weight(encoding) > 0 })
	}
	if sent := r.Header["If-Match"]; len(sent) > 0 && marked(sent) {
		r.Header["If-Match"] = rewriteTags(sent, func(string) bool { return true })
	}
}

func marked(headers []string) bool {
	for _, header := range headers {
		if strings.Contains(header, tagMark) {
			return true
		}
	}
	return false
}

// rewriteTags makes plain the tags of codings that are taken.
func rewriteTags(headers []string, taken func(encoding string) bool) []string {
	rewritten := make([]string, len(headers))
	for i, header := range headers {
		items := strings.Split(header, ",")
		for j, item := range items {
			if plain, encoding := plainTag(strings.TrimSpace(item)); encoding != "" && taken(encoding) {
				items[j] = plain
			}
		}
		rewritten[i] = strings.Join(items, ",")
	}
	return rewritten
}

// confirmTag puts back, in an answer that confirms what the client has, the tag as
// the client has it.
func (x *exchange) confirmTag() {
	if x.compress != nil && (x.wouldBe == 0 || x.wouldBe >= x.compress.min) {
		x.varyByEncoding()
	}
	tags := x.header["Etag"]
	if len(tags) != 1 || len(x.knownTags) == 0 {
		return
	}
	confirmed := ""
	o := parseAcceptEncoding(x.request.Header["Accept-Encoding"])
	for _, header := range x.knownTags {
		for item := range strings.SplitSeq(header, ",") {
			item = strings.TrimPrefix(strings.TrimSpace(item), "W/")
			plain, encoding := plainTag(item)
			switch {
			case item == tags[0]:
				return
			case encoding != "" && plain == tags[0] && confirmed == "" && o.weight(encoding) > 0:
				confirmed = item
			}
		}
	}
	if confirmed != "" {
		x.set("Etag", confirmed)
	}
}
