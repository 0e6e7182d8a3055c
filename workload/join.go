package workload

import (
	"path/filepath"
	"slices"

	"github.com/lameduck-dev/lameduck/manifest"
)

// Set is the whole input, joined.
type Set struct {
	Objects   []*manifest.Object
	Workloads []*Workload
	Services  []*Service
	PDBs      []*PDB
	HPAs      []*HPA

	byKind map[string][]*manifest.Object
	byName names

	byNamespace map[string][]*Workload
}

type label struct{ namespace, key, value string }

// Join indexes the objects of all files and ties them to each other. Its cost grows with the number
// of objects, not of pairs.
func Join(files []*manifest.File) *Set {
	count := 0
	for _, f := range files {
		count += len(f.Objects)
	}
	s := &Set{
		Objects: make([]*manifest.Object, 0, count),
		byKind:  map[string][]*manifest.Object{},
	}
	for _, f := range files {
		for _, o := range f.Objects {
			s.add(o)
		}
	}
	s.byName = newNames(s.Objects)
	index := newIndex(s.Workloads)
	s.byNamespace = index.byNamespace
	for _, service := range s.Services {
		service.Workloads = index.bySelector(service.Object, service.Selector)
		for _, w := range service.Workloads {
			w.Services = append(w.Services, service)
			if !service.Headless && !service.MetricsOnly {
				w.Serving = append(w.Serving, service)
			}
		}
	}
	for _, pdb := range s.PDBs {
		pdb.Workloads = index.byLabelSelector(pdb.Object, pdb.Selector)
		for _, w := range pdb.Workloads {
			w.PDBs = append(w.PDBs, pdb)
		}
	}
	s.joinRollouts()
	s.joinScalers()
	s.joinRoutes()
	return s
}

func (s *Set) add(o *manifest.Object) {
	s.Objects = append(s.Objects, o)
	s.byKind[o.Kind] = append(s.byKind[o.Kind], o)
	switch o.Kind {
	case "Service":
		if o.APIVersion == "v1" {
			s.Services = append(s.Services, newService(o, s))
		}
	case "PodDisruptionBudget":
		s.PDBs = append(s.PDBs, &PDB{Object: o, Selector: o.Spec("selector")})
	case "HorizontalPodAutoscaler", "ScaledObject":
		s.HPAs = append(s.HPAs, &HPA{Object: o})
	default:
		if w := newWorkload(o); w != nil {
			w.Input = s
			s.Workloads = append(s.Workloads, w)
		}
	}
}

func (s *Set) joinScalers() {
	if len(s.HPAs) == 0 {
		return
	}
	byName := make(map[name][]*Workload, len(s.Workloads))
	for _, w := range s.Workloads {
		key := name{w.Kind, w.Namespace, w.Name}
		byName[key] = append(byName[key], w)
		if w.Rollout != nil {
			key = name{w.Rollout.Kind, w.Rollout.Namespace, w.Rollout.Name}
			byName[key] = append(byName[key], w)
		}
	}
	for _, h := range s.HPAs {
		kind, target := h.Target()
		for _, w := range nearest(h.Object, byName[name{kind, h.Namespace, target}]) {
			h.Workload = w
			w.HPAs = append(w.HPAs, h)
		}
	}
}

func (s *Set) joinRoutes() {
	var services map[*manifest.Object]*Service
	for _, kind := range routeKinds {
		for _, route := range s.byKind[kind] {
			if services == nil {
				services = make(map[*manifest.Object]*Service, len(s.Services))
				for _, service := range s.Services {
					services[service.Object] = service
				}
			}
			backends(route, func(namespace, name string) {
				service := services[s.Find(route, "Service", namespace, name)]
				if service != nil && !slices.Contains(service.Routes, route) {
					service.Routes = append(service.Routes, route)
				}
			})
		}
	}
}

// Kind lists the objects of a kind, in order.
func (s *Set) Kind(kind string) []*manifest.Object { return s.byKind[kind] }

// Find is the object of that name nearest to the one that refers to it, nil if
// it is not in the input.
func (s *Set) Find(from *manifest.Object, kind, namespace, named string) *manifest.Object {
	found := s.byName.of(name{kind, namespace, named})
	if len(found) == 0 {
		return nil
	}
	return found[slices.IndexFunc(found, func(o *manifest.Object) bool {
		return distance(from, o) == closest(from, found)
	})]
}

