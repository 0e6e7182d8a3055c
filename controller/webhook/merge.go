package webhook

import (
	"encoding/json"
	"reflect"
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
	return json.Marshal(mergeValue(r, b, a))
}

func reread(from any, to *any) error {
	text, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, to)
}

func mergeValue(raw, before, after any) any {
	if reflect.DeepEqual(before, after) {
		return raw
	}
	switch after := after.(type) {
	case map[string]any:
		r, isMap := raw.(map[string]any)
		b, wasMap := before.(map[string]any)
		if isMap && wasMap {
			return mergeMap(r, b, after)
		}
	case []any:
		r, isList := raw.([]any)
		b, wasList := before.([]any)
		if isList && wasList {
			return mergeList(r, b, after)
		}
	}
	return after
}

func mergeMap(raw, before, after map[string]any) map[string]any {
	for name := range before {
		if _, stays := after[name]; !stays {
			delete(raw, name)
		}
	}
	for name, value := range after {
		was, there := before[name]
		switch now, isThere := raw[name]; {
		case !there:
			raw[name] = value
		case isThere:
			raw[name] = mergeValue(now, was, value)
		case !reflect.DeepEqual(was, value):
			raw[name] = value
		}
	}
	return raw
}

// mergeList matches the elements by what names them in a pod.
func mergeList(raw, before, after []any) []any {
	for _, field := range []string{"name", "mountPath"} {
		r, named := index(raw, field)
		b, wasNamed := index(before, field)
		if _, isNamed := index(after, field); !named || !wasNamed || !isNamed {
			continue
		}
		merged := make([]any, len(after))
		for i, element := range after {
			name := element.(map[string]any)[field].(string)
			if was, there := b[name]; there && r[name] != nil {
				merged[i] = mergeValue(r[name], was, element)
			} else {
				merged[i] = element
			}
		}
		return merged
	}
	return after
}

// index gives the elements by the field, if it names each of them and no two the same.
func index(list []any, field string) (map[string]any, bool) {
	named := make(map[string]any, len(list))
	for _, element := range list {
		object, _ := element.(map[string]any)
		name, is := object[field].(string)
		if _, twice := named[name]; !is || twice {
			return nil, false
		}
		named[name] = element
	}
	return named, true
}
