# tagloom verify: every reference vector holds in float64 and in float32, on one thread and several; a changed input is felt.
. "$SRC/tests/tap.sh"
vectors=$SRC/tests/oracles/vectors modules=$SRC/tests/oracles/modules
set -- "$vectors"/*.safetensors "$modules"/*.safetensors
[ $# -ge 170 ]
ok $? "the vectors are there"
for how in "" "--precision f32" "--threads 3"; do
	tagloom verify $how "$@" >out 2>err
	is "$?" 0 "all vectors hold ${how:-in float64}"
	is "$(grep -c '^not ok' out)" 0 "no line says otherwise ${how}"
	is "$(sed -n 's/^1\.\.//p' out)" "$(grep -c '^ok' out)" "the plan counts the lines ${how}"
	grep '^not ok' out | head -5 >&2
done
[ "$(grep -c '^ok' out)" -ge 2600 ]
ok $? "more than 2600 expected tensors"
# A changed input is felt wherever a value depends on one; in these three files every loss is zero whatever is given.
unfelt=
for f; do
	tagloom verify --perturb "$f" >out 2>err || continue
	unfelt="$unfelt $(basename "$f" .safetensors)"
done
is "$unfelt" " plcp-no_pairs sep_doc-batch_of_one sep_doc-no_positives" "a changed input fails every vector that depends on one"
tagloom verify --perturb "$vectors/classifier_bce_mean.safetensors" >out 2>err
has "$(cat out)" "was changed on purpose" "what was changed is told"
has "$(cat out)" "computed" "a wrong value is printed beside the expected one"
# Files that are no vectors.
: >empty.safetensors
head -c 700 "$vectors/classifier_bce_mean.safetensors" >cut.safetensors
for f in empty cut none; do
	tagloom verify $f.safetensors >out 2>err
	is "$?" 3 "$f.safetensors is refused"
	has "$(cat out)" "not ok 1 - $f.safetensors: " "$f.safetensors has its line"
done
# Vectors that leave out what a module needs.
for f in "$modules"/refused/*.safetensors; do
	tagloom verify "$f" >out 2>err
	is "$?" 1 "$(basename "$f") is refused"
done
tagloom verify "$modules"/refused/bow.safetensors "$modules"/refused/joint.safetensors "$modules"/refused/cacl.safetensors "$modules"/refused/many_*.safetensors >out 2>err
has "$(cat out)" "bow: there are no token ids to encode" "an encoder without token ids"
has "$(cat out)" "joint: there are no token ids to put the labels after" "joint without token ids"
has "$(cat out)" "cacl: calls the encoder (key_view), and neither in.call.key_view nor an encoder is given" "a second view of nothing"
has "$(cat out)" "cacl: in.call.key_view holds 4 sequences; wanted 2" "more second views than documents"
has "$(cat out)" "label_text: in.call.label_text holds 64 sequences; wanted 2" "more label texts than labels"
tagloom verify --precision f16 "$vectors/classifier_bce_mean.safetensors" 2>err
is "$? $(cat err)" "2 tagloom verify: --precision f16: wanted f64 (as the file is) or f32" "an unknown precision"
done_testing
