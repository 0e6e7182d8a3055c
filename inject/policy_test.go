package inject

import (
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lameduck-dev/lameduck/graceful/termination"
	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

const s = time.Second

func duration(d time.Duration) *metav1.Duration { return &metav1.Duration{Duration: d} }

// drainPolicy selects pods that have all the labels, given as key=value.
func drainPolicy(name string, age time.Duration, labels ...string) v1alpha1.DrainPolicy {
	selector := &metav1.LabelSelector{}
	for _, label := range labels {
		key, value, _ := strings.Cut(label, "=")
		metav1.AddLabelToSelector(selector, key, value)
	}
	born := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Add(-age)
	return v1alpha1.DrainPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(born)},
		Spec:       v1alpha1.DrainPolicySpec{Selector: selector},
	}
}

const nobody = `nothing opts it in: neither the label lameduck.dev/inject: "true" on the pod template or the namespace, nor a DrainPolicy`

func TestWhoOptsIn(t *testing.T) {
	web := drainPolicy("web", 0, "app=web")
	tests := []struct {
		name      string
		pod       map[string]string
		namespace map[string]string
		policies  []v1alpha1.DrainPolicy
		want      bool
		because   string
	}{
		{"nobody", nil, nil, nil, false, nobody},
		{"the namespace", nil, map[string]string{Label: "true"}, nil, true, "label on the namespace"},
		{"the namespace does not", nil, map[string]string{Label: "false"}, nil, false, "label on the namespace"},
		{"a policy", map[string]string{"app": "web"}, nil, []v1alpha1.DrainPolicy{web}, true, "DrainPolicy web"},
		{"a policy for others", map[string]string{"app": "db"}, nil, []v1alpha1.DrainPolicy{web}, false, nobody},
		{"a policy against the namespace", map[string]string{"app": "web"}, map[string]string{Label: "false"}, []v1alpha1.DrainPolicy{web}, true, "DrainPolicy web"},
		{"the pod", map[string]string{Label: "true"}, map[string]string{Label: "false"}, nil, true, "label on the pod"},
		{"the pod against all", map[string]string{Label: "false", "app": "web"}, map[string]string{Label: "true"}, []v1alpha1.DrainPolicy{web}, false, "label on the pod"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: tt.pod}}
			got, err := Resolve(pod, Surroundings{NamespaceLabels: tt.namespace, Policies: tt.policies})
			if err != nil || got.OptedIn != tt.want || got.Because != tt.because {
				t.Errorf("opted in %t because of %q (%v), want %t, %q", got.OptedIn, got.Because, err, tt.want, tt.because)
			}
		})
	}
}

func TestWhichPolicy(t *testing.T) {
	broken := drainPolicy("broken", 9*time.Hour)
	broken.Spec.Selector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}}
	tests := []struct {
		name     string
		policies []v1alpha1.DrainPolicy
		want     string
		warned   bool
	}{
		{"most requirements", []v1alpha1.DrainPolicy{drainPolicy("all", 9*time.Hour), drainPolicy("two", 0, "app=web", "tier=front"), drainPolicy("one", time.Hour, "app=web")}, "two", false},
		{"then the oldest", []v1alpha1.DrainPolicy{drainPolicy("a", 0, "app=web"), drainPolicy("b", time.Hour, "tier=front")}, "b", false},
		{"then the name", []v1alpha1.DrainPolicy{drainPolicy("b", 0, "app=web"), drainPolicy("a", 0, "tier=front")}, "a", false},
		{"never a broken one", []v1alpha1.DrainPolicy{broken, drainPolicy("all", 0)}, "all", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web", "tier": "front"}}}
			got, err := Resolve(pod, Surroundings{Policies: tt.policies})
			if err != nil || got.Because != "DrainPolicy "+tt.want {
				t.Errorf("chose %q (%v), want %s", got.Because, err, tt.want)
			}
			if warned := len(got.Warnings) > 0; warned != tt.warned {
				t.Errorf("warnings %q", got.Warnings)
			}
		})
	}
}

