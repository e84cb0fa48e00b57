/* tokenizers.h - reference vectors of the tokenizers, read from tests/oracles/tokenizers. */
#ifndef TESTS_DATA_TOKENIZERS_H
#define TESTS_DATA_TOKENIZERS_H

#include "tap.h"

#include "data/data.h"
#include "data/load.h"
#include "data/tokenizer.h"

static inline char *
oracle(const char *name)
{
	return tl_format("%s/tests/oracles/tokenizers/%s", getenv("SRC") ? getenv("SRC") : ".", name);
}

/* Calls fn for every JSON line of a (compressed) file; returns how many there were, -1 after an error. most 0: all. */
typedef void (*row_fn)(void *arg, const json_t *row, int64_t number);
static inline int64_t
each_row(const char *path, int64_t most, row_fn fn, void *arg)
{
	tl_error e = { 0 };
	tl_lines *l = tl_lines_open(path, NULL, &e);
	const char *s;
	size_t n;
	int64_t number = 0, rows = 0;

	if (!l)
		return -1;
	while ((!most || rows < most) && tl_lines_next(l, &s, &n, &number, &e) > 0) {
		json_t *row = tl_json_parse(s, n, path, &e);
		if (!row)
			break;
		fn(arg, row, rows++);
		json_decref(row);
	}
	tl_lines_close(l);
	return e.status ? -1 : rows;
}

struct against { const tl_tokenizer *t; const char *name; int64_t wrong, first; };

static inline void
compare_row(void *arg, const json_t *row, int64_t number)
{
	struct against *a = arg;
	const json_t *text = json_object_get(row, "text"), *want = json_object_get(json_object_get(row, "ids"), a->name);
	tl_ids ids = { 0 };
	tl_error e = { 0 };
	bool same = tl_tokenizer_encode(a->t, json_string_value(text), json_string_length(text), true, 0, &ids, &e) == (int64_t)json_array_size(want);

	for (int64_t i = 0; same && i < ids.n; i++)
		same = ids.at[i] == json_integer_value(json_array_get(want, (size_t)i));
	if (!same && !a->wrong++)
		a->first = number;
	free(ids.at);
}

/* The 300 committed documents. */
static inline void
vectors(const char *name)
{
	char *file = tl_format("%s.json", name), *path = oracle(file), *rows = oracle("vectors.jsonl");
	tl_error e = { 0 };
	struct against a = { .t = tl_tokenizer_load(path, &e), .name = name };
	int64_t n;

	if (ok(a.t != NULL, "%s loads%s%s", file, e.status ? ": " : "", e.text)) {
		n = each_row(rows, 0, compare_row, &a);
		ok(n == 300 && !a.wrong, "%s: ids of %lld documents as the reference library's (%lld differ, the first is %lld)", name, (long long)n, (long long)a.wrong, (long long)a.first);
	}
	tl_tokenizer_free((tl_tokenizer *)a.t);
	free(file);
	free(path);
	free(rows);
}

struct hashing { const tl_tokenizer *t; tl_sha *sha; tl_ids ids; };

static inline void
hash_row(void *arg, const json_t *row, int64_t number)
{
	struct hashing *h = arg;
	const json_t *text = json_object_get(row, "text");
	tl_error e = { 0 };
	int32_t end = -1;

	(void)number;
	h->ids.n = 0;
	tl_tokenizer_encode(h->t, json_string_value(text), json_string_length(text), true, 0, &h->ids, &e);
	tl_sha_add(h->sha, h->ids.at, (size_t)h->ids.n * sizeof *h->ids.at);
	tl_sha_add(h->sha, &end, sizeof end);
}

/* The hash over 10,000 documents; where the data sets are. */
static inline void
ten_thousand(const char *name, const char *tokenizer)
{
	static const struct { const char *name; int64_t n; } sets[] = { { "arxiv54", 7000 }, { "goemotions", 1000 }, { "eurlex57k", 500 } };
	const char *data = getenv("TAGLOOM_DATA");
	char *path = tokenizer ? tl_strdup(tokenizer) : NULL, *file = tl_format("%s.json", name), *hashes = oracle("hashes.json"), *scripts = oracle("scripts.jsonl"), hex[65];
	tl_error e = { 0 };
	json_t *j = tl_json_file(hashes, &e);
	struct hashing h = { 0 };
	int64_t n = 0;

	if (!path)
		path = oracle(file);
	if (!data) {
		skip("ids of 10,000 documents", "TAGLOOM_DATA, the folder with arxiv54, goemotions and eurlex57k, is not set");
	} else if (ok((h.t = tl_tokenizer_load(path, &e)) != NULL, "%s loads%s%s", name, e.status ? ": " : "", e.text)) {
		h.sha = tl_sha_new();
		n = each_row(scripts, 0, hash_row, &h);
		for (int i = 0; i < TL_COUNT(sets); i++) {
			char *train = tl_format("%s/%s/train.jsonl", data, sets[i].name);
			int64_t got = each_row(train, sets[i].n, hash_row, &h);
			n += got > 0 ? got : 0;
			free(train);
		}
		tl_sha_end(h.sha, hex);
		ok(n == 10000 && !strcmp(hex, tl_json_string(json_object_get(j, "ids"), name, "")), "%s: ids of %lld documents in many scripts have the reference library's hash", name, (long long)n);
	}
	tl_tokenizer_free((tl_tokenizer *)h.t);
	free(h.ids.at);
	free(path);
	free(file);
	free(hashes);
	free(scripts);
	json_decref(j);
}

#endif
