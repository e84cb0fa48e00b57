# kill.t - kill -9 at random moments: the file stays readable, the status is the truth at the next open, and running again finishes.
. "$SRC/tests/runs/lib.sh"
arms kill slow-1 slow-2 slow-3 slow-4 slow-5 slow-6
moments=${TAGLOOM_KILLS:-8} seed=7 bad= unreadable=
i=0
while [ $i -lt "$moments" ]; do
	i=$((i + 1)) seed=$(((seed * 1103515245 + 12345) % 2147483648))
	tagloom run kill.lua --db a.db --jobs 2 -D odd.seconds=0.4 >/dev/null 2>&1 &
	pid=$!
	sleep "0.$(printf %03d $((seed / 65536 % 700)))"
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	[ -f a.db ] || continue
	now=$(tagloom sql --db a.db --format csv "SELECT count(*) FROM run WHERE status = 'running'" 2>err | sed 1d) || unreadable="$unreadable $i"
	case $now in 0 | '') ;; *) # a child may need a moment to be gone
		sleep 0.2
		now=$(sql "SELECT count(*) FROM run WHERE status = 'running'")
		[ "$now" = 0 ] || bad="$bad $i:$now" ;;
	esac
	[ "$(sql "PRAGMA integrity_check")" = ok ] || unreadable="$unreadable $i"
done
is "$unreadable" "" "$moments times killed: readable every time"
is "$bad" "" "no run is said to be running that is not"
tagloom run kill.lua --db a.db -D odd.seconds=0.4 --jobs 2 >/dev/null 2>err
is "$?" 0 "the same command finishes"
is "$(sql "SELECT count(*) FROM run WHERE status = 'done'")" 6 "every run is there once"
is "$(sql "SELECT count(*) FROM result WHERE split = 'test'")" 6 "with its results once"
before=$(sql "SELECT group_concat(finished_at) FROM run")
tagloom run kill.lua --db a.db -D odd.seconds=0.4 >/dev/null 2>err
is "$?" 0 "and once more"
has "$(cat err)" "nothing to train" "trains nothing"
is "$(sql "SELECT group_concat(finished_at) FROM run")" "$before" "no run was touched"
tagloom run kill.lua --db a.db -D odd.seconds=0.4 --only slow-3 --force >/dev/null 2>err
is "$(sql "SELECT count(*) FROM run WHERE status = 'done'") $([ "$(sql "SELECT group_concat(finished_at) FROM run")" != "$before" ]; echo $?)" "6 0" "--force trains again"
for i in 1 2 3 4 5 6 7 8; do tagloom run kill.lua --db b.db -D odd.seconds=0.2 >"out$i" 2>&1 & eval "p$i=\$!"; done
status=
for i in 1 2 3 4 5 6 7 8; do eval "wait \$p$i"; status="$status$?"; done
is "$status" 00000000 "eight at once on a file that is not there"
is "$(DB=b.db sql "SELECT count(*) || ' ' || sum(status = 'done') || ' ' || (SELECT count(*) FROM experiment) FROM run")" "6 6 1" "share the runs and make each once"
done_testing
