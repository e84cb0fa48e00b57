# The verb data: what it prints, writes and refuses; and the bundled dataset is what its README says.
. "$SRC/tests/tap.sh"
small=$SRC/scripts/data/arxiv

out=$(tagloom data stats "$small" --format json)
for split in train valid test; do
	wanted=$(sed -n "s/^ *\(Hashes.*\)\{0,1\} *$split *\([0-9a-f]\{64\}\)$/\2/p" "$SRC/scripts/data/README")
	has "$out" "\"sha256\": \"$wanted\"" "the bundled $split split is the one that its README names"
done
has "$out" '"of test have a text that is also in train": 0' "no test text is a training text"
bytes=$(cat "$SRC"/scripts/data/*/* | wc -c)
[ "$bytes" -le 4194304 ]
ok $? "the bundled data has at most 4 MB ($bytes bytes)"

# convert: the same sample has the same hashes in every format and packing
for packing in none gz xz zst; do
	tagloom data convert "$small" -o "$packing" --sample 50,5,7 --seed 3 --compress "$packing" >out.$packing 2>&1
	tagloom data stats "$packing" --format json | sed -n 's/.*"sha256": //p' | tail -3 >hash.$packing
done
is "$(cat out.none)" "train: 50 of 8000 documents
valid: 5 of 1000 documents
test: 7 of 2000 documents" "convert says how many documents it took"
cmp -s hash.none hash.gz && cmp -s hash.none hash.xz && cmp -s hash.none hash.zst && [ -s hash.none ]
ok $? "plain, gz, xz and zst hold the same documents"
tagloom data convert "$small" -o other --sample 50,5,7 --seed 4 >/dev/null
tagloom data stats other --format json | sed -n 's/.*"sha256": //p' | tail -3 >hash.other
! cmp -s hash.none hash.other
ok $? "another seed draws other documents"
tagloom data convert "$small" -o first --limit 3 >/dev/null
xz -dc "$small/train.jsonl.xz" | head -3 | cmp -s - first/train.jsonl
ok $? "--limit takes the first ones, and they come out as they went in"
before=$(cat none/train.jsonl | cksum)
out=$(tagloom data convert "$small" -o none --sample 1 2>&1)
has "$out" "none/train.jsonl is there already" "nothing is overwritten unasked"
is "$(cat none/train.jsonl | cksum)" "$before" "and the file is as it was"
out=$(tagloom data convert none -o none --force 2>&1)
has "$out" "is the dataset itself" "a dataset is not written over itself"
out=$(tagloom data convert none 2>&1)
has "$out" "give -o DIR" "convert wants a folder"
out=$(tagloom data convert none -o x --sample 3,x 2>&1)
has "$out" "--sample: wanted numbers" "a sample that is none"
out=$(tagloom data convert none -o x --limit 0 2>&1)
has "$out" "--limit 0: wanted how many documents" "a limit of nothing"
has "$(tagloom data stats nowhere 2>&1)" "tagloom data: nowhere: there is no such folder" "a folder that is not there"
mkdir odd
printf '{"id":"a","text":"one","labels":["x\\ny"]}\n' >odd/train.jsonl
cp odd/train.jsonl odd/test.jsonl
out=$(tagloom data stats odd; tagloom data stats "$small")
is "$(echo "$out" | grep -c '^labels most frequent x y (1)$') $(echo "$out" | awk 'length($0) > 80' | wc -l)" "1 0" "stats keeps to its lines, and to 80 columns"
out=$(tagloom data convert odd -o odd2 2>&1)
is "$?" 3 "a label of two lines has no place in labels.txt"
has "$out" "label 1 cannot be written to labels.txt: its key holds a tab or a line end" "which is told"
[ ! -e odd2 ]
ok $? "before anything is written"
printf '{"uid":"k","title":"a\\tname"}\n' >odd/lbl.json
printf '{"title":"t","target_ind":[0]}\n' >odd/trn.json
cp odd/trn.json odd/tst.json
tagloom data convert odd --reader xmc -o odd3 >/dev/null 2>&1
is "$(cat odd3/labels.txt)" "$(printf 'k\ta name')" "a name's tab becomes a blank"
out=$(tagloom data convert none -o x --compress rar 2>&1)
has "$out" "wanted none, gz, xz or zst" "a packing that is none"

# show
id=$(sed -n '2s/.*"id": "\([^"]*\)".*/\1/p' none/train.jsonl)
has "$(tagloom data show none "$id")" "$id: document 2 of 50 in train" "a document by its id"
has "$(tagloom data show none 2 --split test --format json)" '"split": "test", "number": 2' "a document by its number"
out=$(tagloom data show none nobody 2>&1)
is "$?" 2 "an unknown document is a usage error"
has "$out" "nobody: no document of that id or number" "with a sentence"

# clean
mkdir bad
printf '{"id":"a","text":"One  text","labels":["x"]}\n{"id":"a","text":"two","labels":["y"]}\n{"id":"b","text":"one text","labels":["x"]}\n' >bad/train.jsonl
printf '{"id":"c","text":" ","labels":["x"]}\n{"id":"d","text":"bad \377 byte","labels":["x"]}\n{"id":"e","text":"three","labels":[]}\n{"id":"f","text":"Seen","labels":["x"]}\n' >>bad/train.jsonl
printf '{"id":"a","text":"seen","labels":["x"]}\n' >bad/test.jsonl
echo x >bad/labels.txt
out=$(tagloom data stats bad 2>&1)
is "$?" 3 "a dataset with faults is an error"
has "$out" "bad/train.jsonl:2: the id \"a\" was already given to bad/train.jsonl:1" "the first fault is named"
out=$(tagloom data clean bad -o good)
is "$out" "train: 3 of 7 documents
test: 1 of 1 documents
replaced: 1 bytes that were no UTF-8, 1 repeated ids; added to the label list: 1
left out: 1 without text, 1 without labels, 1 repeated texts, 1 training texts that valid or test has" "clean says what it did"
is "$(cat good/train.jsonl good/labels.txt)" '{"id": "a", "text": "One  text", "labels": ["x"]}
{"id": "a#2", "text": "two", "labels": ["y"]}
{"id": "d", "text": "bad � byte", "labels": ["x"]}
x
y' "and that is what it wrote"

# other formats
mkdir bow
printf 'a,b 1:0.5 7:0.1\n 3:1\n' >bow/train.svm
printf 'a 2:1e-5\n' >bow/test.svm
tagloom data convert bow --reader svmlight -o bow2 >/dev/null 2>&1
is "$(cat bow2/train.svm bow2/test.svm)" 'a,b 1:0.5 7:0.1
 3:1
a 2:1e-05' "bags of words are written as svmlight"
out=$(tagloom data stats none --reader jsno 2>&1)
has "$out" "jsonl" "an unknown reader gets its neighbour"
out=$(tagloom data stas none 2>&1)
is "$?" 2 "an unknown word is a usage error"
has "$out" "did you mean stats" "and gets its neighbour"
done_testing
