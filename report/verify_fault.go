package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// blame is what losses of one row have in common.
type blame struct {
	fault      Fault
	pods       string
	confidence Confidence
}

// blamed is how many losses there are of it, and the shortest and the longest time that the pods had been
// out of the slices, in milliseconds.
type blamed struct {
	n              int
	least, longest float64
}

// faults says whose fault the losses were.
func (t *verifyText) faults() {
	counts := map[blame]*blamed{}
	var order []blame
	for _, loss := range t.v.Losses {
		if loss.Fault == "" {
			continue
		}
		b := blame{loss.Fault, strings.Join(loss.Pods, " or "), loss.Confidence}
		sum := counts[b]
		if sum == nil {
			sum = &blamed{least: loss.OutOfSlices}
			counts[b] = sum
			order = append(order, b)
		}
		sum.n++
		sum.least, sum.longest = min(sum.least, loss.OutOfSlices), max(sum.longest, loss.OutOfSlices)
	}
	if order == nil {
		return
	}
	slices.SortStableFunc(order, func(a, b blame) int {
		return cmp.Or(cmp.Compare(slices.Index(Faults, a.fault), slices.Index(Faults, b.fault)), counts[b].n-counts[a].n)
	})
	rows := [][]string{{"FAULT", "LOST OR MASKED", "BECAUSE", "CONFIDENCE"}}
	for _, b := range order {
		rows = append(rows, []string{string(b.fault), fmt.Sprint(counts[b].n), because(b, counts[b]), string(b.confidence)})
	}
	t.WriteString("\n")
	t.table(rows)
}

// because says why. That a router sent to a pod is said only where that is certain.
func because(b blame, of *blamed) string {
	switch {
	case b.fault == NobodysFault:
		return "no pod was leaving"
	case b.fault == RoutersFault && b.confidence == Certain:
		return fmt.Sprintf("sent to %s %s after it had left the slices", b.pods, between(of))
	case b.fault == RoutersFault:
		return fmt.Sprintf("%s had left the slices %s before", b.pods, between(of))
	}
	return fmt.Sprintf("%s failed requests that it still had to serve", b.pods)
}

func between(of *blamed) string {
	least, longest := fmt.Sprintf("%.1f", of.least/1000), fmt.Sprintf("%.1f", of.longest/1000)
	if least == longest {
		return least + " s"
	}
	return least + " to " + longest + " s"
}

// hints lists what routers on the way said.
func (t *verifyText) hints() {
	counts := map[string]int{}
	for _, loss := range t.v.Losses {
		if loss.Hint != "" {
			counts[loss.Hint]++
		}
	}
	if len(counts) == 0 {
		return
	}
	rows := [][]string{{"A ROUTER SAYS (A HINT)", "LOST"}}
	var order []string
	for hint := range counts {
		order = append(order, hint)
	}
	slices.SortFunc(order, func(a, b string) int { return cmp.Or(counts[b]-counts[a], cmp.Compare(a, b)) })
	for _, hint := range order[:min(len(order), lossRows)] {
		rows = append(rows, []string{hint, fmt.Sprint(counts[hint])})
	}
	t.WriteString("\n")
	t.table(rows)
}
