/* BPE against the reference library: bytes, a pattern of its own, characters; vocab.json + merges.txt; long words. */
#include "tokenizers.h"

#include <sys/stat.h>

static void
write_file(const char *name, const char *text)
{
	tl_error e = { 0 };

	tl_write_file(name, text, strlen(text), &e);
}

static void
folders(void)
{
	tl_error e = { 0 };
	tl_ids ids = { 0 };
	tl_tokenizer *t;

	mkdir("roberta", 0777);
	write_file("roberta/vocab.json", "{\"<s>\":0,\"<pad>\":1,\"</s>\":2,\"<unk>\":3,\"a\":4,\"b\":5,\"\\u0120\":6,\"ab\":7,\"\\u0120ab\":8,\"<mask>\":9}");
	write_file("roberta/merges.txt", "#version: 0.2\na b\n\xc4\xa0 ab\n");
	t = tl_tokenizer_load("roberta", &e);
	if (ok(t != NULL, "a folder with vocab.json and merges.txt loads%s%s", e.status ? ": " : "", e.text)) {
		static const int32_t want[] = { 0, 7, 8, 9, 6, 5, 2 };
		tl_tokenizer_encode(t, "ab ab  <mask> bz", 16, true, 0, &ids, &e);
		ok(ids.n == 7 && !memcmp(ids.at, want, sizeof want), "it reads as RoBERTa does: <s> </s>, <mask> takes the blank before it, what is not in the vocabulary vanishes");
		ok(tl_tokenizer_special(t, "cls") == 0 && tl_tokenizer_special(t, "mask") == 9, "special tokens by role");
	}
	free(ids.at);
	tl_tokenizer_free(t);
}

/* Both ways of joining, all pairs at once and a heap, agree: a long word is as good as its ids one by one. */
static void
long_words(void)
{
	char *path = oracle("bpe.json"), text[4001];
	tl_error e = { 0 };
	tl_tokenizer *t = tl_tokenizer_load(path, &e);
	tl_ids few = { 0 }, many = { 0 };

	memset(text, 'a', 4000);
	if (ok(t && tl_tokenizer_encode(t, text, 64, false, 0, &few, &e) > 0 && tl_tokenizer_encode(t, text, 4000, false, 0, &many, &e) > 0, "words of 64 and of 4000 letters have ids"))
		ok(many.at[0] == few.at[0] && many.n >= 4000 / 64 * few.n - 64, "and they are of the same kind");
	free(few.at);
	free(many.at);
	tl_tokenizer_free(t);
	free(path);
}

int
main(void)
{
	vectors("bpe");
	vectors("split");
	vectors("letters");
	ten_thousand("bpe", NULL);
	ten_thousand("split", NULL);
	ten_thousand("letters", NULL);
	folders();
	long_words();
	return done();
}
