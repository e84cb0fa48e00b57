# tagloom check: sound plugins pass, wrong ones are caught with the reason; tagloom new writes sound ones.
. "$SRC/tests/tap.sh"
CC=${CC:-cc}
for f in "$SRC"/tests/plugin/wrong/*.c; do
	name=$(basename "$f" .c)
	wanted=$(sed -n '1s,^/\* check fails: \(.*\) \*/$,\1,p' "$f")
	$CC -I"$SRC/include" -shared -fPIC "$f" -o "$name.so" -lm 2>cc.err || cat cc.err >&2
	limit=
	[ "$name" = hangs ] && limit="--timeout 2"
	tagloom check "./$name.so" --seed 5 $limit >out 2>err
	is "$?" 1 "$name fails"
	has "$(cat out)" "$wanted" "$name: $wanted"
	has "$(cat out)" "# again with: tagloom check ./$name.so --seed 5" "$name: the seed is told"
done
tagloom check ./hangs.so --timeout 2 >out 2>err
is "$(grep -c '^not ok' out) $(($(grep -c 'SKIP not tried, for the one before hangs' out) > 5))" "1 1" "what hangs is tried once"
tagloom check "$SRC/VERSION" >out 2>err
is "$?" 1 "a file that is no plugin fails its declaration"
has "$(cat out)" "not ok 1 - declaration" "and no other test runs"
# Every kind that new writes passes, without a warning of the compiler.
for kind in label encoder metric reader; do
	tagloom new $kind my_$kind . >out 2>err
	ok $? "new $kind"
	$CC -Wall -Wextra -Wno-missing-field-initializers -Werror -I"$SRC/include" -shared -fPIC my_$kind.c -o my_$kind.so -lm 2>cc.err || cat cc.err >&2
	tagloom check ./my_$kind.so >out 2>err
	ok $? "and it passes check"
	grep -A1 '^not ok' out >&2
done
tagloom new label my_label . >out 2>err
is "$? $(cat err)" "2 tagloom new: ./my_label.c: there is a file of that name; it stays as it is. Choose another name or folder" "new leaves a file alone"
tagloom new label 9lives . 2>err
is "$?" 2 "new refuses a name that is none"
tagloom new labl x . 2>err
has "$(cat err)" "did you mean label?" "new knows the kinds"
# What the tree brings. Under a sanitizer a few of them say as much.
if grep -q '^SANITIZE = .' "$BUILD/config.mak"; then
	tagloom check label/classifier >out 2>err
	ok $? "label/classifier passes"
	done_testing
fi
for p in encoder/bow encoder/cnn encoder/transformer label/classifier label/label_embedding label/lgfs label/cross_attention label/plcp label/clcp label/lan label/sep_doc label/sep_label \
	metric/precision metric/ndcg metric/propensity metric/micro metric/macro metric/map metric/ranking metric/conditional_kl reader/jsonl reader/csv reader/svmlight reader/xmc reader/aapd; do
	tagloom check $p --seed 3 >out 2>err
	ok $? "$p passes"
	grep -A1 '^not ok' out >&2
done
for p in label/corank label/joint label/cacl label/label_text label/guide; do
	tagloom check $p >out 2>err
	ok $? "$p passes"
	grep -A1 '^not ok' out >&2
done
tagloom check "$SRC/scripts/examples/modules.lua" >out 2>err
ok $? "modules written in Lua pass"
is "$(grep -c '^# label/' out)" 2 "each of the script's modules"
grep -A1 '^not ok' out >&2
printf 'local tl = require "tagloom"\nreturn tl.experiment {\n' >half.lua
tagloom check half.lua >out 2>err
is "$?" 1 "a script that does not load fails its declaration"
has "$(cat out)" "half.lua:" "with the script's line"
$CC -I"$SRC/include" -shared -fPIC "$SRC/scripts/examples/focal.c" -o focal.so -lm
tagloom check ./focal.so >out 2>err
ok $? "the example with an operation of its own passes"
has "$(cat out)" "- operations of its own" "its operation is held by finite differences"
case $(cat out) in *"operations of its own # SKIP"*) ok 1 "and not left out" ;; *) ok 0 "and not left out" ;; esac
done_testing
