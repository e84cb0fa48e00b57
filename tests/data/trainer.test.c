/* The WordPiece trainer: deterministic, in any order of the texts; special tokens first; what it makes reads the texts well. */
#include "tokenizers.h"

static const char *const words[] = { "low lower lowest", "new newer newest", "wide wider widest", "low low low new new", "Lower! Newest, widest. 低い", "the the the and and", "a \xf0\x9f\x91\x8d thumb", "e\xcc\x81" "clair \xc3\xa9" "clair" };

static char *
vocabulary(const char *const *texts, int64_t n, int64_t size)
{
	uint32_t *lengths = tl_alloc((size_t)n * sizeof *lengths);
	tl_error e = { 0 };
	tl_tokenizer *t;
	char *json = NULL;

	for (int64_t i = 0; i < n; i++)
		lengths[i] = (uint32_t)strlen(texts[i]);
	if ((t = tl_tokenizer_train(texts, lengths, n, size, &e)))
		json = tl_tokenizer_json(t);
	tl_tokenizer_free(t);
	free(lengths);
	return json ? json : tl_strdup(e.text);
}

struct texts { char *text[300]; const char *plain[300]; uint32_t length[300]; int64_t n; };

static void
keep(void *arg, const json_t *row, int64_t number)
{
	struct texts *t = arg;
	const json_t *text = json_object_get(row, "text");

	(void)number;
	t->text[t->n] = tl_strndup(json_string_value(text), json_string_length(text));
	t->plain[t->n] = t->text[t->n];
	t->length[t->n++] = (uint32_t)json_string_length(text);
}

/* On real documents: few pieces a word, few unknowns. */
static void
quality(void)
{
	char *path = oracle("vectors.jsonl");
	static struct texts t;
	tl_error e = { 0 };
	tl_ids ids = { 0 };
	tl_tokenizer *k;
	int64_t unknown = 0, blanks = 0;

	each_row(path, 90, keep, &t);
	k = tl_tokenizer_train(t.plain, t.length, t.n, 2000, &e);
	if (ok(k && tl_tokenizer_size(k) == 2000, "2,000 tokens from 90 documents")) {
		for (int64_t i = 0; i < t.n; i++) {
			tl_tokenizer_encode(k, t.text[i], t.length[i], false, 0, &ids, &e);
			for (const char *s = t.text[i]; *s; s++)
				blanks += *s == ' ';
		}
		for (int64_t i = 0; i < ids.n; i++)
			unknown += ids.at[i] == 1;
		ok(unknown == 0 && ids.n < 2 * blanks, "no unknown among %lld tokens, fewer than two for a word (%lld words)", (long long)ids.n, (long long)blanks);
	}
	tl_tokenizer_free(k);
	free(ids.at);
	for (int64_t i = 0; i < t.n; i++)
		free(t.text[i]);
	free(path);
}

int
main(void)
{
	const char *turned[TL_COUNT(words)];
	char *a = vocabulary(words, TL_COUNT(words), 80), *b, *again = vocabulary(words, TL_COUNT(words), 80);
	tl_error e = { 0 };
	tl_tokenizer *t;
	char hex[65], other[65];

	for (int i = 0; i < TL_COUNT(words); i++)
		turned[i] = words[TL_COUNT(words) - 1 - i];
	b = vocabulary(turned, TL_COUNT(words), 80);
	ok(!strcmp(a, again), "the same texts give the same vocabulary");
	ok(!strcmp(a, b), "in any order");
	t = tl_tokenizer_parse(a, strlen(a), "trained", &e);
	if (ok(t != NULL, "it is read back%s%s", e.status ? ": " : "", e.text)) {
		ok(tl_tokenizer_size(t) <= 80 && tl_tokenizer_special(t, "pad") == 0 && tl_tokenizer_special(t, "unk") == 1 && tl_tokenizer_special(t, "cls") == 2 && tl_tokenizer_special(t, "sep") == 3 &&
		   tl_tokenizer_special(t, "mask") == 4, "[PAD] [UNK] [CLS] [SEP] [MASK] come first, and the size is kept");
		ok(tl_vocab_find(&t->vocab, "low", 3) > 0 && tl_vocab_find(&t->vocab, "the", 3) > 0 && tl_vocab_find(&t->vocab, "##est", 5) > 0 && tl_vocab_find(&t->vocab, "Lower", 5) < 0, "frequent words and endings are tokens, in lower case");
		tl_tokenizer_hash(t, hex);
		tl_sha_of(a, strlen(a), other);
		ok(!strcmp(hex, other), "its hash is that of its file");
	}
	tl_tokenizer_free(t);
	free(a);
	free(b);
	free(again);
	a = vocabulary(words, 0, 80);
	says(a, "\"[MASK]\"", "no text at all gives the special tokens");
	free(a);
	a = vocabulary(words, TL_COUNT(words), 3);
	says(a, "a vocabulary of 3 tokens cannot be trained", "too small a size is refused");
	free(a);
	quality();
	return done();
}
