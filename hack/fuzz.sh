#!/usr/bin/env bash
# Runs every fuzz target of every module in go.work for the given time each, or only those in packages that match:
# hack/fuzz.sh 10s, hack/fuzz.sh 10000x '^./(check|manifest)$'
# All of them run, whatever one finds; the names of those that failed come last.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-10s} packages=${2:-.}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=()
# A file that holds a target, its package, and the target's name.
while IFS=: read -r file func; do
  package=$(dirname "$file") target=${func#func }
  [[ $package =~ $packages ]] || continue
  echo "fuzz $package $target for $time"
  go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$package" 2>&1 | tee "$log" && continue
  # When the time is over, go may report its own deadline as a failure; a true one names its input.
  if grep -q 'context deadline exceeded' "$log" && ! grep -q 'Failing input\|panic:' "$log"; then continue; fi
  failed+=("$package $target")
done < <(grep -rhoE --include='*_test.go' -H '^func Fuzz[A-Za-z0-9_]+' . | sort)
((${#failed[@]} == 0)) || { printf 'failed: %s\n' "${failed[@]}"; exit 1; }
