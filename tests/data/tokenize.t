# tagloom data tokenize: one JSON array a line, special tokens included; files, standard input, folders; what is wrong is said.
. "$SRC/tests/tap.sh"
t=$SRC/tests/oracles/tokenizers/wordpiece-uncased.json
printf '{"text": "a b"}\n"b a"\n\n{"text": ""}\n' >in.jsonl
out=$(tagloom data tokenize --tokenizer "$t" in.jsonl)
is "$(echo "$out" | wc -l)" 3 "a line for every document"
is "$(echo "$out" | tail -1)" "[2, 3]" "an empty text has the special tokens alone"
is "$(tagloom data tokenize --tokenizer "$t" <in.jsonl)" "$out" "standard input gives the same"
is "$(tagloom data tokenize --tokenizer "$t" - <in.jsonl)" "$out" "so does -"
gzip -k in.jsonl
is "$(tagloom data tokenize --tokenizer "$t" in.jsonl.gz)" "$out" "and a compressed file"
mkdir folder && cp "$t" folder/tokenizer.json
is "$(tagloom data tokenize --tokenizer folder in.jsonl)" "$out" "a folder with tokenizer.json is as good as the file"
printf '{"text": "a\377b \303"}\n' >bad.jsonl
printf '{"text": "a\357\277\275b \357\277\275"}\n' >mended.jsonl
is "$(tagloom data tokenize --tokenizer "$t" bad.jsonl)" "$(tagloom data tokenize --tokenizer "$t" mended.jsonl)" "invalid UTF-8 is read as U+FFFD"
is "$(tagloom data tokenize --tokenizer "$t" <bad.jsonl)" "$(tagloom data tokenize --tokenizer "$t" <mended.jsonl)" "from standard input too"
printf '{"body": "x"}\n' | tagloom data tokenize --tokenizer "$t" - >out 2>err
is $? 3 "a document without a text is an error"
has "$(cat err)" 'standard input:1: the document has no text' "and its line is named"
tagloom data tokenize --tokenizer nowhere in.jsonl >out 2>err
is $? 3 "a tokenizer that is not there is an error"
has "$(cat err)" "nowhere" "and named"
tagloom data tokenize --tokenizer "$t" gone.jsonl >out 2>err
has "$(cat err)" "gone.jsonl" "so is a file that is not there"
done_testing
