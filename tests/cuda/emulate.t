# The emulated device itself: kernels that are right, and kernels with one mistake each, which it must find.
. "$SRC/tests/tap.sh"
cxx=$(sed -n 's/^CXX = *//p' "$BUILD/config.mak")
if [ -z "$cxx" ]; then
	skip "mistakes are found by the emulated device" "no C++ compiler was found when it was configured"
	done_testing
	exit 0
fi
$cxx -std=c++17 -O1 -g -I"$SRC/tests/cuda/emulate" "$SRC/tests/cuda/wrong/kernels.cc" "$SRC/tests/cuda/emulate/emulate.cc" -o kernels >out 2>&1
ok $? "it builds"
[ -s out ] && sed 's/^/# /' out
run() { (ulimit -c 0; TAGLOOM_EMULATE_PROTECT=1 ./kernels "$1") 2>&1; }
finds() { # finds KERNEL WORDS
	has "$(run "$1")" "$2" "$1 is found"
}
is "$(run sums)" "528 528" "lanes of a warp add up"
wanted="$(seq 63 -1 0 | tr '\n' ' ')$(seq 63 -1 0 | tr '\n' ' ')"
is "$(run reversed)" "$wanted" "threads see what the others wrote before the barrier"
is "$(TAGLOOM_EMULATE_ORDER=1 run reversed) $(TAGLOOM_EMULATE_ORDER=5 run reversed)" "$wanted $wanted" "in other orders too"
[ "$(run no_barrier)" != "$(TAGLOOM_EMULATE_ORDER=1 run no_barrier)" ]
ok $? "no_barrier gives another result in another order"
finds some_leave "every thread of a block must reach it"
finds two_barriers "while others of its block wait at"
finds half_a_warp "which do not come"
finds part_of_a_warp "whole warps"
finds large_block "the most is 1024"
finds large_shared "bytes of shared memory"
finds host_as_device "as a copy of kind"
finds overlap "the two overlap"
is "$(run streams) $(TAGLOOM_EMULATE_STREAMS=late run streams) $(TAGLOOM_EMULATE_STREAMS=ahead run streams)" "10 10 10" "two streams with their events, whichever is behind"
is "$(run no_arrival) $(run no_end)" "10 10" "an event that is missing may go unnoticed"
[ "$(TAGLOOM_EMULATE_STREAMS=late run no_arrival)" != 10 ]
ok $? "no_arrival: work that does not wait for what is sent is found where the second stream is late"
[ "$(TAGLOOM_EMULATE_STREAMS=ahead run no_end)" != 10 ]
ok $? "no_end: sending into memory that is still read is found where the second stream is ahead"
run beyond >/dev/null
[ $? -gt 128 ]
ok $? "a step beyond the end of memory ends the program"
run host_reads >/dev/null
[ $? -gt 128 ]
ok $? "so does a host that reads device memory"
done_testing
