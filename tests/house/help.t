# Help, manual and code are one table: every verb answers --help, stands in the manual with every option, and refuses what it does not know.
. "$SRC/tests/tap.sh"
verbs=$(tagloom --help | sed -n 's/^  \([a-z]*\)  .*/\1/p')
wanted='check compare data doctor export merge new plugins predict reproduce rescore resume run runs sql table verify'
is "$(echo $(for v in $verbs; do echo "$v"; done | sort))" "$wanted" "the verbs of the contract"
tagloom --man >man.1
man=$(tr -d '\\' <man.1)
missing= undocumented=
for v in $verbs; do
	tagloom "$v" --help >help.txt || missing="$missing $v"
	case $man in *".SS tagloom $v "*) ;; *) missing="$missing man:$v" ;; esac
	for o in $(sed -n 's/^  \(--*[a-zA-Z-]*\).*/\1/p' help.txt); do
		case $man in *"
$o"*) ;; *) undocumented="$undocumented $v:$o" ;; esac
	done
	for o in $(sed '/^$/q' help.txt | grep -oE -- '--?[a-zA-Z][a-z-]*' | sort -u); do # what the synopsis names exists
		grep -qE -- "^  $o( |\$)" help.txt || undocumented="$undocumented $v-synopsis:$o"
	done
done
is "$missing" "" "every verb has help and a place in the manual"
is "$undocumented" "" "every option stands in the manual, every option of a synopsis exists"
tagloom rnu x >out 2>err
is "$?" 2 "an unknown verb is a usage error"
has "$(cat err)" "did you mean run" "and gets its nearest neighbour"
tagloom table --metrcs p@1 >out 2>err
is "$?" 2 "an unknown option is a usage error"
has "$(cat err)" "did you mean --metrics" "and gets its nearest neighbour"
tagloom runs --db a.db --status done --status failed >out 2>err
is "$? $(cat err)" "2 tagloom runs: --status done and --status failed: wanted one of them; --status is given once" "an option with two values is a usage error"
tagloom runs --db a.db --db=b.db >out 2>err
is "$? $(cat err)" "2 tagloom runs: --db a.db and --db b.db: wanted one of them; --db is given once" "in each spelling"
tagloom runs --db none.db --db none.db >out 2>err
is "$?" 3 "the same value again is harmless"
tagloom >out 2>err
is "$?" 2 "no verb is a usage error"
has "$(tagloom --version)" "tagloom $(cat "$SRC/VERSION")" "the version is the tree's"
done_testing