func TestValues(t *testing.T) {
	budget := func(announce, confirm, stop time.Duration) termination.Budget {
		b := termination.Budget{Announce: announce, Confirm: confirm, Drain: 15 * s, Stop: stop, Margin: 2 * s}
		b.Grace = b.Needs()
		return b
	}
	defaults := Policy{Mode: v1alpha1.ModeAgent, Budget: termination.Default, FallbackWait: 15 * s, QuietFloor: termination.QuietFloor, QuietCeiling: termination.QuietCeiling}
	with := func(change func(*Policy)) Policy {
		p := defaults
		change(&p)
		return p
	}
	tests := []struct {
		name        string
		annotations map[string]string
		spec        v1alpha1.DrainPolicySpec
		want        Policy
	}{
		{"nothing", nil, v1alpha1.DrainPolicySpec{}, defaults},
		{"a policy's", nil, v1alpha1.DrainPolicySpec{MinWait: duration(s), MaxWait: duration(20 * s), Stop: duration(0), FallbackWait: duration(4 * s)},
			with(func(p *Policy) { p.Budget, p.MinWait, p.FallbackWait = budget(3*s, 20*s, 0), s, 4*s })},
		{"annotations go before", map[string]string{StopAnnotation: "1m", MinWaitAnnotation: "0s", MaxWaitAnnotation: "25s"},
			v1alpha1.DrainPolicySpec{MinWait: duration(30 * s), MaxWait: duration(40 * s), Stop: duration(s)},
			with(func(p *Policy) { p.Budget = budget(3*s, 25*s, 60*s) })},
		{"the budget holds the least wait", map[string]string{MinWaitAnnotation: "50s"}, v1alpha1.DrainPolicySpec{},
			with(func(p *Policy) { p.Budget, p.MinWait = budget(3*s, 50*s, 10*s), 50*s })},
		{"a short wait shortens the fallback", map[string]string{MaxWaitAnnotation: "5s"}, v1alpha1.DrainPolicySpec{},
			with(func(p *Policy) { p.Budget, p.FallbackWait = budget(3*s, 5*s, 10*s), 5*s })},
		{"a long fallback lengthens the wait", nil, v1alpha1.DrainPolicySpec{FallbackWait: duration(45 * s)},
			with(func(p *Policy) { p.Budget, p.FallbackWait = budget(3*s, 45*s, 10*s), 45*s })},
		{"quiet", map[string]string{QuietAnnotation: "1s-2s"}, v1alpha1.DrainPolicySpec{},
			with(func(p *Policy) { p.QuietFloor, p.QuietCeiling = s, 2*s })},
		{"a high floor", nil, v1alpha1.DrainPolicySpec{Quiet: &v1alpha1.Quiet{Floor: duration(3 * s)}},
			with(func(p *Policy) { p.QuietFloor, p.QuietCeiling = 3*s, 3*s })},
		{"a low ceiling", nil, v1alpha1.DrainPolicySpec{Quiet: &v1alpha1.Quiet{Ceiling: duration(100 * time.Millisecond)}},
			with(func(p *Policy) { p.QuietFloor, p.QuietCeiling = s/10, s/10 })},
		{"sleep without evidence", nil, v1alpha1.DrainPolicySpec{Mode: v1alpha1.ModeSleep},
			with(func(p *Policy) { p.Mode, p.Sleep, p.Budget = v1alpha1.ModeSleep, 15*s, budget(0, 15*s, 10*s) })},
		{"sleep as long as said", nil, v1alpha1.DrainPolicySpec{Mode: v1alpha1.ModeSleep, MaxWait: duration(2200 * time.Millisecond)},
			with(func(p *Policy) {
				p.Mode, p.Sleep, p.Budget, p.FallbackWait = v1alpha1.ModeSleep, 3*s, budget(0, 3*s, 10*s), 2200*time.Millisecond
			})},
		{"sleep at least", nil, v1alpha1.DrainPolicySpec{Mode: v1alpha1.ModeSleep, MinWait: duration(20 * s)},
			with(func(p *Policy) {
				p.Mode, p.Sleep, p.Budget, p.MinWait = v1alpha1.ModeSleep, 20*s, budget(0, 20*s, 10*s), 20*s
			})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			policy := drainPolicy("web", 0)
			tt.spec.Selector = policy.Spec.Selector
			policy.Spec = tt.spec
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Annotations: tt.annotations}}
			got, err := Resolve(pod, Surroundings{Policies: []v1alpha1.DrainPolicy{policy}})
			if err != nil {
				t.Fatal(err)
			}
			tt.want.OptedIn, tt.want.Because, tt.want.From = true, "DrainPolicy web", "web"
			compare(t, tt.want, got)
		})
	}
}

