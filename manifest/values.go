package manifest

import "fmt"

// maxValues bounds the values of one document. A manifest of the largest size has fewer, unless it holds
// little else than commas.
const maxValues = 4_000_000

// maxParsed is maxValues for the full parser, which takes up to 250 bytes for each.
const maxParsed = 2_000_000

// tooMany is an error for a text with more values than may be read, before any of them is.
func tooMany(text string, most int) error {
	if len(text) < 2*most || values(text) <= most {
		return nil
	}
	return &problemAt{1, fmt.Sprintf("more than %d values in one document; split it", most)}
}

// values counts what may stand in front of a value: in each list and mapping that is written in braces
// a bracket or a comma, else a dash or a colon and white space.
func values(text string) int {
	n := 1
	for i := range len(text) {
		switch text[i] {
		case ',', '[', '{':
			n++
		case ':', '-', '?':
			if i+1 == len(text) || text[i+1] <= ' ' {
				n++
			}
		}
	}
	return n
}
