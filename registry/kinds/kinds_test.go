package kinds

import (
	"testing"

	"github.com/lameduck-dev/lameduck/registry"
)

func TestEveryKindHasAClient(t *testing.T) {
	for _, kind := range registry.Kinds {
		if makers[kind.Name] == nil {
			t.Errorf("%s is in the table of kinds and has no client", kind.Name)
		}
	}
	if len(makers) != len(registry.Kinds) {
		t.Errorf("%d clients for %d kinds", len(makers), len(registry.Kinds))
	}
}
