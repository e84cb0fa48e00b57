# The public headers, each by itself: as C, and as C++ where a compiler of it is. Plugins written in C++ build, load and pass check.
. "$SRC/tests/tap.sh"
CC=${CC:-cc}
CXX=$(sed -n 's/^CXX = //p' "$BUILD/config.mak")
alone() { # alone SUFFIX COMPILER...: one file a header, with nothing before it
	suffix=$1
	shift
	for header in "$SRC"/include/tagloom/*.h; do
		name=$(basename "$header")
		echo "#include <tagloom/$name>" >"one.$suffix"
		"$@" -Wall -Wextra -Wpedantic -Werror -I"$SRC/include" -fsyntax-only "one.$suffix" 2>err
		ok $? "$name by itself: $*"
		head -5 err >&2
	done
}
alone c $CC -std=c11
if [ -z "$CXX" ]; then
	skip "plugins and headers in C++" "no C++ compiler"
	done_testing
fi
alone cc $CXX -std=c++17
# sound FILE: no warning, but for rows that leave fields out, as they are meant to; and it passes check.
sound() {
	name=$(basename "$1" .cc)
	$CXX -std=c++17 -Wall -Wextra -Wno-missing-field-initializers -Werror -I"$SRC/include" -shared -fPIC "$1" -o "$name.so" 2>err
	ok $? "$name builds"
	head -5 err >&2
	tagloom check "./$name.so" >out 2>err
	ok $? "and passes check"
	grep -A1 '^not ok' out >&2
}
for f in "$SRC"/tests/plugin/cxx/*.cc; do sound "$f"; done
mkdir found && mv averaged.so scaled.so hits.so bars.so found/
list=$(TAGLOOM_PLUGIN_PATH=$TMP/found tagloom plugins list)
for p in encoder/averaged label/scaled metric/hits reader/bars; do has "$list" "$p" "$p is found among the plugins"; done
# What new writes is C, and C++ as it stands.
for kind in encoder label metric reader; do
	tagloom new $kind my_$kind . >out && mv my_$kind.c my_$kind.cc
	sound ./my_$kind.cc
done
# The reader in C++ reads.
mkdir data
printf 'a b|one text\nb|another\n' >data/train.txt
printf 'a|a third\n' >data/test.txt
printf 'a\nb\n' >data/labels.txt
has "$(TAGLOOM_PLUGIN_PATH=$TMP/found tagloom data stats data --reader bars --format json 2>&1)" '"documents": 2,' "a dataset is read by a reader in C++"
done_testing
