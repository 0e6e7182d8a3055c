package termination

// PeerClass says how a peer, an address that the pod's connections come from, could know the
// pod's own address. A peer that can't know it reaches the pod through kube-proxy alone.
type PeerClass string

// The classes of peers.
const (
	// PeerClient uses Services' addresses: nothing shows how it could know the pod's own.
	PeerClient PeerClass = "client"
	// PeerScraper reads metrics from the pod's own address: it sends no requests of users.
	PeerScraper PeerClass = "scraper"
	// PeerWatcher may read EndpointSlices, Endpoints or pods, as ingress controllers do.
	PeerWatcher PeerClass = "watcher"
	// PeerProxy runs a proxy, which its control plane tells the addresses of pods.
	PeerProxy PeerClass = "proxy"
	// PeerResolver may have the pod's address from the DNS of a headless Service.
	PeerResolver PeerClass = "resolver"
	// PeerNode is a node's own address: a router on the host's network, or any client whose
	// address the node has replaced by its own.
	PeerNode PeerClass = "node"
	// PeerOutside is neither a pod's address nor a node's: a load balancer, for instance.
	PeerOutside PeerClass = "outside"
	// PeerUnknown could not be classified, or not in time.
	PeerUnknown PeerClass = ""
)

// MayKnow reports whether a peer of this class may send to the pod's own address, and so goes on
// sending until its own source tells it that the pod has left.
func (c PeerClass) MayKnow() bool { return c != PeerClient && c != PeerScraper }
