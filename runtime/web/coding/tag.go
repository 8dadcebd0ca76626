package coding

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

// Tag is the tag of an answer in a coding. Weak tags vouch for meaning, and
// stay.
func Tag(tag, encoding string) string {
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

// PlainTags makes the tags of a request's conditions plain, and gives If-None-Match as
// it came where it names codings. Those of If-Range stay: ranges are of answers as they
// are, and no part of one fits what is encoded.
func PlainTags(header http.Header) (known []string) {
	if sent := header["If-None-Match"]; len(sent) > 0 && marked(sent) {
		// Of a coding that the client does not take now, it has no use for a
		// confirmation: a cache may have the answer for somebody else.
		o := ParseAccept(header["Accept-Encoding"])
		known = sent
		header["If-None-Match"] = rewriteTags(sent, func(encoding string) bool { return o.Weight(encoding) > 0 })
	}
	if sent := header["If-Match"]; len(sent) > 0 && marked(sent) {
		header["If-Match"] = rewriteTags(sent, func(string) bool { return true })
	}
	return known
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

// ConfirmedTag is what a client that has known calls the answer of a tag, "" where it
// calls it by the tag itself, or has nothing of it that it takes.
func ConfirmedTag(known []string, tag string, accepted []string) string {
	confirmed := ""
	o := ParseAccept(accepted)
	for _, header := range known {
		for item := range strings.SplitSeq(header, ",") {
			item = strings.TrimPrefix(strings.TrimSpace(item), "W/")
			plain, encoding := plainTag(item)
			switch {
			case item == tag:
				return ""
			case encoding != "" && plain == tag && confirmed == "" && o.Weight(encoding) > 0:
				confirmed = item
			}
		}
	}
	return confirmed
}
