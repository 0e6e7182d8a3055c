package manifest

import "reflect"

// Merge makes in a raw value the changes that lead from before to after, and gives the
// result. The latter two went through types that may be older than what was written; what
// those types do not know stays as it is in raw. All three are made of map[string]any,
// []any and scalars. Raw is used up.
func Merge(raw, before, after any) any {
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
			raw[name] = Merge(now, was, value)
		case !reflect.DeepEqual(was, value):
			raw[name] = value
		}
	}
	return raw
}

// itemNames are the fields that tell the items of a pod's lists apart.
var itemNames = []string{"name", "mountPath"}

// mergeList matches the items by what names them.
func mergeList(raw, before, after []any) []any {
	for _, field := range itemNames {
		r, named := index(raw, field)
		b, wasNamed := index(before, field)
		if _, isNamed := index(after, field); !named || !wasNamed || !isNamed {
			continue
		}
		merged := make([]any, len(after))
		for i, item := range after {
			name := item.(map[string]any)[field].(string)
			if was, there := b[name]; there && r[name] != nil {
				merged[i] = Merge(r[name], was, item)
			} else {
				merged[i] = item
			}
		}
		return merged
	}
	return after
}

// index gives the items by the field, if it names each of them and no two the same.
func index(list []any, field string) (map[string]any, bool) {
	named := make(map[string]any, len(list))
	for _, item := range list {
		object, _ := item.(map[string]any)
		name, is := object[field].(string)
		if _, twice := named[name]; !is || twice {
			return nil, false
		}
		named[name] = item
	}
	return named, true
}
