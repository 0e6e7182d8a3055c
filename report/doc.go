// Package report holds lameduck's results, the documents themselves and their renderings for people
// and machines.
package report
