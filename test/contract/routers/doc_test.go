// Package routers_test checks what routers say against what they do: the real programs, under load. Its tests
// need the tag routers.
package routers_test
