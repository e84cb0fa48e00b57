/* WordPiece against the reference library: committed documents, 10,000 documents, MiniLM's own tokenizer; vocabulary folders; threads. */
#include "tokenizers.h"

#include <sys/stat.h>

#include "base/threads.h"

struct job { const tl_tokenizer *t; const char *const *text; tl_ids *ids; };

static void
encode_one(void *arg, int64_t i)
{
	struct job *j = arg;
	tl_error e = { 0 };

	tl_tokenizer_encode(j->t, j->text[i % 4], strlen(j->text[i % 4]), true, 0, &j->ids[i], &e);
}

static void
threads(const tl_tokenizer *t)
{
	enum { N = 2000 };
	static const char *const text[] = { "One text of several, again and again.", "Ünïcödé ÀÉ Ελληνικά", "x", "" };
	tl_ids *ids = tl_alloc(N * sizeof *ids);
	struct job j = { t, text, ids };
	tl_pool *pool = tl_pool_new(4);
	bool same = true;

	tl_pool_run(pool, N, encode_one, &j);
	tl_pool_free(pool);
	for (int i = 0; i < N; i++) {
		same = same && ids[i].n == ids[i % 4].n && !memcmp(ids[i].at, ids[i % 4].at, (size_t)ids[i].n * sizeof *ids[i].at);
		if (i >= 4)
			free(ids[i].at);
	}
	ok(same && ids[0].n > 5, "four threads at once get the same ids");
	for (int i = 0; i < 4; i++)
		free(ids[i].at);
	free(ids);
}

static bool
ids_are(const tl_tokenizer *t, const char *text, size_t n, bool special, int64_t most, const char *want)
{
	tl_ids ids = { 0 };
	tl_error e = { 0 };
	tl_text got = { 0 };
	bool same;

	tl_text_bytes(&got, "", 0);
	if (tl_tokenizer_encode(t, text, n, special, most, &ids, &e) < 0)
		tl_text_add(&got, "%s", e.text);
	for (int64_t i = 0; i < ids.n; i++)
		tl_text_add(&got, i ? " %d" : "%d", ids.at[i]);
	same = !strcmp(got.s, want);
	if (!same)
		printf("# got %s, wanted %s\n", got.s, want);
	free(ids.at);
	tl_text_free(&got);
	return same;
}

static void
write_file(const char *folder, const char *name, const char *text)
{
	char *path = tl_path_join(folder, name);
	tl_error e = { 0 };

	tl_write_file(path, text, strlen(text), &e);
	free(path);
}

static void
folders(void)
{
	tl_error e = { 0 };
	tl_tokenizer *t;

	mkdir("bert", 0777);
	write_file("bert", "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nun\n##aff\n##able\nÉ\ne\n,\n");
	t = tl_tokenizer_load("bert", &e);
	if (ok(t != NULL, "a folder with vocab.txt loads%s%s", e.status ? ": " : "", e.text)) {
		ok(ids_are(t, "UNaffable, \xc3\x89 [MASK]x", 21, true, 0, "2 5 6 7 10 9 4 1 3"), "it reads as BERT does: lower case, no accents, special tokens");
		ok(ids_are(t, "UNaffable, \xc3\x89", 13, true, 4, "2 5 6 3"), "a maximal length keeps the special tokens");
		ok(ids_are(t, "UNaffable", 9, false, 2, "5 6"), "and holds without them");
		ok(ids_are(t, "e\xff\xc3(e", 5, false, 0, "9 1 9"), "invalid UTF-8 is read as U+FFFD, which cleaning removes");
		ok(tl_tokenizer_special(t, "mask") == 4 && tl_tokenizer_special(t, "cls") == 2 && tl_tokenizer_special(t, "sep") == 3 && tl_tokenizer_special(t, "unk") == 1 && tl_tokenizer_special(t, "pad") == 0 &&
		   tl_tokenizer_special(t, "bos") == -1, "special tokens by role");
		ok(tl_tokenizer_size(t) == 11, "its size is the number of lines");
		ok(tl_tokenizer_encode(t, "e", 1, true, 1, &(tl_ids){ 0 }, &e) < 0 && strstr(e.text, "no room"), "a length below the special tokens is refused");
	}
	tl_tokenizer_free(t);
	write_file("bert", "tokenizer_config.json", "{\"do_lower_case\": false}");
	e = (tl_error){ 0 };
	t = tl_tokenizer_load("bert", &e);
	ok(t && ids_are(t, "\xc3\x89 UN e", 7, false, 0, "8 1 9"), "tokenizer_config.json's do_lower_case is heeded");
	tl_tokenizer_free(t);
}

int
main(void)
{
	char *path = oracle("wordpiece-uncased.json");
	tl_error e = { 0 };
	tl_tokenizer *t;

	vectors("wordpiece-uncased");
	vectors("wordpiece-cased");
	ten_thousand("wordpiece-uncased", NULL);
	ten_thousand("wordpiece-cased", NULL);
	if (getenv("TAGLOOM_MINILM"))
		ten_thousand("minilm", getenv("TAGLOOM_MINILM"));
	else
		skip("MiniLM's tokenizer on 10,000 documents", "TAGLOOM_MINILM, the folder of its weights (scripts/get-minilm), is not set");
	if ((t = tl_tokenizer_load(path, &e)))
		threads(t);
	tl_tokenizer_free(t);
	free(path);
	folders();
	return done();
}
