# tap.sh - the same for tests in shell: . "$SRC/tests/tap.sh". Variables: SRC (sources), BUILD (build folder), TMP (an empty folder of this test's own).
n=0 failed=0
ok() { # ok STATUS NAME: 0 is good
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; failed=1; fi
}
is() { # is GOT WANTED NAME
	n=$((n + 1))
	if [ "$1" = "$2" ]; then echo "ok $n - $3"; else
		echo "not ok $n - $3"
		printf '%s\n' "$1" | sed 's/^/#   got    /'
		printf '%s\n' "$2" | sed 's/^/#   wanted /'
		failed=1
	fi
}
has() { # has TEXT WORDS NAME
	n=$((n + 1))
	case $1 in
	*"$2"*) echo "ok $n - $3" ;;
	*)
		echo "not ok $n - $3"
		printf '%s\n' "$1" | head -20 | sed 's/^/#   got    /'
		printf '%s\n' "$2" | sed 's/^/#   wanted ... /'
		failed=1
		;;
	esac
}
skip() { n=$((n + 1)); echo "ok $n - $1 # SKIP $2"; }
done_testing() { echo "1..$n"; exit $failed; }
