// Package status checks whether an installation of lameduck works, for an operator before and after
// trouble.
package status

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/lameduck-dev/lameduck/controller"
	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

// Level says how a check came out.
type Level string

// The levels, from good to bad.
const (
	OK      Level = "ok"
	Note    Level = "note"    // works, but worth knowing
	Unknown Level = "unknown" // could not be found out
	Problem Level = "problem" // pods are not protected, or soon won't be
)

// Result is what came of one check.
type Result struct {
	Check  string   `json:"check"`
	Level  Level    `json:"level"`
	Text   string   `json:"text"`
	Named  []string `json:"named,omitempty"`  // the nodes, pods or objects that it is about
	Remedy string   `json:"remedy,omitempty"` // what to do
}

// Report is the result of all checks.
type Report struct {
	Namespace string   `json:"namespace,omitempty"` // of the installation
	Level     Level    `json:"level"`               // problem or unknown if any check is, else ok
	Results   []Result `json:"checks"`
}

// Config is what a report is made from.
type Config struct {
	Client kubernetes.Interface
	// Policies lists the DrainPolicies of all namespaces.
	Policies func(ctx context.Context) ([]v1alpha1.DrainPolicy, error)
	// Replica asks a controller's pod for its Status, at a port.
	Replica func(ctx context.Context, namespace, pod string, port int) (controller.Status, error)
	// Warnings gives what the API server has warned of since the last call.
	Warnings func() []string
	// Namespace of the installation; empty: wherever it is.
	Namespace string
	// Probe is the namespace in which a pod's creation is tried; empty: one that is injected.
	Probe string
	Now   func() time.Time
}

// run is one report in the making.
type run struct {
	Config
	report     Report
	deployment *appsv1.Deployment
	leader     *controller.Status // nil if it could not be asked
	ca         []byte             // that the API server trusts
}

// Make makes a report. Its error means that nothing could be found out.
func Make(ctx context.Context, config Config) (Report, error) {
	r := &run{Config: config}
	namespaces, err := Installations(ctx, r.Client)
	if err != nil {
		return Report{}, err
	}
	if r.installation(namespaces) {
		for _, check := range []func(context.Context){
			r.controller, r.leading, r.webhook, r.certificate, r.answers, r.barrier, r.proxy, r.pods, r.agents, r.leftovers,
		} {
			check(ctx)
		}
	}
	r.report.Level = OK
	for _, result := range r.report.Results {
		if result.Level == Problem || result.Level == Unknown && r.report.Level == OK {
			r.report.Level = result.Level
		}
	}
	return r.report, nil
}

func (r *run) add(check string, level Level, format string, args ...any) *Result {
	r.report.Results = append(r.report.Results, Result{Check: check, Level: level, Text: fmt.Sprintf(format, args...)})
	return &r.report.Results[len(r.report.Results)-1]
}

// installation chooses the one that the report is about.
func (r *run) installation(namespaces []string) bool {
	if len(namespaces) == 0 {
		r.add("installation", Problem, "lameduck is not installed in this cluster").Remedy = "lameduck install | kubectl apply -f -"
		return false
	}
	r.report.Namespace = namespaces[0]
	if r.Namespace != "" {
		r.report.Namespace = r.Namespace
	}
	if len(namespaces) > 1 {
		result := r.add("installation", Problem, "there are signs of %d installations; a cluster has one", len(namespaces))
		result.Named = namespaces
		result.Remedy = "lameduck uninstall --namespace NAMESPACE | kubectl delete -f - for all but one, then lameduck install | kubectl apply -f - again"
		return true
	}
	if namespaces[0] != r.report.Namespace {
		r.add("installation", Problem, "lameduck is installed in namespace %s, not in %s", namespaces[0], r.report.Namespace)
		return false
	}
	return true
}
