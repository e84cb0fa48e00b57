/* TF-IDF against scikit-learn's TfidfVectorizer: names, indices, values; odd letters; kept and loaded. */
#include <math.h>

#include "tokenizers.h"

enum { MOST = 400, FITTED = 200 };
static struct { char *text[MOST]; uint32_t length[MOST]; json_t *index[MOST], *value[MOST], *head; int64_t n; } oracle_rows;

static void
keep(void *arg, const json_t *row, int64_t number)
{
	const json_t *text = json_object_get(row, "text");
	int64_t i = oracle_rows.n;

	(void)arg;
	if (!number) {
		oracle_rows.head = json_deep_copy(row);
		return;
	}
	if (i == MOST)
		return;
	oracle_rows.text[i] = tl_strndup(json_string_value(text), json_string_length(text));
	oracle_rows.length[i] = (uint32_t)json_string_length(text);
	oracle_rows.index[i] = json_incref(json_object_get(row, "index"));
	oracle_rows.value[i] = json_incref(json_object_get(row, "value"));
	oracle_rows.n++;
}

static tl_split
split_of(int64_t from, int64_t n)
{
	return (tl_split){ .present = true, .n = n, .text = (const char **)oracle_rows.text + from, .text_length = oracle_rows.length + from };
}

/* The words of what `save` writes, joined by line feeds. */
static char *
names(const tl_tfidf *t)
{
	tl_text bytes = { 0 }, out = { 0 };
	tl_error e = { 0 };
	size_t at = 24;

	tl_text_bytes(&out, "", 0);
	tl_tfidf_save(t, &bytes, &e);
	while (at + 12 <= bytes.n) {
		uint32_t length;
		memcpy(&length, bytes.s + at + 8, 4);
		if (out.n)
			tl_text_bytes(&out, "\n", 1);
		tl_text_bytes(&out, bytes.s + at + 12, length);
		at += 12 + length;
	}
	tl_text_free(&bytes);
	return out.s;
}

static void
rows(const tl_tfidf *t, const char *what)
{
	tl_split all = split_of(0, oracle_rows.n);
	tl_features f = { 0 };
	tl_error e = { 0 };
	int64_t wrong = 0;
	double worst = 0;

	if (!ok(!tl_tfidf_apply(t, &all, &f, &e) && f.n == oracle_rows.n, "%s: rows are made", what))
		return;
	for (int64_t i = 0; i < f.n; i++) {
		int64_t from = f.offsets[i], n = f.offsets[i + 1] - from;
		if (n != (int64_t)json_array_size(oracle_rows.index[i])) {
			wrong++;
			continue;
		}
		for (int64_t k = 0; k < n; k++) {
			wrong += f.index[from + k] != json_integer_value(json_array_get(oracle_rows.index[i], (size_t)k));
			worst = fmax(worst, fabs((double)f.value[from + k] - json_number_value(json_array_get(oracle_rows.value[i], (size_t)k))));
		}
	}
	ok(!wrong && worst < 1e-6, "%s: indices and values of %lld documents as scikit-learn's (%lld wrong, largest difference %.1e)", what, (long long)f.n, (long long)wrong, worst);
	tl_features_free(&f);
}

static void
odd_letters(void)
{
	tl_split last = split_of(oracle_rows.n - 4, 4);
	tl_error e = { 0 };
	tl_tfidf *t = tl_tfidf_fit(&last, &e);
	tl_text want = { 0 };
	char *got;

	tl_text_bytes(&want, "", 0);
	for (size_t i = 0; i < json_array_size(json_object_get(oracle_rows.head, "odd")); i++)
		tl_text_add(&want, i ? "\n%s" : "%s", json_string_value(json_array_get(json_object_get(oracle_rows.head, "odd"), i)));
	if (ok(t != NULL, "odd letters are fitted")) {
		got = names(t);
		if (!ok(!strcmp(got, want.s), "lower case, the final sigma and word characters are Python's"))
			printf("# got %s\n# wanted %s\n", got, want.s);
		free(got);
	}
	tl_tfidf_free(t);
	tl_text_free(&want);
}

int
main(void)
{
	char *path = oracle("tfidf.jsonl"), *got, hex[65];
	tl_error e = { 0 };
	tl_text bytes = { 0 };
	tl_split train;
	tl_tfidf *t, *again;

	ok(each_row(path, 0, keep, NULL) > 300, "the oracle is read");
	train = split_of(0, FITTED);
	t = tl_tfidf_fit(&train, &e);
	if (ok(t && tl_tfidf_width(t) == json_integer_value(json_object_get(oracle_rows.head, "width")), "as many features as scikit-learn's")) {
		got = names(t);
		tl_sha_of(got, strlen(got), hex);
		ok(!strcmp(hex, tl_json_string(oracle_rows.head, "names", "")), "with the same names in the same order");
		free(got);
		rows(t, "fitted");
		tl_tfidf_save(t, &bytes, &e);
		again = tl_tfidf_load(bytes.s, bytes.n, "kept", &e);
		if (ok(again != NULL, "what was kept is loaded"))
			rows(again, "loaded");
		tl_tfidf_free(again);
		ok(!tl_tfidf_load(bytes.s, bytes.n / 2, "kept", &e) && strstr(e.text, "damaged"), "half of it is refused");
		tl_text_free(&bytes);
	}
	tl_tfidf_free(t);
	odd_letters();
	e = (tl_error){ 0 };
	train = split_of(oracle_rows.n - 1, 1);
	t = tl_tfidf_fit(&train, &e);
	ok(!t && strstr(e.text, "no word"), "texts without a word are refused");
	for (int64_t i = 0; i < oracle_rows.n; i++) {
		free(oracle_rows.text[i]);
		json_decref(oracle_rows.index[i]);
		json_decref(oracle_rows.value[i]);
	}
	json_decref(oracle_rows.head);
	free(path);
	return done();
}
