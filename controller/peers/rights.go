package peers

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/lameduck-dev/lameduck/controller/pace"
)

// Reviewer has the API server say what somebody may do.
type Reviewer interface {
	ReviewAccess(ctx context.Context, review *authorizationv1.SubjectAccessReview) (*authorizationv1.SubjectAccessReview, error)
}

const (
	// A right that was found is believed for longer than its absence: waiting for a peer in vain
	// costs seconds, not waiting loses requests.
	rememberRight   = 10 * time.Minute
	rememberNoRight = time.Minute
	// maxRights bounds what is remembered: ServiceAccounts times the namespaces they send to.
	maxRights = 20_000
	// Reviews a second, and at once, of one namespace's pods: four for each ServiceAccount that was
	// not seen lately. A namespace that uses up its own takes nothing from the others.
	reviewRate, reviewBurst = 20, 200
	// Of all namespaces.
	allRate, allBurst = 200, 2000
)

// addresses are the resources that hold the addresses of pods.
var addresses = []authorizationv1.ResourceAttributes{
	{Verb: "list", Group: "discovery.k8s.io", Resource: "endpointslices"},
	{Verb: "watch", Group: "discovery.k8s.io", Resource: "endpointslices"},
	{Verb: "list", Resource: "endpoints"},
	{Verb: "list", Resource: "pods"},
}

// rights remembers which ServiceAccounts may read the addresses of a namespace's pods.
type rights struct {
	reviewer Reviewer
	limits   *pace.Paces[string] // by the namespace of the pod that is sent to
	limit    *rate.Limiter

	mu    sync.Mutex
	known map[right]finding
}

// right is asked of one ServiceAccount about one namespace.
type right struct{ accountNamespace, account, namespace string }

type finding struct {
	may   bool
	until time.Time
}

func newRights(reviewer Reviewer) *rights {
	return &rights{reviewer: reviewer, limits: pace.New[string](reviewRate, reviewBurst), limit: rate.NewLimiter(allRate, allBurst), known: map[right]finding{}}
}

// may reports whether r holds; ok is false where that could not be found out in time.
func (rs *rights) may(ctx context.Context, r right) (may, ok bool) {
	rs.mu.Lock()
	found, there := rs.known[r]
	rs.mu.Unlock()
	if there && time.Now().Before(found.until) {
		return found.may, true
	}
	for _, what := range addresses {
		if !rs.limits.Allow(r.namespace) || !rs.limit.Allow() {
			return false, false
		}
		what.Namespace = r.namespace
		review, err := rs.reviewer.ReviewAccess(ctx, &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User:               "system:serviceaccount:" + r.accountNamespace + ":" + r.account,
			Groups:             []string{"system:serviceaccounts", "system:serviceaccounts:" + r.accountNamespace, "system:authenticated"},
			ResourceAttributes: &what,
		}})
		if err != nil || review.Status.EvaluationError != "" && !review.Status.Allowed {
			return false, false
		}
		if review.Status.Allowed {
			rs.keepFinding(r, finding{true, time.Now().Add(rememberRight)})
			return true, true
		}
	}
	rs.keepFinding(r, finding{false, time.Now().Add(rememberNoRight)})
	return false, true
}

func (rs *rights) keepFinding(r right, f finding) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if len(rs.known) >= maxRights {
		for old, found := range rs.known {
			if time.Now().After(found.until) {
				delete(rs.known, old)
			}
		}
	}
	if len(rs.known) < maxRights {
		rs.known[r] = f
	}
}
