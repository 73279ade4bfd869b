#!/usr/bin/env bash
# Runs the Go tests of every package with the layers (build tags) that are
# given, as `make test` does:
#
#   infra/dev/test.sh kernel,docker,postgres,browser
#
# One package after the other (-p 1): kernel and Docker tests of different
# packages must not disturb each other. Only the machines under QEMU run beside
# all that, with less priority: they touch nothing of this one.
#
# A test that fails is run once more, if there are at most four such. One that
# passes only then is a defect all the same, and is named at the end.
set -euo pipefail
cd "$(dirname "$0")/../.."
tags=${1:?which tags, with commas between them}
machines=./infra/e2e/kernels
mkdir -p .build
rm -f .build/*.flaky

gotestsum() { go tool -modfile=infra/tools/go.mod gotestsum "$@"; }

# run NAME TIMEOUT PACKAGES...: every line goes to .build/NAME.json
run() {
	local name=$1 timeout=$2
	shift 2
	gotestsum --format pkgname --format-hide-empty-pkg --jsonfile ".build/$name.json" \
		--rerun-fails=1 --rerun-fails-max-failures=4 --rerun-fails-report=".build/$name.flaky" --packages "$*" -- \
		-count=1 -p 1 -timeout "$timeout" -tags "$tags" || return
	complete "$name" "$@"
}

# complete NAME PACKAGES...: each has a result. A runner that is ended from
# outside says that nothing failed.
complete() {
	local name=$1 missing
	shift
	missing=$(go list -tags "$tags" "$@" | sort | comm -23 - <(grep -v '"Test":' ".build/$name.json" |
		sed -nE 's/.*"Action":"(pass|fail|skip)","Package":"([^"]*)".*/\2/p' | sort -u))
	[ -z "$missing" ] && return
	echo "not run to the end:" $missing
	return 1
}

packages=$(go list -tags "$tags" ./... | grep -v "/${machines#./}\$")
( renice -n 5 $BASHPID && run kernels 60m "$machines" ) >.build/kernels.log 2>&1 &
beside=$!
trap 'kill $beside 2>/dev/null || true' EXIT

rc=0
# shellcheck disable=SC2086 # one word a package
run tests 25m $packages || rc=$?
wait "$beside" || rc=$?
trap - EXIT
cat .build/kernels.log
if [ "$rc" = 0 ] && { [ -s .build/tests.flaky ] || [ -s .build/kernels.flaky ]; }; then
	echo "FLAKY: failed, then passed. Each is a defect:"
	cat .build/*.flaky
fi
echo "the slowest tests:"
gotestsum tool slowest --num 30 --jsonfile .build/tests.json
exit "$rc"
