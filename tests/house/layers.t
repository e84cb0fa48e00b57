# House rules that a reader would otherwise have to trust: who may include whom, who may say sqlite3_, lengths, words that do not belong.
. "$SRC/tests/tap.sh"
cd "$SRC" || exit 1
order='base tensor data plugin train store lua cmd'
bad=
below=
for layer in $order; do
	below="$below $layer"
	for f in host/$layer/*.[ch] host/$layer/*/*.[ch]; do
		[ -f "$f" ] || continue
		for seen in $(sed -n 's,^#include "\([a-z]*\)/[a-z0-9_/.]*".*,\1,p' "$f" | sort -u); do
			case " $below tagloom cpu isa " in *" $seen "*) ;; *) bad="$bad
$f includes $seen" ;; esac
		done
	done
done
is "$bad" "" "a folder of host/ includes only itself and folders above it ($order)"
is "$(grep -lE '^[^/*]*sqlite3_' -r host plugins --include='*.c' --include='*.h' | grep -v '^host/store/' | tr '\n' ' ')" "" "only host/store says sqlite3_"
is "$(grep -lE '\b(lua_State|luaL_[a-z]+\(|lua_[a-z]+\()' -r host plugins --include='*.c' --include='*.h' | grep -v '^host/lua/' | tr '\n' ' ')" "" "only host/lua says lua_"
is "$(grep -lE '#include "(base|tensor|data|plugin|train|store|lua|cmd)/' -r plugins include | tr '\n' ' ')" "" "plugins and public headers include no host header"
is "$(grep -nE '\b(abort|exit|_exit|_Exit)\(' -r host plugins --include='*.c' | grep -vE '^host/(cmd/|base/text.c)' | tr '\n' ' ')" "" "no library path aborts or exits"
long=$(find host plugins include tests -name '*.[ch]' -o -name '*.lua' -o -name '*.t' | xargs wc -l | awk '$2 != "total" && $1 > 700 { print $2 }')
is "$long" "" "no file is longer than one reads in a sitting"
is "$(find . -name '*.py' -not -path './tests/oracles/*' -not -path './tests/peers/*' -not -path './build/*' | tr '\n' ' ')" "" "Python only under tests/oracles and tests/peers"
is "$(grep -rIlE '\b(TODO|FIXME|XXX)\b' host plugins include scripts results 2>/dev/null | tr '\n' ' ')" "" "nothing is marked unfinished"
done_testing
