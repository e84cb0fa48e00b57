/* data_stats.c - tagloom data stats: what a dataset is like, for people and as JSON. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "datasets.h"

static int
by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int64_t
words_of(const char *s, size_t n)
{
	int64_t words = 0;
	bool inside = false;

	for (size_t i = 0; i < n; i++) {
		bool blank = s[i] == ' ' || (s[i] >= '\t' && s[i] <= '\r');
		words += !blank && !inside;
		inside = !blank;
	}
	return words;
}

/* One split: documents, labels, words, what is missing, repeated texts inside it. */
static json_t *
split_stats(const tl_dataset *d, int which, tl_prints *seen)
{
	const tl_split *s = &d->split[which];
	int64_t *words = tl_alloc((size_t)(s->n + 1) * sizeof *words), total = 0, empty = 0, unlabelled = 0, labels = 0, repeated = 0;
	bool *used = tl_alloc((size_t)d->n_labels + 1);
	json_t *v;

	for (int64_t i = 0; i < s->n; i++) {
		words[i] = words_of(s->text[i], s->text_length[i]);
		total += words[i];
		empty += s->text_length[i] == 0 && (!s->features.n || s->features.offsets[i] == s->features.offsets[i + 1]);
		unlabelled += s->label_offsets[i] == s->label_offsets[i + 1];
		if (s->text_length[i])
			repeated += !tl_prints_add(seen, tl_text_print(s->text[i], s->text_length[i]));
		for (int64_t k = s->label_offsets[i]; k < s->label_offsets[i + 1]; k++) {
			labels += !used[s->labels[k]];
			used[s->labels[k]] = true;
		}
	}
	qsort(words, (size_t)s->n, sizeof *words, by_size);
	v = json_pack("{s:I, s:I, s:f, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:s}", "documents", (json_int_t)s->n, "labels_used", (json_int_t)labels, "labels_per_document",
	              (double)s->label_offsets[s->n] / (double)TL_MAX(s->n, 1), "words_per_document", (double)total / (double)TL_MAX(s->n, 1), "words_median",
	              (json_int_t)(s->n ? words[s->n / 2] : 0), "words_longest", (json_int_t)(s->n ? words[s->n - 1] : 0), "without_labels", (json_int_t)unlabelled, "without_text", (json_int_t)empty,
	              "repeated_texts", (json_int_t)repeated, "features", (json_int_t)s->features.width, "sha256", s->sha256);
	free(words);
	free(used);
	return v;
}

/* Documents of split b whose text is also in split a. */
static int64_t
shared_texts(const tl_split *b, const tl_prints *a)
{
	int64_t n = 0;

	for (int64_t i = 0; i < b->n; i++)
		n += b->text_length[i] && tl_prints_has(a, tl_text_print(b->text[i], b->text_length[i]));
	return n;
}

static json_t *
label_stats(const tl_dataset *d)
{
	const tl_statistics *s = &d->statistics;
	int64_t unused = 0, below = 0, assignments = 0, head = 0, n = d->n_labels;
	json_t *v;

	for (int64_t i = 0; i < n; i++) {
		unused += s->count[i] == 0;
		below += s->count[i] > 0 && s->count[i] < 50;
		assignments += s->count[i];
		head += s->frequency_rank[i] < tl_head_size(n) ? s->count[i] : 0;
	}
	v = json_pack("{s:I, s:I, s:I, s:I, s:I, s:f, s:I}", "labels", (json_int_t)n, "without_training_documents", (json_int_t)unused, "with_1_to_49_training_documents", (json_int_t)below, "assignments",
	              (json_int_t)assignments, "head_labels", (json_int_t)tl_head_size(n), "head_share_of_assignments", assignments ? (double)head / (double)assignments : 0, "cooccurring_pairs",
	              (json_int_t)(s->co_offsets[n] / 2));
	for (int i = 0; i < 3 && n; i++) {
		static const char *const what[] = { "most_frequent", "median", "least_frequent" };
		int32_t l = s->by_frequency[i == 0 ? 0 : i == 1 ? n / 2 : n - 1];
		json_object_set_new(v, what[i], json_pack("{s:s, s:I}", "key", d->label_key[l], "count", (json_int_t)s->count[l]));
	}
	return v;
}

