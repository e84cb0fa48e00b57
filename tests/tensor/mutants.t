#!/bin/sh
# mutants.t - shows that ops.test can fail: kernels with one sign or factor changed, linked into a second test program, must be found.
. "$SRC/tests/tap.sh"
[ -f "$BUILD/config.mak" ] || { skip "mutants" "$BUILD has no config.mak"; done_testing; }
value() { sed -n "s/^$1 = *//p" "$BUILD/config.mak"; }
cc=$(value CC) cflags=$(value CFLAGS) ldflags=$(value LDFLAGS) libs=$(value LIBS) incs=$(value INCS)
flags="-std=c11 -D_GNU_SOURCE -fPIC -fopenmp-simd -ffp-contract=off -fno-math-errno -I$SRC/include -I$SRC/host -I$SRC/tests $incs $cflags"
objects=$(find "$BUILD/build/host/base" "$BUILD/build/host/tensor" "$BUILD/build/gen" -name '*.o' ! -name '*.cu.o')

# The test itself, once.
# shellcheck disable=SC2086
$cc $flags -c "$SRC/tests/tensor/ops.test.c" -o "$TMP/ops.o" || { ok 1 "ops.test.c compiles"; done_testing; }

# build NAME DIR: a test program with the kernel NAME of DIR in place of the build's
build() {
	others=$(printf '%s\n' "$objects" | grep -v "/cpu/$1\.f[36][24]\.o$")
	# shellcheck disable=SC2086
	$cc $flags -I"$SRC/host/tensor/cpu" -c "$2/$1.c" -o "$TMP/$1.f32.o" &&
		$cc $flags -I"$SRC/host/tensor/cpu" -DTL_DOUBLE -c "$2/$1.c" -o "$TMP/$1.f64.o" &&
		$cc $flags -Wl,--export-dynamic "$TMP/ops.o" "$TMP/$1.f32.o" "$TMP/$1.f64.o" $others -o "$TMP/mutant" $ldflags $libs
}

# mutant NAME 'SED SCRIPT' 'WHAT': the change is made, it builds, and ops.test finds a wrong gradient
mutant() {
	mkdir -p "$TMP/changed"
	sed "$2" "$SRC/host/tensor/cpu/$1.c" >"$TMP/changed/$1.c"
	if cmp -s "$TMP/changed/$1.c" "$SRC/host/tensor/cpu/$1.c"; then
		ok 1 "$1: the line to change is there ($3)"
		return
	fi
	if ! build "$1" "$TMP/changed" 2>"$TMP/words"; then
		ok 1 "$1: builds with $3"
		sed 's/^/# /' "$TMP/words" | head -5
		return
	fi
	"$TMP/mutant" "$1" >"$TMP/said" 2>&1
	status=$?
	grep -q "^not ok .* $1: gradients agree with finite differences" "$TMP/said" && [ $status -ne 0 ]
	ok $? "$1: $3 is found"
}

build mul_rows "$SRC/host/tensor/cpu" && "$TMP/mutant" mul_rows >"$TMP/said" 2>&1
ok $? "unchanged, the program made here passes"
mutant mul_rows 's/j->dw\[r\] += sum/j->dw[r] -= sum/' "a gradient of the wrong sign"
mutant l2_normalize 's/by \* (g\[k\] - along \* y\[k\])/by * (g[k] + along * y[k])/' "one term of the wrong sign"
mutant conv1d 's/dx\[e\] += g\[e\]/dx[e] += 2 * g[e]/' "a factor of 2"
mutant bce 's/dz\[j->label\[k\] - from\] -= by/dz[j->label[k] - from] += by/' "the labels' term of the wrong sign"
mutant additive_scores 's/g\[l\], pair ? g/-g[l], pair ? g/' "every second label's gradient of the wrong sign"
done_testing