func TestInvalid(t *testing.T) {
	tests := []struct {
		key, value string
		path       string
	}{
		{StopAnnotation, "-5s", "metadata.annotations[lameduck.dev/stop]"},
		{StopAnnotation, "25h", "metadata.annotations[lameduck.dev/stop]"},
		{MaxWaitAnnotation, "0s", "metadata.annotations[lameduck.dev/max-wait]"},
		{MinWaitAnnotation, "", "metadata.annotations[lameduck.dev/min-wait]"},
		{QuietAnnotation, "5s", "metadata.annotations[lameduck.dev/quiet]"},
		{QuietAnnotation, "5s-1s", "metadata.annotations[lameduck.dev/quiet]"},
		{PortsAnnotation, "70000", "metadata.annotations[lameduck.dev/ports]"},
		{PortsAnnotation, "80,", "metadata.annotations[lameduck.dev/ports]"},
	}
	for _, tt := range tests {
		t.Run(tt.key+"="+tt.value, func(t *testing.T) {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{Label: "true"}, Annotations: map[string]string{tt.key: tt.value}}}
			_, err := Resolve(pod, Surroundings{})
			var invalid *Invalid
			if !errors.As(err, &invalid) || FieldPath(invalid.Path) != tt.path || invalid.Problem == "" || invalid.Remedy == "" {
				t.Errorf("error %v, want one about %s", err, tt.path)
			}
		})
	}
}

// TestHeadless: a pod whose address a headless Service gives out has room to wait until no cache of DNS
// holds it any more, unless its policy says how long peers are worth.
func TestHeadless(t *testing.T) {
	web := map[string]string{"app": "web"}
	bounded := drainPolicy("web", 0, "app=web")
	bounded.Spec.PeerCeiling = duration(20 * s)
	tests := []struct {
		name     string
		headless []map[string]string
		policies []v1alpha1.DrainPolicy
		confirm  time.Duration
		ceiling  time.Duration
	}{
		{"none", nil, nil, 30 * s, 0},
		{"of others, and one without a selector", []map[string]string{{"app": "db"}, {"app": "web", "tier": "x"}, nil}, nil, 30 * s, 0},
		{"its own", []map[string]string{{"app": "db"}, web}, nil, termination.HeadlessDNS, 0},
		{"its own, and a policy", []map[string]string{web}, []v1alpha1.DrainPolicy{bounded}, 30 * s, 20 * s},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pod := labelled("true")
			pod.Labels["app"] = "web"
			policy, err := Resolve(pod, Surroundings{Headless: tt.headless, Policies: tt.policies})
			if err != nil || policy.Budget.Confirm != tt.confirm || policy.PeerCeiling != tt.ceiling || policy.Budget.Grace != policy.Budget.Needs() {
				t.Errorf("confirm %v of %v, ceiling %v, %v", policy.Budget.Confirm, policy.Budget.Grace, policy.PeerCeiling, err)
			}
			in := mustInject(t, pod, Surroundings{Headless: tt.headless, Policies: tt.policies}, testSettings)
			env := in.Spec.InitContainers[0].Env
			if told := strings.Contains(env[len(env)-1].Value, "--peer-ceiling=20s"); told != (tt.ceiling > 0) {
				t.Errorf("the agent is told %v", env)
			}
		})
	}
}
