# jobs.t - runs at the same time share the CPUs: never more threads than there are, however many jobs are asked for.
. "$SRC/tests/runs/lib.sh"
arms jobs slow-1 slow-2 slow-3 slow-4 slow-5 slow-6
# most FILE: the largest number of runs, and of their threads, at one moment, from the processes
watch() { # PID: prints "children threads" at its largest until PID ends
	most=0 threads=0
	while grep -q '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$1/status" 2>/dev/null; do # until it is gone, or a zombie
		n=0 t=0
		for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
			tr '\0' ' ' <"/proc/$child/cmdline" 2>/dev/null | grep -q ' child ' || continue
			n=$((n + 1)) k=$(ls "/proc/$child/task" 2>/dev/null | wc -l)
			t=$((t + k))
		done
		[ "$n" -gt "$most" ] && most=$n
		[ "$t" -gt "$threads" ] && threads=$t
		sleep 0.02
	done
	echo "$most $threads"
}
cpus=$(nproc)
command -v taskset >/dev/null && [ "$cpus" -ge 2 ] || { skip "two CPUs and taskset"; done_testing; exit; }
two=$(taskset -pc $$ | sed 's/.*: //' | awk -F, '{ n = 0; for (i = 1; i <= NF && n < 2; i++) { split($i, r, "-"); for (c = r[1]; c <= (r[2] == "" ? r[1] : r[2]) && n < 2; c++) { printf "%s%d", n ? "," : "", c; n++ } } }')
for how in "--jobs 5" "--jobs 5 --threads 64" "--jobs 2" "--jobs 2 --threads 2"; do
	rm -rf j.db*
	taskset -c "$two" tagloom run jobs.lua --db j.db $how -D odd.seconds=0.5 >/dev/null 2>err &
	pid=$!
	got=$(watch $pid)
	wait $pid
	is "$? $got" "0 2 2" "$how on two CPUs: two runs at once, of one thread each"
	case $how in *5*) has "$(cat err)" "--jobs 5: 2 runs at the same time, for there are 2 threads to share" "and that is said" ;; esac
done
rm -rf j.db*
taskset -c "${two%,*}" tagloom run jobs.lua --db j.db --jobs 3 -D odd.seconds=0.2 >/dev/null 2>err &
pid=$!
is "$(watch $pid)" "1 1" "one CPU: one run at a time"
wait $pid
rm -rf j.db*
taskset -c "$two" tagloom run jobs.lua --db j.db --threads 1 --jobs 4 -D odd.seconds=0.2 >/dev/null 2>&1 &
pid=$!
is "$(watch $pid)" "1 1" "--threads 1: one run at a time"
wait $pid
rm -rf j.db*
taskset -c "$two" tagloom run jobs.lua --db j.db --threads 3 -D odd.seconds=0.2 >/dev/null 2>&1
is "$(DB=j.db sql "SELECT DISTINCT threads FROM run")" 3 "without --jobs a run has the threads that were asked for"
done_testing
