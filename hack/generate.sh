#!/usr/bin/env bash
# Writes every generated file anew: API types and CRD, rule pages, the command line's
# reference, the metrics list, what the agent of the version before says of itself. The same tests fail, without -update, when a page is stale.
set -euo pipefail
cd "$(dirname "$0")/.."
go generate ./workload/v1alpha1
go test ./inject -run TheAgentBefore -update
go test ./check/rules ./cmd/lameduck/command ./controller -run 'Page|Reference|Metrics|Docs' -update
