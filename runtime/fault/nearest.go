package fault

import "strings"

// Nearest gives the candidate that name was probably meant to be, or "" when
// none is near: at most a third of its letters away, swapped neighbours
// counting as one mistake, letter case as none.
func Nearest(name string, candidates []string) string {
	best, bestDistance := "", len(name)/3+1
	for _, candidate := range candidates {
		if strings.EqualFold(candidate, name) && candidate != name {
			return candidate
		}
		if apart := len(name) - len(candidate); max(apart, -apart) >= bestDistance {
			continue // each letter too many is a mistake
		}
		if d := distance(strings.ToLower(name), strings.ToLower(candidate)); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// NearestHint is the hint that names the nearest candidate, or fallback when
// none is near.
func NearestHint(name string, candidates []string, fallback string) string {
	if near := Nearest(name, candidates); near != "" {
		return "did you mean " + near + "?"
	}
	return fallback
}

// distance is the optimal string alignment distance of a and b, in bytes.
func distance(a, b string) int {
	previous2 := make([]int, len(b)+1)
	previous := make([]int, len(b)+1)
	current := make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := 1; i <= len(a); i++ {
		current[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			current[j] = min(previous[j]+1, current[j-1]+1, previous[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				current[j] = min(current[j], previous2[j-2]+1)
			}
		}
		previous2, previous, current = previous, current, previous2
	}
	return previous[len(b)]
}
