# Plugin files: found, shown, shadowed, refused - each refusal word for word.
. "$SRC/tests/tap.sh"
unset TAGLOOM_PLUGIN_PATH
CC=${CC:-cc}
version=$(cat "$SRC/VERSION")
# The size of tl_param on this machine.
printf '#include <tagloom/plugin.h>\n#include <stdio.h>\nint main(void) { printf("%%zu", sizeof(tl_param)); return 0; }\n' >size.c
$CC -I"$SRC/include" size.c -o size && size_param=$(./size)
mkdir broken lib
echo 'int nowhere = 1;' >nowhere.c && $CC -shared -fPIC nowhere.c -o lib/libnowhere.so
for f in "$SRC"/tests/plugin/broken/*.c; do
	name=$(basename "$f" .c)
	link=
	[ "$name" = missing_library ] && link='-Llib -Wl,--no-as-needed -lnowhere'
	if ! $CC -I"$SRC/include" -shared -fPIC "$f" -o "broken/$name.so" $link 2>cc.err; then
		cat cc.err >&2
		ok 1 "$name builds"
	fi
done
rm -r lib
for f in "$SRC"/tests/plugin/broken/*.c; do
	name=$(basename "$f" .c)
	wanted=$(sed -n '1s,^/\* refused: \(.*\) \*/$,\1,p' "$f" | sed "s/VERSION/$version/; s/SIZE_PARAM/$size_param/")
	tagloom plugins show "broken/$name.so" >out 2>err
	is "$? $(cat out err)" "3 tagloom plugins: $TMP/broken/$name.so: $wanted" "$name is refused"
done
# Files that are no plugins at all.
good=$BUILD/build/plugins/labels/classifier.so
: >broken/empty.so
echo 'hello' >broken/text.so
head -c 40 "$good" >broken/stump.so
head -c 9000 "$good" >broken/cut.so
{ head -c 18 "$good"; printf '\050\000'; tail -c +21 "$good"; } >broken/arm.so
$CC -c nowhere.c -o broken/object.so
refused() { # refused FILE MESSAGE
	tagloom plugins show "broken/$1.so" >out 2>err
	is "$? $(cat out err)" "3 tagloom plugins: $TMP/broken/$1.so: $2" "$1 is refused"
}
refused empty 'wanted a shared object (ELF), got an empty file; build it with: cc $(pkg-config --cflags tagloom) -shared -fPIC'
refused text 'wanted a shared object (ELF), got a file of another kind; build it with: cc $(pkg-config --cflags tagloom) -shared -fPIC'
refused stump 'wanted a shared object (ELF), got only its first 40 bytes; copy or build it again'
refused cut 'wanted a whole shared object, got one that is cut off after 9000 bytes; copy or build it again'
if [ "$(uname -m)" = x86_64 ]; then
	refused arm 'wanted a shared object for x86-64, got one for another machine (ELF machine 40, 64 bit); build it on this one'
else
	skip "arm is refused" "not an x86-64 machine"
fi
refused object 'wanted a shared object, got an object file; link it with -shared -fPIC'
tagloom plugins show ./none.so >out 2>err
is "$? $(cat err)" "3 tagloom plugins: ./none.so: cannot be opened: No such file or directory" "a file that is not there"
# Search: TAGLOOM_PLUGIN_PATH first; --why tells of every file.
mkdir -p first/label second/labels
cp "$good" first/label/classifier.so
cp "$good" second/labels/classifier.so
cp broken/wrong_magic.so second/wrong_magic.so
TAGLOOM_PLUGIN_PATH=$TMP/first:$TMP/second:$TMP/absent
export TAGLOOM_PLUGIN_PATH
why=$(tagloom plugins --why)
has "$why" "loaded   $TMP/first/label/classifier.so: label/classifier" "a plugin is found in TAGLOOM_PLUGIN_PATH"
has "$why" "shadowed $TMP/second/labels/classifier.so: shadowed by $TMP/first/label/classifier.so" "and hides its namesake"
has "$why" "refused  $TMP/second/wrong_magic.so: wanted the magic number" "a refused one says why"
has "$(tagloom plugins show label/classifier)" "$TMP/first/label/classifier.so" "show takes the first"
tagloom plugins show label/clasifier >out 2>err
is "$? $(cat err)" "2 tagloom plugins: label/clasifier: no such plugin; did you mean classifier?" "a misspelt name gets its neighbour"
cp broken/wrong_magic.so first/lgfs.so
tagloom plugins show label/lgfs >out 2>err
is "$?" 3 "a refused file hides a good one: nothing else runs in its place"
unset TAGLOOM_PLUGIN_PATH
# The plugins beside a program come before those of its --prefix: the program is linked again, with another prefix.
value() { sed -n "s/^$1 = //p" "$BUILD/config.mak"; }
mkdir -p here/bin here/lib/tagloom/plugins/labels prefix/lib/tagloom/plugins/labels
objects=$BUILD/build/gen/embedded.o
for o in $(find "$BUILD/build/host" -name '*.o' ! -path '*/plugin/registry.o' ! -path '*/cuda/*'); do
	source=${o#"$BUILD/build/"} source=${source%.o} source=${source%.f??}
	[ -f "$SRC/$source.c" ] && objects="$objects $o" # that of a source that is gone stays behind
done
$(value CC) -D_GNU_SOURCE -w $(value CFLAGS) $(value INCS) -I"$SRC/include" -I"$SRC/host" -I"$BUILD/build/gen" -DTL_VERSION='"x"' -DTL_PREFIX="\"$TMP/prefix\"" "$SRC/host/plugin/registry.c" -Wl,--export-dynamic $objects \
	-o here/bin/program $(value LDFLAGS) $(value LIBS) >cc.out 2>&1 || cat cc.out >&2
cp "$good" here/lib/tagloom/plugins/labels/classifier.so
cp "$good" prefix/lib/tagloom/plugins/labels/classifier.so
cp "$BUILD/build/plugins/labels/lgfs.so" prefix/lib/tagloom/plugins/labels/
why=$(here/bin/program plugins --why)
has "$why" "loaded   $TMP/here/lib/tagloom/plugins/labels/classifier.so: label/classifier" "plugins beside the program come first"
has "$why" "shadowed $TMP/prefix/lib/tagloom/plugins/labels/classifier.so: shadowed by $TMP/here/lib/" "those of --prefix after them"
has "$why" "loaded   $TMP/prefix/lib/tagloom/plugins/labels/lgfs.so: label/lgfs" "which are found, too"
text=$(tagloom plugins show label/classifier)
for words in 'relu|tanh|gelu, default relu' '[L m]' 'number, default 1' 'hidden > 0'; do has "$text" "$words" "show prints $words"; done
is "$(tagloom plugins show label/classifier --format json | head -c 1)" "{" "show --format json"
list=$(tagloom plugins list)
for p in encoder/transformer encoder/bow encoder/cnn label/classifier label/label_embedding metric/ndcg reader/jsonl; do has "$list" "$p" "list has $p"; done
done_testing
