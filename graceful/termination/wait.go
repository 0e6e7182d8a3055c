package termination

import "time"

// How long to wait when nothing else was asked. The agent and the injection share these.
const (
	// CarefulSleep is what a careful person writes into a sleep hook. Propagation has no published
	// objective: a few seconds are common, 10 to 25 s were seen on large clusters. It is the least
	// wait where evidence is missing.
	CarefulSleep = 15 * time.Second

	// HeadlessDNS is for how long a client that finds pods by the DNS of a headless Service may go on
	// sending to one that has left: kubeadm's CoreDNS gives answers that are valid for 30 s and keeps
	// them as long, and clients look up every some seconds. With 5 s, up to 36 s were seen.
	HeadlessDNS = 40 * time.Second

	// QuietFloor and QuietCeiling bound the quiet window where the routers are confirmed.
	QuietFloor   = 300 * time.Millisecond
	QuietCeiling = time.Second
)
