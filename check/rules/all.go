package rules

import (
	"github.com/lameduck-dev/lameduck/check"
)

// Families group the rules, in the order in which they are listed.
var Families = []string{"budget", "hooks", "signals", "probes", "routing", "rollout", "sidecars", "deprecated"}

// All lists every rule, by family and in the order in which they are read
// best. A rule is registered here and nowhere else.
func All() []*check.Rule {
	all := []*check.Rule{
		prestopExceedsGrace,
		shutdownExceedsGrace,
		stopTimeShort,
		graceZero,
		springImmediateShutdown,
		deregistrationExceedsGrace,
		routerTimeoutExceedsGrace,
		registryNotWithdrawn,
		registryWaitShort,
		envoyDrainExceedsWait,
		sidecarStarved,
		policyCapsGrace,

		noPrestop,
		prestopWaitShort,
		hookCannotRun,
		hookWithoutShell,
		tcpHook,
		httpHookStatus,
		httpHookMethod,
		sleepActionUnsupported,
		registryHookNoEffect,
		hookStopsFirst,
		fastStopHook,
		hookBackgrounds,
		blockingPoststart,
		notInjected,

		shellPID1,
		stopSignal,
		pid1Manager,
		supervisorStopWait,
		signalToGroup,
		fpmDropsRequests,

		noReadiness,
		readinessIsLiveness,
		livenessBeforeStart,
		livenessImpatient,
		livenessOutside,
		livenessRestartsWithdrawn,
		tcpReadiness,
		probePortMissing,
		probeTimeout,
		readyBeforeRouter,

		serviceSelectsNothing,
		servicePortMissing,
		publishNotReady,
		hostPort,
		dnsTTLExceedsWait,
		serviceMixesVersions,
		localTrafficWait,
		sessionAffinityDrain,
		stickyToLeavingPod,
		routerAppliesLate,
		reloadCutsRequests,

		singleReplica,
		maxUnavailableAll,
		recreateStrategy,
		warmupExceedsMinReady,
		statefulsetParallel,
		daemonsetMaxUnavailable,
		hpaStaticReplicas,
		hpaMinOne,
		scalesToZero,
		scaleDownAtOnce,
		scaleDownDelayZero,
		inPlaceUpdate,
		pdbMissing,
		pdbBlocking,
		pdbSelectsNothing,
		pdbOverlap,
		pdbUnhealthyPolicy,
		noSpread,
		antiAffinityBlocksSurge,
		progressDeadlineShort,
		workExceedsGrace,
		workerDefaultGrace,

		proxyExitsFirst,
		backendExitsFirst,
		sidecarOrder,
		istioDrain,
		meshProxyExitsFirst,

		removedAPI,
		duplicateKey,
		unknownField,
		podsNotRead,
	}
	return append(all, ignoreAnnotation(all))
}
