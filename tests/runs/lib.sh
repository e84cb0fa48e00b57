# lib.sh - what the tests of this folder share: a tiny dataset, the plugin `odd` (plugin.c), a script around it.
. "$SRC/tests/tap.sh"
export TAGLOOM_PLUGIN_PATH="$TMP/plugins:$BUILD/build/plugins"
mkdir -p plugins/label data
${CC:-cc} -std=c11 -D_GNU_SOURCE -O1 -fPIC -shared -I"$SRC/include" "$SRC/tests/runs/plugin.c" -o plugins/label/odd.so || exit 1
awk 'BEGIN {
	split("alpha beta gamma delta epsilon zeta eta theta", w, " ")
	for (s = 1; s <= 3; s++) {
		file = "data/" (s == 1 ? "train" : s == 2 ? "valid" : "test") ".jsonl"
		for (i = 0; i < (s == 1 ? 60 : 20); i++) {
			a = (i * 7 + s) % 8; b = (i * 5 + 3 * s) % 8
			printf "{\"id\": \"%d-%d\", \"text\": \"%s %s and %s %d\", \"labels\": [\"L%d\"%s]}\n", s, i, w[a + 1], w[b + 1], w[(a + b) % 8 + 1], i % 9, a, (b != a ? sprintf(", \"L%d\"", b) : "") > file
		}
	}
	for (i = 0; i < 8; i++) print "L" i > "data/labels.txt"
}'
sql() { tagloom sql --db "${DB:-a.db}" --format csv "$1" | sed 1d | tr -d '\r"'; }
# arms NAME HOW[-SALT]...: a script NAME.lua whose arms are the plugin's ways
arms() {
	name=$1
	shift
	{
		echo 'local tl = require "tagloom"'
		echo "return tl.experiment { name = '$name', data = tl.dataset { path = 'data' }, model = { tl.label.odd {} }, metrics = { 'p@1' }, train = { timeout = tl.arg('timeout', 600) }, arms = {"
		for how; do
			salt=${how#*-}
			[ "$salt" = "$how" ] && salt=0
			echo "{ '$how', { odd = { how = '${how%%-*}', salt = $salt } } },"
		done
		echo '} }'
	} >"$name.lua"
}
