# train.t - every table of the papers' scripts trains two steps, every arm of it: on AAPD where TAGLOOM_DATA has it, else on the abstracts that come with the program.
. "$SRC/tests/papers/lib.sh"
from=$SRC/scripts/data/arxiv
[ -d "${TAGLOOM_DATA:-/nowhere}/aapd" ] && from=$TAGLOOM_DATA/aapd
tagloom data convert "$from" -o small --sample 16,16,48 --seed 1 >/dev/null 2>err
ok $? "a sample of $(basename "$from")"
cat err >&2
echo '{"id": "p1", "text": "on the theory of networks", "labels": ["cs.NI"]}' >more.jsonl
SHORT="$TINY -D data.max_length=96 -D train.epochs=2 -D train.batch=16 -D seeds=1"
train() { # train PAPER TABLE DATASET ARMS [ARGUMENTS]
	paper=$1 table=$2 dataset=$3 arms=$4
	shift 4
	tagloom run "$SRC/scripts/papers/$paper.lua" -D table="$table" -D dataset="$dataset" -D data=small $SHORT "$@" --quiet --db $DB >out 2>err
	is "$? $(tagloom sql --db $DB --format csv "SELECT count(DISTINCT arm) FROM v_value WHERE split = 'test' AND experiment LIKE '$paper%-table$table-$dataset'" | tail -1)" "0 $arms" "$paper table $table"
	cat err >&2
}
DB=all.db
train labelcorank 2 mag-cs 3
train labelcorank 3 pubmed 3
train labelcorank 4 aapd 3
train labelcorank 5 pubmed 3
train labelcorank 6 pubmed 3
train labelcorank 8 aapd 5
train labelcorank 9 aapd 5
train sep 2 aapd 2
train sep 3 rcv1 2
train sep 4 eurlex-4k 2
train sep 5 eurlex-4k 4
train sep 6 eurlex-4k 2
for table in 2 3 4 5; do train gudn $table eurlex-4k 2; done
train gudn 6 eurlex-4k 4
train gudn 7 eurlex-4k 5 -D reinforcement=true -D guide.label_length=96
train gudn 8 eurlex-4k 2 -D lengths=48,96
train laco 2 aapd 5
train laco 4 aapd 4
train laco 5 aapd 3
train laco 6 aapd 3
train uclaf 3 aapd 2
train uclaf 4 aapd 4
train uclaf 5 eurlex-4k 3
train uclaf 6 eurlex-4k 4
is "$(tagloom sql --db all.db --format csv "SELECT DISTINCT status FROM run" | tail -n +2)" "done" "every run is done"
is "$(tagloom sql --db all.db --format csv "SELECT DISTINCT max(step) FROM curve JOIN run ON run.id = run_id WHERE NOT seedless GROUP BY run_id" | tail -n +2)" 2 "after two steps"
DB=augmented.db
train sep 5 aapd 5 -D augment=more.jsonl
is "$(tagloom sql --db $DB --format csv "SELECT group_concat(arm) FROM (SELECT a.name AS arm FROM arm a JOIN param p ON p.arm_id = a.id WHERE p.key = 'data.augment' ORDER BY a.id)" | tail -1)" '"full,w/o LSE,w/o SMCL,w/o LGFS"' "pseudo-documents in every arm but w/o DATC"
done_testing