// index finds workloads by one label of their pods.
type index struct {
	byLabel     map[label][]*Workload
	byNamespace map[string][]*Workload
}

func newIndex(workloads []*Workload) *index {
	x := &index{
		byLabel:     make(map[label][]*Workload, 2*len(workloads)),
		byNamespace: map[string][]*Workload{},
	}
	for _, w := range workloads {
		x.byNamespace[w.Namespace] = append(x.byNamespace[w.Namespace], w)
		for l := range w.Meta.Get("labels").All() {
			key := label{w.Namespace, l.Key, l.Value}
			x.byLabel[key] = append(x.byLabel[key], w)
		}
	}
	return x
}

// candidates are the workloads that have the rarest pair of a selector's map.
func (x *index) candidates(namespace string, selector *manifest.Node) []*Workload {
	var rarest []*Workload
	first := true
	for want := range selector.All() {
		if setByController(want.Key) {
			continue
		}
		found := x.byLabel[label{namespace, want.Key, want.Value}]
		if first || len(found) < len(rarest) {
			rarest, first = found, false
		}
	}
	if first && selector.Len() > 0 {
		return x.byNamespace[namespace]
	}
	return rarest
}

// bySelector evaluates a Service's selector; without one a Service selects
// nothing.
func (x *index) bySelector(from *manifest.Object, selector *manifest.Node) []*Workload {
	var out []*Workload
	for _, w := range x.candidates(from.Namespace, selector) {
		if w.matches(selector) {
			out = append(out, w)
		}
	}
	return inReach(from, nearest(from, out))
}

func (x *index) byLabelSelector(from *manifest.Object, selector *manifest.Node) []*Workload {
	candidates := x.byNamespace[from.Namespace]
	if labels := selector.Get("matchLabels"); labels.Len() > 0 {
		candidates = x.candidates(from.Namespace, labels)
	}
	var out []*Workload
	for _, w := range candidates {
		if MatchSelector(selector, w.Meta.Get("labels")) {
			out = append(out, w)
		}
	}
	return nearest(from, out)
}

// nearest drops those that have the same name as another and are further from the object that
// refers to them: folders often hold variants of one object (a base and its overlays), of which a
// cluster has one.
func nearest(from *manifest.Object, found []*Workload) []*Workload {
	if len(found) < 2 {
		return found
	}
	best := map[name]int{}
	for _, w := range found {
		key := name{w.Kind, w.Namespace, w.Name}
		if d, seen := best[key]; !seen || distance(from, w.Object) < d {
			best[key] = distance(from, w.Object)
		}
	}
	if len(best) == len(found) {
		return found
	}
	var out []*Workload
	for _, w := range found {
		if distance(from, w.Object) == best[name{w.Kind, w.Namespace, w.Name}] {
			out = append(out, w)
		}
	}
	return out
}

// inReach drops what is in another folder if something in the object's own folder is selected as
// well: a folder of examples holds many applications whose labels agree by chance, and no cluster
// runs them all.
func inReach(from *manifest.Object, found []*Workload) []*Workload {
	near := slices.ContainsFunc(found, func(w *Workload) bool { return distance(from, w.Object) < far })
	if !near {
		return found
	}
	return slices.DeleteFunc(found, func(w *Workload) bool { return distance(from, w.Object) == far })
}

// SameFolder reports whether two objects are in one folder.
func SameFolder(a, b *manifest.Object) bool { return distance(a, b) < far }

func closest(from *manifest.Object, found []*manifest.Object) int {
	best := far
	for _, o := range found {
		best = min(best, distance(from, o))
	}
	return best
}

const far = 2

// distance is 0 in one file, 1 in one folder, else far.
func distance(a, b *manifest.Object) int {
	switch {
	case a.File == b.File:
		return 0
	case filepath.Dir(a.File.Path) == filepath.Dir(b.File.Path):
		return 1
	}
	return far
}

// Namespaced lists the workloads of a namespace, in order.
func (s *Set) Namespaced(namespace string) []*Workload { return s.byNamespace[namespace] }
