# dryrun.t - every table of the papers' scripts checks its wiring on generated data of the paper's label count, on each of its data sets.
. "$SRC/tests/papers/lib.sh"
for shape in aapd:54 mag-cs:15809 pubmed:17963 rcv1:103 rcv1-v2:103 eurlex-4k:3956 amazoncat-13k:13330 wiki10-31k:30938 wiki-500k:501070; do
	make_data "data/${shape%%:*}" "${shape##*:}" 200 20 40
done
echo '{"id": "p1", "text": "word1 topic3", "labels": ["l3"]}' >data/more.jsonl

# dry PAPER TABLE EXPERIMENTS ARMS [ARGUMENTS]: as many experiments and distinct arms as the printed table asks for.
dry() {
	paper=$1 table=$2 experiments=$3 arms=$4
	shift 4
	tagloom run "$SRC/scripts/papers/$paper.lua" -D table="$table" -D dataset=all $TINY "$@" --dry-run --db none.db >out 2>err
	is "$? $(grep -c '^experiment ' out) $(sed -n 's/^arm \(.*\) on .*/\1/p' out | sed 's/ (baseline)//' | sort -u | paste -sd';' -)" "0 $experiments $arms" "$paper table $table"
	cat err >&2
}
for table in 2 3 4 5 6; do dry labelcorank $table 1 "full;gudn;roberta"; done
dry labelcorank 8 3 "full;w/o all reranking parts;w/o correlation matrix;w/o label ranking;w/o position information"
dry labelcorank table9 3 "gamma=10;gamma=15;gamma=20;gamma=25;gamma=30;gamma=35;gamma=40"
dry labelcorank 4 1 "full;gudn;roberta" -D variant=released
for table in 2 3 4 6; do dry sep $table 1 "full;roberta"; done
dry sep 5 2 "full;w/o LGFS;w/o LSE;w/o SMCL"
dry sep 5 2 "full;w/o DATC;w/o LGFS;w/o LSE;w/o SMCL" -D augment=data/more.jsonl
for table in 2 3 4 5; do dry gudn $table 4 "bert;full"; done
dry gudn 6 4 "BERT+GUD-F;BERT+GUD-L;bert;full"
dry gudn 7 4 "bert;multi-hot vectors;raw labels"
dry gudn 8 4 "length=100;length=200" -D lengths=100,200
dry gudn 2 4 "bert;full" -D variant=released
dry laco 2 2 "bert;br;clcp;full;plcp"
dry laco 4 2 "full;w/o CA;w/o JE;w/o JE & CA"
dry laco 5 2 "clcp;full;plcp"
dry laco 6 2 "clcp;full;plcp" -D variant=released
dry uclaf 3 2 "full;gudn"
dry uclaf 4 2 "CACL;LAN;baseline;full"
dry uclaf 5 2 "full;strategy=ALL;strategy=ANY"
dry uclaf 6 2 "continuous masking;full;random masking;token shuffling"
is "$([ -e none.db ]; echo $?)" 1 "a dry run writes no database"

refuse() {
	words=$1 name=$2
	shift 2
	tagloom run "$@" --dry-run >out 2>err
	is "$?" 2 "$name: exit status"
	has "$(cat err)" "$words" "$name: the sentence"
}
refuse "wanted one of 2, 3, 4, 5, 6, 8, 9" "a table that is none of ours" "$SRC/scripts/papers/labelcorank.lua" -D table=7
refuse "table 8 has aapd, mag-cs, pubmed" "a data set that the table lacks" "$SRC/scripts/papers/labelcorank.lua" -D table=8 -D dataset=rcv1
done_testing
