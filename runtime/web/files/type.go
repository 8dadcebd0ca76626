package files

import (
	"path"
	"strings"
)

// contentTypes are the types of static files, by extension. The system's own
// list is not asked, so that every machine answers alike; what is not here is
// a download. It is only read.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".htm": "text/html; charset=utf-8",
	".xhtml": "application/xhtml+xml", ".log": "text/plain; charset=utf-8", ".yaml": "application/yaml", ".yml": "application/yaml",
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8",
	".json": "application/json", ".map": "application/json", ".webmanifest": "application/manifest+json",
	".xml": "text/xml; charset=utf-8", ".txt": "text/plain; charset=utf-8", ".md": "text/markdown; charset=utf-8",
	".csv": "text/csv; charset=utf-8", ".ics": "text/calendar; charset=utf-8", ".vtt": "text/vtt; charset=utf-8",
	".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif",
	".apng": "image/apng", ".jxl": "image/jxl", ".heic": "image/heic", ".tif": "image/tiff", ".tiff": "image/tiff",
	".webp": "image/webp", ".avif": "image/avif", ".ico": "image/x-icon", ".bmp": "image/bmp",
	".jsonld": "application/ld+json", ".geojson": "application/geo+json", ".gltf": "model/gltf+json", ".glb": "model/gltf-binary",
	".eot": "application/vnd.ms-fontobject", ".woff": "font/woff", ".woff2": "font/woff2", ".ttf": "font/ttf", ".otf": "font/otf",
	".wasm": "application/wasm", ".pdf": "application/pdf", ".zip": "application/zip", ".gz": "application/gzip",
	".tar": "application/x-tar", ".tgz": "application/gzip", ".bz2": "application/x-bzip2", ".xz": "application/x-xz", ".zst": "application/zstd",
	".7z": "application/x-7z-compressed", ".epub": "application/epub+zip", ".rtf": "application/rtf", ".apk": "application/vnd.android.package-archive",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
	".odt":  "application/vnd.oasis.opendocument.text", ".ods": "application/vnd.oasis.opendocument.spreadsheet",
	".oga": "audio/ogg", ".opus": "audio/ogg", ".weba": "audio/webm", ".aac": "audio/aac", ".mid": "audio/midi",
	".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".wav": "audio/wav", ".m4a": "audio/mp4", ".flac": "audio/flac",
	".m3u8": "application/vnd.apple.mpegurl", ".mpd": "application/dash+xml", ".m4s": "video/iso.segment", ".ogv": "video/ogg",
	".mp4": "video/mp4", ".webm": "video/webm", ".mov": "video/quicktime",
	".atom": "application/atom+xml", ".rss": "application/rss+xml",
}

func contentType(name string) string {
	if known, ok := contentTypes[strings.ToLower(path.Ext(name))]; ok {
		return known
	}
	return "application/octet-stream"
}

// fileCaching lets browsers keep a file whose name holds a hash of its content,
// as bundlers write it, for good; all others are asked for again each time,
// which their ETag makes cheap.
func fileCaching(name string) string {
	if hashed(path.Base(name)) {
		return "public, max-age=31536000, immutable"
	}
	return "no-cache"
}

// hashed finds a part of a file's name, between dots and dashes, that can only
// be a hash: eight or more hexadecimal digits, letters and figures both.
func hashed(base string) bool {
	for part := range strings.FieldsFuncSeq(base, func(r rune) bool { return r == '.' || r == '-' }) {
		if len(part) < 8 {
			continue
		}
		letters, figures, other := 0, 0, 0
		for i := range len(part) {
			switch c := part[i]; {
			case c >= '0' && c <= '9':
				figures++
			case c >= 'a' && c <= 'f':
				letters++
			default:
				other++
			}
		}
		if other == 0 && letters > 0 && figures > 0 {
			return true
		}
	}
	return false
}