static int64_t
get(const json_t *v, const char *key)
{
	return tl_json_int(v, key, 0);
}

/* A key may hold line ends: one line stays one. */
static void
print_plain(const char *s)
{
	for (; *s; s++)
		putchar((unsigned char)*s < ' ' ? ' ' : *s);
}

static void
print_text(const json_t *all)
{
	static const char *const rank[] = { "most_frequent", "median", "least_frequent" }, *const what[] = { "most frequent ", "median ", "least frequent " };
	const json_t *labels = json_object_get(all, "labels"), *splits = json_object_get(all, "splits"), *shared = json_object_get(all, "shared_texts"), *v;
	const char *key;
	size_t i;

	printf("%s: %lld labels\n", tl_json_string(all, "name", ""), (long long)get(labels, "labels"));
	json_object_foreach((json_t *)splits, key, v) {
		printf("%-5s  %lld documents, %lld labels used, %.3f labels/document\n       ", key, (long long)get(v, "documents"), (long long)get(v, "labels_used"), tl_json_number(v, "labels_per_document", 0));
		if (get(v, "features"))
			printf("%lld features", (long long)get(v, "features"));
		else
			printf("%.1f words/document (median %lld, longest %lld)", tl_json_number(v, "words_per_document", 0), (long long)get(v, "words_median"), (long long)get(v, "words_longest"));
		printf("\n       %lld without labels, %lld without text, %lld repeated texts\n       sha256 %.16s\n", (long long)get(v, "without_labels"), (long long)get(v, "without_text"),
		       (long long)get(v, "repeated_texts"), tl_json_string(v, "sha256", ""));
	}
	json_object_foreach((json_t *)shared, key, v)
		printf("       %lld documents %s\n", (long long)json_integer_value(v), key);
	for (int k = 0; k < 3; k++) {
		v = json_object_get(labels, rank[k]);
		fputs(k ? "       " : "labels ", stdout);
		fputs(what[k], stdout);
		print_plain(tl_json_string(v, "key", "-"));
		printf(" (%lld)\n", (long long)get(v, "count"));
	}
	printf("       %lld without a training document, %lld with 1 to 49\n       the head (%lld labels) has %.1f %% of the assignments\n       %lld pairs occur together\n",
	       (long long)get(labels, "without_training_documents"), (long long)get(labels, "with_1_to_49_training_documents"), (long long)get(labels, "head_labels"),
	       100 * tl_json_number(labels, "head_share_of_assignments", 0), (long long)get(labels, "cooccurring_pairs"));
	json_array_foreach(json_object_get(all, "warnings"), i, v)
		printf("note   %s\n", json_string_value(v));
}

int
tl_data_stats(const tl_dataset *d, const char *format, tl_error *e)
{
	json_t *all, *splits = json_object(), *shared = json_object();
	tl_prints seen[TL_SPLITS] = { { 0 } };
	bool as_json = !strcmp(format, "json");

	if (!as_json && strcmp(format, "text")) {
		json_decref(splits);
		json_decref(shared);
		return tl_error_set(e, TL_USAGE, "--format %s: wanted text or json", format);
	}
	for (int s = 0; s < TL_SPLITS; s++) {
		if (!d->split[s].present)
			continue;
		json_object_set_new(splits, tl_split_names[s], split_stats(d, s, &seen[s]));
		for (int earlier = 0; earlier < s; earlier++) {
			char what[80];
			if (!d->split[earlier].present || d->split[s].features.n)
				continue;
			snprintf(what, sizeof what, "of %s have a text that is also in %s", tl_split_names[s], tl_split_names[earlier]);
			json_object_set_new(shared, what, json_integer(shared_texts(&d->split[s], &seen[earlier])));
		}
	}
	all = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:O}", "name", d->name, "path", d->path, "sha256", d->sha256, "labels", label_stats(d), "splits", splits, "shared_texts", shared, "warnings",
	                d->warnings);
	if (as_json) {
		char *text = json_dumps(all, JSON_INDENT(1) | JSON_REAL_PRECISION(10));
		puts(text);
		free(text);
	} else {
		print_text(all);
	}
	for (int s = 0; s < TL_SPLITS; s++)
		tl_prints_free(&seen[s]);
	json_decref(all);
	return 0;
}
