package coding

import (
	"strings"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// Accepted is what a client says of content codings in Accept-Encoding (RFC 9110,
// 12.5.3): a weight for each, in thousandths; unsaid where it does not name it.
type Accepted struct {
	zstd, brotli, gzip, identity, others int
}

const unsaid = -1

// ParseAccept reads the headers. What is not well formed is as if it were
// not there.
func ParseAccept(headers []string) Accepted {
	o := Accepted{unsaid, unsaid, unsaid, unsaid, unsaid}
	for _, header := range headers {
		for header != "" {
			var item string
			item, header, _ = strings.Cut(header, ",")
			name, parameter, weighted := strings.Cut(item, ";")
			weight := 1000
			if weighted {
				var ok bool
				if weight, ok = parseWeight(parameter); !ok {
					continue
				}
			}
			if place := o.place(strings.TrimSpace(name)); place != nil {
				*place = weight
			}
		}
	}
	return o
}

func (o *Accepted) place(name string) *int {
	switch {
	case strings.EqualFold(name, manifest.Gzip), strings.EqualFold(name, "x-gzip"):
		return &o.gzip
	case strings.EqualFold(name, manifest.Brotli):
		return &o.brotli
	case strings.EqualFold(name, manifest.Zstd):
		return &o.zstd
	case strings.EqualFold(name, "identity"):
		return &o.identity
	case name == "*":
		return &o.others
	}
	return nil
}

// parseWeight reads q=0.5, with up to three digits, in thousandths.
func parseWeight(parameter string) (int, bool) {
	name, value, found := strings.Cut(parameter, "=")
	if !found || !strings.EqualFold(strings.TrimSpace(name), "q") {
		return 0, false
	}
	whole, part, _ := strings.Cut(strings.TrimSpace(value), ".")
	if whole != "0" && whole != "1" || len(part) > 3 {
		return 0, false
	}
	weight, unit := 0, 100
	for i := range len(part) {
		digit := int(part[i]) - '0'
		if digit < 0 || digit > 9 {
			return 0, false
		}
		weight += digit * unit
		unit /= 10
	}
	if whole == "1" {
		return 1000, weight == 0
	}
	return weight, true
}

// Weight is what the client gives for a coding, 0 for not at all.
func (o *Accepted) Weight(encoding string) int {
	weight := unsaid
	if place := o.place(encoding); place != nil {
		weight = *place
	}
	if weight == unsaid {
		weight = o.others
	}
	return max(weight, 0)
}

// RefusesIdentity reports whether the client takes no answer as it is.
func (o *Accepted) RefusesIdentity() bool {
	return o.identity == 0 || o.identity == unsaid && o.others == 0
}

// Choose gives the coding of ours that the client likes best; of those that it
// likes equally, the first. "" is none: as it is, also where the client takes
// nothing that we have, for an answer is worth more than its refusal.
func (o *Accepted) Choose(ours []string) string {
	best, most := "", max(o.identity, 1)
	for _, encoding := range ours {
		if weight := o.Weight(encoding); weight > most || best == "" && weight == most {
			best, most = encoding, weight
		}
	}
	return best
}

// RefusesIdentity reports whether Accept-Encoding says that no answer may come as
// it is. Nearly none does, and they are told apart without being parsed.
func RefusesIdentity(headers []string) bool {
	for _, header := range headers {
		if strings.IndexByte(header, ';') >= 0 {
			o := ParseAccept(headers)
			return o.RefusesIdentity()
		}
	}
	return false
}
