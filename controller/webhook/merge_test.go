package webhook

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func TestMerge(t *testing.T) {
	tests := []struct {
		name, raw, want string
		change          func(*corev1.Pod)
	}{
		{
			name:   "nothing",
			raw:    `{"spec":{"tomorrow":1,"containers":[{"name":"a","tomorrow":2}]}}`,
			want:   `{"spec":{"tomorrow":1,"containers":[{"name":"a","tomorrow":2}]}}`,
			change: func(*corev1.Pod) {},
		},
		{
			name: "an init container comes first",
			raw:  `{"spec":{"initContainers":[{"name":"a","tomorrow":1},{"name":"b","image":"x"}]}}`,
			want: `{"spec":{"initContainers":[{"name":"new","resources":{}},{"name":"a","tomorrow":1},{"name":"b","image":"x"}]}}`,
			change: func(p *corev1.Pod) {
				p.Spec.InitContainers = append([]corev1.Container{{Name: "new"}}, p.Spec.InitContainers...)
			},
		},
		{
			name: "inside of known elements",
			raw:  `{"spec":{"containers":[{"name":"a","volumeMounts":[{"name":"v","mountPath":"/x","tomorrow":1},{"name":"v","mountPath":"/y"}]}]}}`,
			want: `{"spec":{"containers":[{"name":"a","volumeMounts":[{"name":"v","mountPath":"/x","tomorrow":1},{"name":"v","mountPath":"/y"},{"name":"n","mountPath":"/z"}]}]}}`,
			change: func(p *corev1.Pod) {
				c := &p.Spec.Containers[0]
				c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: "n", MountPath: "/z"})
			},
		},
		{
			name: "what was not there, and what goes",
			raw:  `{"metadata":{"labels":{"a":"1"},"annotations":{"x":"1"}}}`,
			want: `{"metadata":{"annotations":{"x":"2","y":"3"}},"spec":{"containers":null,"terminationGracePeriodSeconds":60}}`,
			change: func(p *corev1.Pod) {
				p.Labels, p.Annotations = nil, map[string]string{"x": "2", "y": "3"}
				p.Spec.TerminationGracePeriodSeconds = new(int64(60))
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var before corev1.Pod
			if err := json.Unmarshal([]byte(tt.raw), &before); err != nil {
				t.Fatal(err)
			}
			after := before.DeepCopy()
			tt.change(after)
			got, err := merge([]byte(tt.raw), &before, after)
			if err != nil {
				t.Fatal(err)
			}
			var gotValue, wantValue any
			if err := json.Unmarshal(got, &gotValue); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(tt.want), &wantValue); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(wantValue, gotValue); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// FuzzMerge: without a change nothing changes, and a change can be read back.
func FuzzMerge(f *testing.F) {
	f.Add([]byte(`{"spec":{"containers":[{"name":"a","x":1}],"volumes":[{"name":"v"},{"name":"v"}]}}`))
	f.Add([]byte(`{"spec":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var pod corev1.Pod
		if json.Unmarshal(raw, &pod) != nil {
			return
		}
		same, err := merge(raw, &pod, &pod)
		if err != nil {
			t.Fatal(err)
		}
		var a, b any
		if json.Unmarshal(raw, &a) == nil && json.Unmarshal(same, &b) == nil && !cmp.Equal(a, b) {
			t.Error(cmp.Diff(a, b))
		}
		changed := pod.DeepCopy()
		changed.Spec.InitContainers = append([]corev1.Container{{Name: "new"}}, changed.Spec.InitContainers...)
		merged, err := merge(raw, &pod, changed)
		if err != nil {
			t.Fatal(err)
		}
		var back corev1.Pod
		if err := json.Unmarshal(merged, &back); err != nil {
			t.Fatalf("%v in %s", err, merged)
		}
		if len(back.Spec.InitContainers) != len(changed.Spec.InitContainers) || back.Spec.InitContainers[0].Name != "new" {
			t.Errorf("from %s to %s", raw, merged)
		}
	})
}
