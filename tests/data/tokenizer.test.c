/* Tokenizer files that are wrong or ask for what is not there: each gets a sentence that says what. */
#include "tokenizers.h"

#define VOCAB "\"vocab\":{\"[UNK]\":0,\"a\":1,\"##b\":2}"
#define WP "{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"##\",\"max_input_chars_per_word\":100," VOCAB "}"
#define BPE(rest) "{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2}" rest "}"

static const struct { const char *json, *words; } wrong[] = {
	{ "", "not valid JSON" },
	{ "[]", "the file holds a list; wanted an object" },
	{ "{}", "\"model\" is missing" },
	{ "{\"version\":\"2.0\",\"model\":" WP "}", "its version is \"2.0\"" },
	{ "{\"model\":{\"type\":\"Unigram\",\"vocab\":[]}}", "model Unigram is not supported" },
	{ "{\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"a\":0}}}", "model WordLevel is not supported" },
	{ "{\"model\":{\"type\":\"WordPiece\",\"vocab\":[1]}}", "\"vocab\" is a list" },
	{ "{\"model\":{\"type\":\"WordPiece\",\"vocab\":{}}}", "the vocabulary is empty" },
	{ "{\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"a\":\"b\"}}}", "\"a\" has a string as its id" },
	{ "{\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"a\":-1}}}", "a number out of range" },
	{ "{\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"a\":4294967296}}}", "a number out of range" },
	{ "{\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"a\":3,\"b\":3}}}", "have the same id 3" },
	{ "{\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"a\":0,\"a\":1}}}", "duplicate" },
	{ "{\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"##\",\"max_input_chars_per_word\":100,\"vocab\":{\"a\":0}}}", "the unknown token \"[UNK]\" is not in the vocabulary" },
	{ "{\"model\":{\"type\":\"WordPiece\",\"continuing_subword_prefix\":\"##\",\"max_input_chars_per_word\":100," VOCAB "}}", "\"unk_token\" is missing" },
	{ "{\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"##\",\"max_input_chars_per_word\":-1," VOCAB "}}", "\"max_input_chars_per_word\" is negative" },
	{ "{\"model\":" BPE("") "}", "\"merges\" is missing" },
	{ "{\"model\":" BPE(",\"merges\":[\"a b c\"]") "}", "merge 1 is not two tokens" },
	{ "{\"model\":" BPE(",\"merges\":[\"a b\",[\"a\"]]") "}", "merge 2 is not two tokens" },
	{ "{\"model\":" BPE(",\"merges\":[\"b a\"]") "}", "merge 1 needs the token \"ba\"" },
	{ "{\"model\":" BPE(",\"merges\":[\"a x\"]") "}", "merge 1 needs the token \"x\"" },
	{ "{\"model\":" BPE(",\"merges\":[],\"dropout\":0.1") "}", "dropout" },
	{ "{\"model\":" BPE(",\"merges\":[],\"unk_token\":\"?\"") "}", "the unknown token \"?\" is not in the vocabulary" },
	{ "{\"model\":" BPE(",\"merges\":[],\"fuse_unk\":1") "}", "\"fuse_unk\" is a number" },
	{ "{\"normalizer\":{\"type\":\"Precompiled\"},\"model\":" WP "}", "the normalizer \"Precompiled\" is not supported" },
	{ "{\"normalizer\":[],\"model\":" WP "}", "a normalizer is a list" },
	{ "{\"normalizer\":{\"type\":\"Sequence\"},\"model\":" WP "}", "\"normalizers\" is missing" },
	{ "{\"normalizer\":{\"type\":\"Replace\",\"pattern\":\"a\",\"content\":\"b\"},\"model\":" WP "}", "a Replace normalizer wants" },
	{ "{\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"(\"},\"content\":\"b\"},\"model\":" WP "}", "the pattern \"(\" cannot be used" },
	{ "{\"normalizer\":{\"type\":\"BertNormalizer\",\"lowercase\":\"yes\"},\"model\":" WP "}", "\"lowercase\" is a string" },
	{ "{\"pre_tokenizer\":{\"type\":\"Metaspace\"},\"model\":" WP "}", "the pre-tokenizer \"Metaspace\" is not supported" },
	{ "{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"[a&&b]\"},\"behavior\":\"Isolated\",\"invert\":false},\"model\":" WP "}", "has && inside a class" },
	{ "{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"a\"},\"behavior\":\"Cut\",\"invert\":false},\"model\":" WP "}", "\"behavior\" is Cut" },
	{ "{\"pre_tokenizer\":{\"type\":\"Punctuation\",\"behavior\":\"Cut\"},\"model\":" WP "}", "\"behavior\" is Cut" },
	{ "{\"post_processor\":{\"type\":\"BertProcessing\",\"sep\":[\"x\",7],\"cls\":[\"y\",0]},\"model\":" WP "}", "id is out of range; wanted one of the 3 ids" },
	{ "{\"post_processor\":{\"type\":\"Other\"},\"model\":" WP "}", "the post-processor \"Other\" is not supported" },
	{ "{\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[],\"special_tokens\":{}},\"model\":" WP "}", "holds the text 0 times" },
	{ "{\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"x\"}}],\"special_tokens\":{}},\"model\":" WP "}", "say no ids for \"x\"" },
	{ "{\"added_tokens\":{},\"model\":" WP "}", "\"added_tokens\" is an object" },
	{ "{\"added_tokens\":[{\"id\":1}],\"model\":" WP "}", "added token 1 has missing as \"content\"" },
	{ "{\"added_tokens\":[{\"id\":9999999999,\"content\":\"x\"}],\"model\":" WP "}", "added token 1 has a number out of range as \"id\"" },
	{ "{\"added_tokens\":[{\"id\":3,\"content\":\"x\"},{\"id\":4,\"content\":\"x\"}],\"model\":" WP "}", "\"x\" is listed twice" },
	{ "{\"normalizer\":{\"type\":\"Strip\"},\"added_tokens\":[{\"id\":3,\"content\":\" \"}],\"model\":" WP "}", "nothing is left of the added token" },
	{ "{\"normalizer\":{\"type\":\"Lowercase\"},\"added_tokens\":[{\"id\":3,\"content\":\"X\"},{\"id\":4,\"content\":\"x\"}],\"model\":" WP "}", "are the same text after normalisation" },
};

static tl_tokenizer *
parse(const char *json, tl_error *e)
{
	*e = (tl_error){ 0 };
	return tl_tokenizer_parse(json, strlen(json), "file", e);
}

/* Sequences inside sequences. */
static void
nested(int depth, const char *part, const char *list, const char *what)
{
	tl_text t = { 0 };
	tl_error e;
	tl_tokenizer *k;

	tl_text_add(&t, "{\"%s\":", part);
	for (int i = 0; i < depth; i++)
		tl_text_add(&t, "{\"type\":\"Sequence\",\"%s\":[", list);
	for (int i = 0; i < depth; i++)
		tl_text_add(&t, "]}");
	tl_text_add(&t, ",\"model\":" WP "}");
	k = parse(t.s, &e);
	says(e.text, what, depth > TL_NESTING ? "deep nesting is refused" : "shallow nesting is read");
	tl_tokenizer_free(k);
	tl_text_free(&t);
}

int
main(void)
{
	char *path = oracle("bpe.json"), *text;
	size_t n;
	tl_error e = { 0 };
	int64_t loaded = 0, silent = 0;
	tl_tokenizer *t;

	for (int i = 0; i < TL_COUNT(wrong); i++) {
		t = parse(wrong[i].json, &e);
		if (t)
			ok(false, "%s must be refused", wrong[i].json);
		else
			says(e.text, wrong[i].words, wrong[i].words);
		tl_tokenizer_free(t);
	}
	nested(1000, "normalizer", "normalizers", "nested deeper");
	nested(1000, "pre_tokenizer", "pretokenizers", "nested deeper");
	nested(1000, "post_processor", "processors", "nested deeper");
	nested(3, "normalizer", "normalizers", "");
	e = (tl_error){ 0 };
	ok(!tl_tokenizer_load("nowhere", &e) && strstr(e.text, "nowhere"), "a file that is not there is named");
	e = (tl_error){ 0 };
	ok(!tl_tokenizer_load(".", &e) && strstr(e.text, "vocab.txt"), "a folder without a tokenizer says what was looked for");
	e = (tl_error){ 0 };
	if (ok(!tl_read_file(path, &text, &n, &e), "the byte-level tokenizer is read")) {
		/* Cut off anywhere, and with bytes changed here and there: a sentence or a tokenizer, never a crash. */
		for (size_t i = 1; i < 60; i++) {
			e = (tl_error){ 0 };
			t = tl_tokenizer_parse(text, n * i / 60, "cut", &e);
			loaded += t != NULL;
			silent += !t && !e.status;
			tl_tokenizer_free(t);
		}
		ok(!loaded && !silent, "cut off anywhere it is refused with a sentence");
		for (size_t i = 0; i < 40; i++) {
			size_t at = i < 20 ? i * 37 : n * i / 41;
			char kept = text[at];
			text[at] = "0,]}\"x"[i % 6];
			e = (tl_error){ 0 };
			t = tl_tokenizer_parse(text, n, "changed", &e);
			silent += !t && !e.status;
			tl_tokenizer_free(t);
			text[at] = kept;
		}
		ok(!silent, "changed anywhere it loads or is refused with a sentence");
		free(text);
	}
	free(path);
	return done();
}
