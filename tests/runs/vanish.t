# vanish.t - the database is removed while its runs are executed: nobody waits for ever, and nobody makes an empty one in its place.
. "$SRC/tests/runs/lib.sh"
arms vanish slow
tagloom run vanish.lua --db a.db -D odd.seconds=4 >out1 2>err1 &
first=$!
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
	sleep 0.2
	[ -f a.db ] && [ "$(sql "SELECT count(*) FROM run WHERE status = 'running'" 2>/dev/null)" = 1 ] && break
done
timeout 30 tagloom run vanish.lua --db a.db -D odd.seconds=4 >out2 2>err2 &
second=$!
sleep 1
rm -f a.db a.db-wal a.db-shm
wait $second
is "$?" 3 "a process that waits for another's run ends: status 3"
has "$(cat err2)" "a.db: there is no database, or not any more" "and says why"
wait $first
ok $(($? == 0)) "the process whose run it was fails"
ok "$([ -e a.db ]; echo $((! $?)))" "no empty database stands in its place"
done_testing
