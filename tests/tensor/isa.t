#!/bin/sh
# isa.t - float against double with fewer instructions than this machine has.
. "$SRC/tests/tap.sh"
for isa in plain avx2; do
	for t in "ops.test --float" values.test; do
		# shellcheck disable=SC2086
		TAGLOOM_ISA=$isa "$BUILD/build/tests/tensor/"$t >"$TMP/said" 2>&1
		status=$?
		[ $status -ne 0 ] && grep -A1 '^not ok' "$TMP/said" | sed 's/^/# /' | head -20
		ok $status "$t passes with TAGLOOM_ISA=$isa"
	done
done
done_testing
