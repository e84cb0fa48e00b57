# configure and make: refusals, building elsewhere, installing, building a plugin against what was installed.
. "$SRC/tests/tap.sh"
refuse() { # refuse WORDS NAME ARGS...
	words=$1 name=$2
	shift 2
	mkdir -p c && (cd c && "$SRC/configure" "$@") >out 2>&1
	is "$?" 1 "configure: $name is refused"
	has "$(cat out)" "$words" "configure: $name is told"
}
refuse "no such option" "an unknown option" --wiht-cuda
refuse "-ffast-math" "-ffast-math" CFLAGS="-O2 -ffast-math"
refuse "-Ofast" "-Ofast" CFLAGS=-Ofast
refuse "nvcc was not found in /nowhere/bin" "an unmet --with-cuda" --with-cuda=/nowhere
refuse "absolute path" "a relative prefix" --prefix=here
refuse "--sanitize=memory" "an unknown sanitizer" --sanitize=memory
mkdir -p elsewhere && (cd elsewhere && "$SRC/configure" --prefix=/opt/tagloom) >out 2>&1
ok $? "configure runs in another folder"
[ -s elsewhere/config.log ] && [ -s elsewhere/config.mak ] && [ -s elsewhere/Makefile ]
ok $? "and writes config.mak, config.log and Makefile there"
has "$(make -C elsewhere -n all 2>&1)" "-I$SRC/include" "whose rules build from the sources' folder"
# What is built here is installed into a folder of this test's own.
make -C "$BUILD" install DESTDIR="$TMP/sysroot" PREFIX=/opt/tagloom >out 2>&1
ok $? "make install DESTDIR= PREFIX="
root=$TMP/sysroot/opt/tagloom
[ -x "$root/bin/tagloom" ] && [ -s "$root/include/tagloom/plugin.h" ] && [ -s "$root/include/tagloom/ops.def" ] && [ -s "$root/share/man/man1/tagloom.1" ] && [ -s "$root/lib/tagloom/plugins/labels/classifier.so" ]
ok $? "the program, headers, manual and plugins lie under the prefix"
[ -s "$root/share/tagloom/queries/best-arms.sql" ] && [ -s "$root/share/tagloom/recipes/laco.lua" ] && [ -s "$root/share/tagloom/examples/focal.c" ] && [ -s "$root/share/tagloom/papers/laco.lua" ]
ok $? "queries, recipes, examples and the papers' scripts, too"
flags=$(PKG_CONFIG_PATH=$root/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$TMP/sysroot pkg-config --cflags tagloom)
is "$flags" "-I$TMP/sysroot/opt/tagloom/include " "pkg-config gives the installed headers"
tagloom new label outside . >out 2>&1 && cc $flags -shared -fPIC outside.c -o outside.so >>out 2>&1
ok $? "a new plugin builds with the installed header alone"
[ -s out ] && cat out >&2
tagloom check ./outside.so >out 2>&1
ok $? "and passes check"
make -C "$BUILD" uninstall DESTDIR="$TMP/sysroot" PREFIX=/opt/tagloom >out 2>&1
is "$(find "$TMP/sysroot" -type f | tr '\n' ' ')" "" "make uninstall leaves no file"
done_testing
