package fields

import "strings"

// maxName bounds what is compared; no field and no annotation of ours is near it.
const maxName = 80

// Near is the name that was probably meant: the one that differs in case alone, else by one or two
// characters; "" if none does.
func Near(written string, names []string) string {
	if len(written) > maxName {
		return ""
	}
	most := 2
	if len(written) < 5 {
		most = 1
	}
	best := ""
	for _, name := range names {
		if strings.EqualFold(name, written) {
			return name
		}
		if max(len(name)-len(written), len(written)-len(name)) > most {
			continue // so many characters differ at least
		}
		if d := distance(written, name); d <= most {
			best, most = name, d-1
		}
	}
	return best
}

// distance counts the characters to put in, to take out or to change. b has at most two more than maxName.
func distance(a, b string) int {
	var row [maxName + 3]int
	for j := range len(b) + 1 {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
