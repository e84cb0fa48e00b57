# switches.t - every switch of the papers' ablation tables changes the predictions and nothing else. A probe at the end of every model logs a number made of the
# encoder's output in training (initial weights, batches, dropout masks) and one of the batch's labels; with lr = 0 both, and the losses that a switch leaves alone,
# are the same to the bit at every step, and so is every initial weight that two arms share. With lr > 0 the scores of the test documents differ.
. "$SRC/tests/papers/lib.sh"
make_data data 54 40 8 12
echo '{"id": "p1", "text": "word1 topic3 topic3 word9", "labels": ["l3"]}' >more.jsonl
cp "$SRC"/scripts/papers/*.lua .
cat >probe.lua <<'EOT'
local ops = tl.ops
local probe = tl.module {
	name = "probe", summary = "numbers of the batch", reads = { hidden = "T d" }, losses = { hidden = 1e-9, batch = 1e-9 },
	forward = function(self, slots)
		if not self.training then return end
		local n, place = 0, 0
		for _, list in ipairs(self:labels()) do
			for _, label in ipairs(list) do place = place + 1; n = n + place * (label + 1) end
		end
		self:loss("hidden", ops.mean(slots.hidden * slots.hidden * slots.hidden))
		self:loss("batch", ops.mean(slots.hidden) * 0 + n)
	end,
}
local function add(model) model[#model + 1] = probe {} end
local function with_probe(e)
	add(e.model)
	for _, arm in ipairs(e.arms) do
		if arm[2].model then add(arm[2].model) end
	end
	return e
end
EOT
sed -i -e '/^local common = {}/r probe.lua' -e 's/tl.experiment(e)/tl.experiment(with_probe(e))/' common.lua
sed -i 's/, { "br", { model = { tl.label.linear {} } } }//' laco.lua
sql() { tagloom sql --db "$1" --format csv "$2" | tail -n +2; }
go() { # go PAPER TABLE DATASET [ARGUMENTS]: both databases
	file=$1 table=$2 dataset=$3
	shift 3
	rm -rf zero.db* moved.db*
	for db in zero:0 moved:1e-2; do
		tagloom run "$file.lua" -D table=$table -D dataset=$dataset -D data=data $TINY -D data.max_length=48 -D train.batch=16 -D train.epochs=1 -D train.lr=${db#*:} -D seeds=1 -D metrics=p@1,micro_f1 "$@" --quiet --db "${db%:*}.db" >out 2>err || sed 's/^/# /' err
	done
	what="$file table $table"
}
run_of() { sql "$1" "SELECT max(ar.run_id) FROM arm a JOIN arm_run ar ON ar.arm_id = a.id JOIN run r ON r.id = ar.run_id AND r.status = 'done' WHERE a.name = '$2'"; }
curves() { sql zero.db "SELECT name, step, printf('%!.17g', value) FROM curve WHERE run_id = $1 AND name IN ($2) ORDER BY name, step"; }
# Every tensor of an exported run: name, bytes, checksum.
tensors() {
	[ -d "run$1" ] || tagloom export --db zero.db --run "$1" "run$1" >/dev/null 2>&1
	for f in "run$1"/*.safetensors; do
		size=$(od -An -t u8 -N8 "$f" | tr -d ' ')
		tail -c +9 "$f" | head -c "$size" | tr '}' '\n' | sed -n 's/.*"\([^"]*\)": *{.*"data_offsets": *\[\([0-9]*\), *\([0-9]*\)\].*/\1 \2 \3/p' | while read -r name from to; do
			echo "$name $((to - from)) $(tail -c +$((9 + size + from)) "$f" | head -c $((to - from)) | cksum | cut -d' ' -f1)"
		done
	done | sort
}
switch() { # switch ARM BASE LOSS...: the arm against the base
	arm=$1 base=$2 names="''"
	shift 2
	a=$(run_of zero.db "$arm") b=$(run_of zero.db "$base")
	for name in "$@"; do names="$names, 'loss.$name'"; done
	if [ $# -gt 0 ]; then
		curves "$a" "$names" >one && curves "$b" "$names" >two
		is "$(cut -d, -f1 one | sort -u | wc -l) $(cmp one two 2>&1)" "$# " "$what: $arm: the same $*"
	fi
	[ -s "tensors$b" ] || tensors "$b" >"tensors$b"
	tensors "$a" >one
	awk 'NR == FNR { sum[$1, $2] = $3; next } ($1, $2) in sum { n++; if (sum[$1, $2] != $3) print "# differs: " $1 } END { exit n < 30 }' "tensors$b" one >two
	is "$? $(cat two)" "0 " "$what: $arm: the same initial weights"
	a=$(run_of moved.db "$arm") b=$(run_of moved.db "$base")
	is "$(sql moved.db "SELECT count(*), sum(x.logits IS NOT y.logits) > 0 FROM prediction x JOIN prediction y USING (split, doc_id) WHERE x.split = 'test' AND x.run_id = $a AND y.run_id = $b")" 12,1 "$what: $arm: other predictions"
}
done_with() { rm -rf run[0-9]* tensors[0-9]*; }

go labelcorank 8 aapd -D corank.alpha=0.6 # so that few labels pass before training, and others fill up
for arm in "w/o correlation matrix" "w/o label ranking" "w/o position information" "w/o all reranking parts"; do switch "$arm" full initial probe.hidden probe.batch; done
done_with
go gudn 6 eurlex-4k
switch BERT+GUD-F full guide.feature guide.class probe.hidden probe.batch
switch BERT+GUD-L full guide.link guide.class probe.hidden probe.batch
switch bert full probe.hidden probe.batch
done_with
go gudn 7 eurlex-4k -D reinforcement=true -D guide.label_length=60
switch "multi-hot vectors" "raw labels" guide.class probe.hidden probe.batch
switch "ordered reinforcement" "raw labels" guide.class probe.hidden probe.batch
switch "disordered reinforcement" "ordered reinforcement" guide.class probe.hidden probe.batch
done_with
go laco 2 aapd -D joint.max_length=120
switch plcp full classifier probe.hidden probe.batch
switch clcp full classifier probe.hidden probe.batch
done_with
go laco 4 aapd -D joint.max_length=120
switch "w/o JE" full probe.batch
curves "$(run_of zero.db "w/o JE")" "'loss.probe.hidden'" >one && curves "$(run_of zero.db full)" "'loss.probe.hidden'" >two
cmp one two >/dev/null 2>&1
is "$? $(wc -l <one)" "1 3" "and the probe tells what does differ: the encoder reads the labels in one arm alone"
switch "w/o CA" full probe.hidden probe.batch
switch "w/o JE & CA" full probe.batch
done_with
go sep 5 aapd -D augment=more.jsonl
switch "w/o LSE" full sep_doc probe.hidden probe.batch
switch "w/o SMCL" full classifier probe.hidden probe.batch
switch "w/o LGFS" full sep_doc sep_label probe.hidden probe.batch
switch "w/o DATC" full
done_with
go uclaf 4 aapd
switch LAN full lan probe.hidden probe.batch
switch CACL full cacl probe.hidden probe.batch
switch baseline full probe.hidden probe.batch
done_with
go uclaf 5 aapd
switch strategy=ALL full lan probe.hidden probe.batch
switch strategy=ANY full lan probe.hidden probe.batch
done_with
go uclaf 6 aapd
for arm in "random masking" "continuous masking" "token shuffling"; do switch "$arm" full lan probe.hidden probe.batch; done
done_testing
