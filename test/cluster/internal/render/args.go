package render

import (
	"fmt"
	"net/netip"
	"path/filepath"

	"github.com/lameduck-dev/lameduck/test/cluster/internal/plan"
)

// APIServerURL is where the API server listens.
func APIServerURL(p plan.Plan) string {
	return url(p, plan.APIServerPort)
}

// url is the URL of a port on the instance's own address.
func url(p plan.Plan, port uint16) string {
	return "https://" + netip.AddrPortFrom(p.HostAddr(), port).String()
}

// Etcd is the command line of etcd. It does not sync to disk: its data goes with the cluster.
func Etcd(p plan.Plan) []string {
	client := url(p, plan.EtcdPort)
	peer := url(p, plan.EtcdPeerPort)
	return []string{
		hyper(p), "etcd",
		"--name=etcd",
		"--data-dir=" + p.Path("etcd"),
		"--unsafe-no-fsync",
		"--listen-client-urls=" + client,
		"--advertise-client-urls=" + client,
		"--client-cert-auth",
		"--trusted-ca-file=" + p.Path("pki/ca.crt"),
		"--cert-file=" + p.Path("pki/etcd.crt"),
		"--key-file=" + p.Path("pki/etcd.key"),
		"--listen-peer-urls=" + peer,
		"--initial-advertise-peer-urls=" + peer,
		"--initial-cluster=etcd=" + peer,
		"--peer-client-cert-auth",
		"--peer-trusted-ca-file=" + p.Path("pki/ca.crt"),
		"--peer-cert-file=" + p.Path("pki/etcd.crt"),
		"--peer-key-file=" + p.Path("pki/etcd.key"),
	}
}

// APIServer is the command line of the API server. It reaches pods, and so webhooks, by their own addresses
// (aggregator routing), since the machine itself has no kube-proxy.
func APIServer(p plan.Plan) []string {
	return []string{
		hyper(p), "kube-apiserver",
		"--bind-address=" + p.HostAddr().String(),
		"--advertise-address=" + p.HostAddr().String(),
		fmt.Sprintf("--secure-port=%d", plan.APIServerPort),
		"--etcd-servers=" + url(p, plan.EtcdPort),
		"--etcd-cafile=" + p.Path("pki/ca.crt"),
		"--etcd-certfile=" + p.Path("pki/apiserver-etcd.crt"),
		"--etcd-keyfile=" + p.Path("pki/apiserver-etcd.key"),
		"--tls-cert-file=" + p.Path("pki/apiserver.crt"),
		"--tls-private-key-file=" + p.Path("pki/apiserver.key"),
		"--client-ca-file=" + p.Path("pki/ca.crt"),
		"--kubelet-certificate-authority=" + p.Path("pki/ca.crt"),
		"--kubelet-client-certificate=" + p.Path("pki/apiserver-kubelet.crt"),
		"--kubelet-client-key=" + p.Path("pki/apiserver-kubelet.key"),
		"--kubelet-preferred-address-types=InternalIP",
		"--requestheader-client-ca-file=" + p.Path("pki/front-proxy-ca.crt"),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-username-headers=X-Remote-User",
		"--proxy-client-cert-file=" + p.Path("pki/front-proxy-client.crt"),
		"--proxy-client-key-file=" + p.Path("pki/front-proxy-client.key"),
		"--enable-aggregator-routing=true",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + p.Path("pki/service-account.pub"),
		"--service-account-signing-key-file=" + p.Path("pki/service-account.key"),
		"--service-cluster-ip-range=" + p.ServiceCIDR().String(),
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true",
	}
}

// ControllerManager is the command line of the controller manager. Its default rate limit would slow down rollouts of
// a hundred pods.
func ControllerManager(p plan.Plan) []string {
	kubeconfig := p.Path("controller-manager.kubeconfig")
	return []string{
		hyper(p), "kube-controller-manager",
		"--bind-address=" + p.HostAddr().String(),
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		"--tls-cert-file=" + p.Path("pki/controller-manager.crt"),
		"--tls-private-key-file=" + p.Path("pki/controller-manager.key"),
		"--client-ca-file=" + p.Path("pki/ca.crt"),
		"--root-ca-file=" + p.Path("pki/ca.crt"),
		"--cluster-signing-cert-file=" + p.Path("pki/ca.crt"),
		"--cluster-signing-key-file=" + p.Path("pki/ca.key"),
		"--service-account-private-key-file=" + p.Path("pki/service-account.key"),
		"--use-service-account-credentials=true",
		"--allocate-node-cidrs=false",
		"--cluster-cidr=" + p.ClusterCIDR().String(),
		"--service-cluster-ip-range=" + p.ServiceCIDR().String(),
		"--leader-elect=false",
		"--kube-api-qps=100",
		"--kube-api-burst=200",
		"--flex-volume-plugin-dir=" + p.Path("volume-plugins"),
	}
}

// Scheduler is the command line of the scheduler.
func Scheduler(p plan.Plan) []string {
	kubeconfig := p.Path("scheduler.kubeconfig")
	return []string{
		hyper(p), "kube-scheduler",
		"--bind-address=" + p.HostAddr().String(),
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		"--tls-cert-file=" + p.Path("pki/scheduler.crt"),
		"--tls-private-key-file=" + p.Path("pki/scheduler.key"),
		"--client-ca-file=" + p.Path("pki/ca.crt"),
		"--leader-elect=false",
	}
}

// Containerd is the command line of the node's container runtime.
func (n Node) Containerd() []string {
	return []string{"containerd", "--config", filepath.Join(n.Dir(), "containerd.toml")}
}

// Kubelet is the command line of the node's kubelet.
func (n Node) Kubelet() []string {
	return []string{
		hyper(n.Plan), "kubelet",
		"--config=" + filepath.Join(n.Dir(), "kubelet.yaml"),
		"--kubeconfig=" + filepath.Join(n.Dir(), "kubelet.kubeconfig"),
		"--hostname-override=" + n.Name(),
		"--node-ip=" + n.Address().String(),
		"--root-dir=" + filepath.Join(n.Dir(), "kubelet"),
		"--cert-dir=" + filepath.Join(n.Dir(), "pki"),
	}
}

// KubeProxy is the command line of the node's kube-proxy.
func (n Node) KubeProxy() []string {
	return []string{hyper(n.Plan), "kube-proxy", "--config=" + filepath.Join(n.Dir(), "kube-proxy.yaml")}
}

// RelayURL is where kube-proxy reaches the API server: at the node's relay.
func (n Node) RelayURL() string { return fmt.Sprintf("https://%s", n.relayAddress()) }

// Relay is the command line of the relay between the node's kube-proxy and the API server.
func (n Node) Relay() []string {
	return []string{
		n.Plan.Path("bin", "relay"),
		"--listen=" + n.relayAddress(),
		"--server=" + APIServerURL(n.Plan),
		"--ca=" + n.Plan.Path("pki/ca.crt"),
		"--cert=" + filepath.Join(n.Dir(), "pki/kube-proxy.crt"),
		"--key=" + filepath.Join(n.Dir(), "pki/kube-proxy.key"),
		"--control=" + n.RelaySocket(),
	}
}

func (n Node) relayAddress() string { return fmt.Sprintf("127.0.0.1:%d", plan.APIServerPort) }

func hyper(p plan.Plan) string { return p.Path("bin", "hyper") }
