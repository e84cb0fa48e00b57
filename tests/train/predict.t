# A trained run through the commands: run, predict, export; the dataset may be gone by then.
. "$SRC/tests/tap.sh"
mkdir -p data
awk 'BEGIN {
	srand(7); split("cats dogs birds fish", topic)
	for (s = 0; s < 3; s++) {
		f = "data/" (s == 0 ? "train" : s == 1 ? "valid" : "test") ".jsonl"; n = s == 0 ? 120 : 30
		for (i = 0; i < n; i++) {
			a = int(rand() * 4) + 1; b = int(rand() * 4) + 1
			text = ""
			for (w = 0; w < 8; w++) text = text (w % 2 ? topic[a] : topic[b]) " word" int(rand() * 20) " "
			printf "{\"id\": \"%s%d\", \"text\": \"%s\", \"labels\": [\"%s\"%s]}\n", f, i, text, topic[a], a == b ? "" : ", \"" topic[b] "\"" > f
		}
	}
}'
printf 'cats\tthe cat\tsmall\ndogs\nbirds\nfish\n' >data/labels.txt
cat >s.lua <<'LUA'
local tl = require "tagloom"
return tl.experiment { name = "small", data = tl.dataset { path = "data", max_length = 32 }, metrics = { "p@1" }, seeds = { 1 },
  train = { epochs = 12, batch = 8, lr = 1e-2, select = "p@1" },
  model = { tl.encoder.cnn { dim = 16, filters = 8, vocab = 200, dropout = 0 }, tl.label.classifier { lr = 2e-2 } },
  arms = { { "cnn", {} },
    { "bert", { model = { tl.encoder.transformer { dim = 16, layers = 1, heads = 2, ffn = 32, vocab = 200, max_positions = 40, pooled = "mean" }, tl.label.classifier { lr = 2e-2 } } } },
    { "linear", { model = { tl.label.linear {} } } } } }
LUA
tagloom run s.lua --db r.db --threads 1 >out 2>err
ok $? "three arms are trained"
run_of() { tagloom sql --db r.db --format csv "SELECT arm_run.run_id FROM arm JOIN arm_run ON arm_run.arm_id = arm.id WHERE arm.name = '$1'" | tail -1 | tr -d '\r'; }
cnn=$(run_of cnn) bert=$(run_of bert) linear=$(run_of linear)
mv data moved
printf '{"id": "x", "text": "cats word1 cats word2 cats"}\n\n{"text": "nothing known"}\n{"id": 7, "text": "dogs fish dogs fish dogs word3 fish"}\n' >in.jsonl
for run in $cnn $bert $linear; do
	tagloom predict --db r.db --run "$run" --input in.jsonl >p 2>e
	ok $? "predict --run $run"
	is "$(wc -l <p)" 3 "a line for every document"
	has "$(sed -n 1p p)" '"id":"x"' "ids are kept"
	has "$(sed -n 1p p)" '"cats"' "a text about cats is about cats"
	has "$(sed -n 2p p)" '"id":3' "a document without an id is its line"
	tagloom predict --db r.db --run "$run" --input - <in.jsonl --threads 2 >q
	is "$(cat q)" "$(cat p)" "standard input and two threads: the same"
done
tagloom predict --db r.db --run "$cnn" --input in.jsonl --top 2 | sed -n 3p >p
has "$(cat p)" '"fish"' "--top 2: fish"
has "$(cat p)" '"dogs"' "--top 2: dogs"
tagloom predict --db r.db --run "$cnn" --input in.jsonl --all --threshold 1 | sed -n 1p >p
has "$(cat p)" '"labels":[]' "nothing is above 1"
has "$(cat p)" '"birds":0.' "--all prints every score"
identity=$(tagloom sql --db r.db --format csv "SELECT identity FROM run WHERE id = $cnn" | tail -1 | cut -c1-12)
tagloom predict --db r.db --run "$identity" --input in.jsonl >p 2>&1
ok $? "a run is known by the first letters of its identity"

