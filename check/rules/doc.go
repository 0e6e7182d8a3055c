// Package rules holds what lameduck check knows: one file a rule, each with
// its texts and the function that looks for it, and one folder of testdata a
// rule. [All] lists them. docs/contributing-rules.md says how to add one.
package rules
