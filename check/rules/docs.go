package rules

import (
	"fmt"
	"strings"

	"github.com/lameduck-dev/lameduck/check"
)

// Table lists the rules by family, one line each.
func Table() string {
	var b strings.Builder
	all := All()
	for _, family := range Families {
		fmt.Fprintf(&b, "%s\n", family)
		for _, r := range all {
			if r.Family == family {
				fmt.Fprintf(&b, "  %-28s %-8s %-9s %s\n", r.Name, r.Severity, r.Confidence, r.Title)
			}
		}
	}
	return b.String()
}

// Pages are the files of docs/rules: one for each rule and an index.
func Pages() map[string]string {
	pages := map[string]string{}
	var index strings.Builder
	index.WriteString("# Rules of lameduck check\n\nGenerated from the rules' own data; `lameduck explain RULE` prints the same.\n")
	all := All()
	for _, family := range Families {
		fmt.Fprintf(&index, "\n## %s\n\n| rule | severity | confidence | what it finds |\n|---|---|---|---|\n", strings.ToUpper(family[:1])+family[1:])
		for _, r := range all {
			if r.Family != family {
				continue
			}
			fmt.Fprintf(&index, "| [%s](%s.md) | %s | %s | %s |\n", r.Name, r.Name, r.Severity, r.Confidence, r.Title)
			pages[r.Name+".md"] = page(r)
		}
	}
	pages["README.md"] = index.String()
	return pages
}

func page(r *check.Rule) string {
	return fmt.Sprintf(`# %s

**%s.**

| family | severity | confidence |
|---|---|---|
| %s | %s | %s |

## Why

%s

## What to do

%s

## Source

%s

## To suppress it

Annotate the object or its pod template, with a reason:

`+"```yaml"+`
metadata:
  annotations:
    %s%s: "the reason"
`+"```"+`
`, r.Name, r.Title, r.Family, r.Severity, r.Confidence, r.Why, r.Remedy, r.Source, check.IgnorePrefix, r.Name)
}
