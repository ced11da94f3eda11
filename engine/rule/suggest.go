package rule

import "slices"

// nearest is the candidate that word is most likely a slip of, "" where none
// comes near.
func nearest(word string, candidates []string) string {
	bound := max(1, len(word)/3)
	best, bestDistance := "", bound
	for _, c := range candidates {
		if d := distance(word, c, bestDistance); d < bestDistance || d == bound && best == "" {
			best, bestDistance = c, d
		}
	}
	return best
}

// didYouMean is the sentence for nearest, "" where none comes near.
func didYouMean(word string, candidates []string) string {
	if n := nearest(word, candidates); n != "" {
		return "did you mean " + n + "?"
	}
	return ""
}

// distance is how many characters must be inserted, removed, replaced or
// swapped with their neighbour to make a into b; bound+1 where more than bound.
func distance(a, b string, bound int) int {
	if len(a)-len(b) > bound || len(b)-len(a) > bound || len(a) > 64 || len(b) > 64 {
		return bound + 1
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		if slices.Min(row) > bound {
			return bound + 1
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
