package webhook

import (
	"encoding/json"

	"github.com/lameduck-dev/lameduck/manifest"
)

// merge makes in the raw document the changes that lead from before to after. The latter two
// went through Go types that may be older than the cluster's API; what those types don't know
// stays as it is in raw.
func merge(raw []byte, before, after any) ([]byte, error) {
	var r, b, a any
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, err
	}
	if err := reread(before, &b); err != nil {
		return nil, err
	}
	if err := reread(after, &a); err != nil {
		return nil, err
	}
	return json.Marshal(manifest.Merge(r, b, a))
}

func reread(from any, to *any) error {
	text, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, to)
}