printf '{"id": 1, "text": "cats"}\n{"id": 2, "txt": "cats"}\n' >bad.jsonl
tagloom predict --db r.db --run "$cnn" --input bad.jsonl >p 2>e
is $? 3 "a line without text: exit status 3"
has "$(cat e)" "bad.jsonl:2" "and its place"
is "$(wc -l <p)" 1 "what came before it is answered"
tagloom predict --db r.db --run 999 --input in.jsonl >p 2>e
is $? 2 "a run that is not there: exit status 2"
has "$(cat e)" "there is no run 999" "and a sentence"
tagloom predict --db r.db --run "$cnn" --input in.jsonl --top 0 >p 2>e
is $? 2 "--top 0: exit status 2"
printf '\357\273\277' | cat - in.jsonl | sed 's/$/\r/' >mark.jsonl
xz -k mark.jsonl
tagloom predict --db r.db --run "$cnn" --input in.jsonl >p 2>/dev/null
is "$(tagloom predict --db r.db --run "$cnn" --input mark.jsonl.xz 2>&1)" "$(cat p)" "a compressed file, a byte order mark and carriage returns: the same"
is "$(tagloom predict --db r.db --run "$cnn" --input - <mark.jsonl 2>&1)" "$(cat p)" "and on standard input"
tagloom predict --db r.db --run "$cnn" --input none.jsonl >p 2>e
is $? 3 "a file that is not there: exit status 3"

tagloom export --db r.db --run "$bert" out.d 2>e
ok $? "export"
for f in config.json model.safetensors tokenizer.json vocab.txt modules.safetensors labels.txt tagloom.json; do
	[ -s out.d/$f ]
	ok $? "$f"
done
is "$(sed -n 1p out.d/labels.txt)" "$(printf 'cats\tthe cat\tsmall')" "labels.txt has names and descriptions"
mv moved data
sed 's/tl.encoder.cnn.*, tl.label/tl.encoder.transformer { weights = "out.d" }, tl.label/; s/arms = .*/}/; /{ "bert"/d; /{ "linear"/d' s.lua >again.lua
tagloom run again.lua --db r.db --threads 1 >out 2>err
ok $? "what was exported is a checkpoint to start from"
# Pretrained files that are damaged or do not belong together are told before anything starts.
before() { # before STATUS WORDS WHAT
	tagloom run again.lua --db new.db >out 2>err
	is "$? $([ -e new.db ]; echo $?)" "$1 1" "$3: status $1, nothing is started"
	has "$(cat err)" "$2" "and it says what is wrong"
}
cp out.d/model.safetensors kept
head -c $(($(wc -c <kept) / 2)) kept >out.d/model.safetensors
before 3 "is it cut off?" "weights that are cut off"
head -c 4 kept >out.d/model.safetensors
before 3 "out.d/model.safetensors" "weights of four bytes"
rm out.d/model.safetensors
before 3 "wanted model.safetensors" "no weights"
cp kept out.d/model.safetensors
cp out.d/tokenizer.json kept.json
sed 's/"\[PAD\]": *0/"[PAD]":0,"zzza":200,"zzzb":201,"zzzc":202/' kept.json >out.d/tokenizer.json
before 2 "out.d holds the tokenizer of another model" "a tokenizer with more words than the weights have rows"
cp kept.json out.d/tokenizer.json
tagloom export --db r.db --run "$linear" lin.d 2>e
ok $? "export of a linear model"

# Damaged files: status 3, and the file is named.
for f in state.bin weights.safetensors config.json tokenizer.json; do
	for run in $cnn $linear; do
		folder=r.db.d/$(tagloom sql --db r.db --format csv "SELECT identity FROM run WHERE id = $run" | tail -1 | tr -d '\r')
		[ -s "$folder/$f" ] || continue
		cp "$folder/$f" kept
		head -c $(($(wc -c <kept) / 2)) kept >"$folder/$f"
		tagloom predict --db r.db --run "$run" --input in.jsonl >p 2>e
		is "$? $(grep -c "$f" e)" "3 1" "half of $f: exit status 3, and it is named"
		cp kept "$folder/$f"
	done
done
done_testing
