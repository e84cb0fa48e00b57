/* data.c - tagloom data: statistics, conversion, cleaning and single documents of a dataset; token ids of texts. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "datasets.h"

static tl_dataset *
open_dataset(const tl_args *a, const char *path, tl_mended *mended, tl_error *e)
{
	const char *reader = tl_arg_value(a, "--reader", "jsonl"), *valid = tl_arg_value(a, "--valid", NULL);
	static tl_registry *r;
	const tl_candidate *c;
	json_t *config = json_pack("{s:s, s:b}", "path", path, "partial", 1);
	tl_dataset *d = NULL;

	if (!r)
		r = tl_registry_new();
	c = tl_registry_find(r, "reader", reader, e);
	if (valid) {
		char *end;
		double share = strtod(valid, &end);
		json_object_set_new(config, "valid", *valid && !*end ? json_real(share) : json_string(valid));
	}
	if (c && mended)
		d = tl_dataset_open_mending(config, NULL, c->plugin->reader, mended, e);
	else if (c)
		d = tl_dataset_open(config, NULL, c->plugin->reader, e);
	json_decref(config);
	/* The registry stays: the reader's code belongs to it, and the program ends soon. */
	return d;
}

static void
print_warnings(const tl_dataset *d)
{
	for (size_t i = 0; i < json_array_size(d->warnings); i++)
		tl_warning("%s", json_string_value(json_array_get(d->warnings, i)));
}

static int
run_stats(const tl_args *a, const char *path, tl_error *e)
{
	tl_dataset *d = open_dataset(a, path, NULL, e);
	int bad = d ? tl_data_stats(d, tl_arg_value(a, "--format", "text"), e) : -1;

	tl_dataset_free(d);
	return bad;
}

/* "4000,500,1000": how many of train, valid and test; a missing number takes all. */
static int
read_sample(const char *text, int64_t out[TL_SPLITS], tl_error *e)
{
	for (int s = 0; s < TL_SPLITS; s++)
		out[s] = -1;
	for (int s = 0; text && s < TL_SPLITS; s++) {
		char *end;
		long long n = strtoll(text, &end, 10);
		if (end == text || n < 0 || (*end && *end != ','))
			return tl_error_set(e, TL_USAGE, "--sample: wanted numbers of documents of train, valid and test, such as 4000,500,1000");
		out[s] = n;
		if (!*end)
			return 0;
		text = end + 1;
		if (s == TL_SPLITS - 1)
			return tl_error_set(e, TL_USAGE, "--sample: more than three numbers");
	}
	return 0;
}

static bool
same_folder(const char *a, const char *b)
{
	struct stat x, y;

	return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static const char *
output_folder(const tl_args *a, const char *path, tl_error *e)
{
	const char *dir = tl_arg_value(a, "--output", NULL);

	if (!dir)
		tl_error_set(e, TL_USAGE, "where to? give -o DIR");
	else if (same_folder(dir, path))
		tl_error_set(e, TL_USAGE, "-o %s is the dataset itself; choose another folder", dir);
	else
		return dir;
	return NULL;
}

static int
write_chosen(const tl_args *a, const tl_dataset *d, tl_chosen *chosen, const char *dir, tl_error *e)
{
	int bad = tl_dataset_write(d, chosen, dir, tl_arg_value(a, "--compress", "none"), tl_arg_flag(a, "--force"), e);

	for (int s = 0; s < TL_SPLITS; s++) {
		if (!bad && d->split[s].present)
			printf("%s: %lld of %lld documents\n", tl_split_names[s], (long long)chosen[s].n, (long long)d->split[s].n);
		free(chosen[s].document);
	}
	return bad;
}

static int
run_convert(const tl_args *a, const char *path, tl_error *e)
{
	const char *dir = output_folder(a, path, e);
	int64_t limit = tl_arg_int(a, "--limit", 0, e), seed = tl_arg_int(a, "--seed", 1, e), sample[TL_SPLITS];
	tl_chosen chosen[TL_SPLITS];
	tl_dataset *d;
	int bad;

	if (dir && !e->status && (limit < 1 && tl_arg_value(a, "--limit", NULL)))
		tl_error_set(e, TL_USAGE, "--limit %lld: wanted how many documents of every split, at least 1", (long long)limit);
	if (!dir || e->status || read_sample(tl_arg_value(a, "--sample", NULL), sample, e) < 0 || !(d = open_dataset(a, path, NULL, e)))
		return -1;
	print_warnings(d);
	for (int s = 0; s < TL_SPLITS; s++)
		chosen[s] = tl_choose_documents(&d->split[s], limit, sample[s], (uint64_t)seed);
	bad = write_chosen(a, d, chosen, dir, e);
	tl_dataset_free(d);
	return bad;
}

struct cleaning { int64_t no_text, no_labels, repeated, leaked; };

/* Keeps the first of equal texts; a training text that valid or test has goes out of train. */
static tl_chosen
clean_split(const tl_split *s, const tl_prints *elsewhere, struct cleaning *c)
{
	tl_chosen out = { 0, tl_alloc((size_t)(s->n + 1) * sizeof *out.document) };
	tl_prints seen = { 0 };

	for (int64_t i = 0; i < s->n; i++) {
		uint64_t print = tl_text_print(s->text[i], s->text_length[i]);
		bool bag = s->features.n > 0;
		if (!bag && !s->text[i][strspn(s->text[i], " \t\r\n\v\f")]) {
			c->no_text++;
		} else if (s->label_offsets[i] == s->label_offsets[i + 1]) {
			c->no_labels++;
		} else if (!bag && elsewhere && (tl_prints_has(&elsewhere[TL_VALID], print) || tl_prints_has(&elsewhere[TL_TEST], print))) {
			c->leaked++;
		} else if (!bag && !tl_prints_add(&seen, print)) {
			c->repeated++;
		} else {
			out.document[out.n++] = i;
		}
	}
	tl_prints_free(&seen);
	return out;
}

static int
run_clean(const tl_args *a, const char *path, tl_error *e)
{
	const char *dir = output_folder(a, path, e);
	struct cleaning c = { 0 };
	tl_mended mended;
	tl_chosen chosen[TL_SPLITS];
	tl_prints prints[TL_SPLITS] = { { 0 } };
	tl_dataset *d;
	int bad;

	if (!dir || !(d = open_dataset(a, path, &mended, e)))
		return -1;
	for (int s = TL_VALID; s < TL_SPLITS; s++)
		for (int64_t i = 0; i < d->split[s].n; i++)
			if (d->split[s].text_length[i])
				tl_prints_add(&prints[s], tl_text_print(d->split[s].text[i], d->split[s].text_length[i]));
	for (int s = 0; s < TL_SPLITS; s++)
		chosen[s] = clean_split(&d->split[s], s == TL_TRAIN ? prints : NULL, &c);
	bad = write_chosen(a, d, chosen, dir, e);
	if (!bad)
		printf("replaced: %lld bytes that were no UTF-8, %lld repeated ids; added to the label list: %lld\n"
		       "left out: %lld without text, %lld without labels, %lld repeated texts, %lld training texts that valid or test has\n",
		       (long long)mended.bytes, (long long)mended.ids, (long long)mended.labels, (long long)c.no_text, (long long)c.no_labels, (long long)c.repeated, (long long)c.leaked);
	for (int s = 0; s < TL_SPLITS; s++)
		tl_prints_free(&prints[s]);
	tl_dataset_free(d);
	return bad;
}

static int
show_document(const tl_dataset *d, int split, int64_t i, bool as_json)
{
	const tl_split *s = &d->split[split];

	if (as_json) {
		json_t *labels = json_array(), *v;
		char *text;
		for (int64_t k = s->label_offsets[i]; k < s->label_offsets[i + 1]; k++)
			json_array_append_new(labels, json_string(d->label_key[s->labels[k]]));
		v = json_pack("{s:s, s:s, s:I, s:o, s:o}", "id", s->id[i], "split", tl_split_names[split], "number", (json_int_t)i + 1, "labels", labels, "text",
		              json_stringn(s->text[i], s->text_length[i]));
		text = json_dumps(v, 0);
		puts(text);
		free(text);
		json_decref(v);
		return 0;
	}
	printf("%s: document %lld of %lld in %s\n", s->id[i], (long long)i + 1, (long long)s->n, tl_split_names[split]);
	for (int64_t k = s->label_offsets[i]; k < s->label_offsets[i + 1]; k++) {
		int32_t l = s->labels[k];
		printf("  %s%s%s (%lld training documents)\n", d->label_key[l], strcmp(d->label_key[l], d->label_name[l]) ? ": " : "", strcmp(d->label_key[l], d->label_name[l]) ? d->label_name[l] : "",
		       (long long)d->statistics.count[l]);
	}
	if (s->features.n) {
		for (int64_t k = s->features.offsets[i]; k < s->features.offsets[i + 1]; k++)
			printf("%s%d:%.9g", k > s->features.offsets[i] ? " " : "\n", (int)s->features.index[k], (double)s->features.value[k]);
		putchar('\n');
	} else {
		printf("\n%s\n", s->text[i]);
	}
	return 0;
}

/* A document by its id, or else by its number, of --split or of the first split that has it. */
static int
run_show(const tl_args *a, const char *path, tl_error *e)
{
	const char *wanted = a->n > 2 ? a->operand[2] : "1", *only = tl_arg_value(a, "--split", NULL), *format = tl_arg_value(a, "--format", "text");
	char *end;
	long long number = strtoll(wanted, &end, 10);
	tl_dataset *d;
	int found = -1, bad = -1;
	int64_t at = 0;

	if (strcmp(format, "text") && strcmp(format, "json"))
		return tl_error_set(e, TL_USAGE, "--format %s: wanted text or json", format);
	if (only && strcmp(only, "train") && strcmp(only, "valid") && strcmp(only, "test"))
		return tl_error_set(e, TL_USAGE, "--split %s: wanted train, valid or test", only);
	if (!(d = open_dataset(a, path, NULL, e)))
		return -1;
	for (int pass = 0; pass < 2 && found < 0; pass++) {
		for (int s = 0; s < TL_SPLITS && found < 0; s++) {
			if (only && strcmp(only, tl_split_names[s]))
				continue;
			for (int64_t i = 0; pass == 0 && i < d->split[s].n && found < 0; i++)
				if (!strcmp(d->split[s].id[i], wanted)) {
					found = s;
					at = i;
				}
			if (pass == 1 && !*end && number >= 1 && number <= d->split[s].n) {
				found = s;
				at = number - 1;
			}
		}
	}
	if (found < 0)
		tl_error_set(e, TL_USAGE, "%s: no document of that id or number in %s%s%s", wanted, path, only ? ", " : "", only ? only : "");
	else
		bad = show_document(d, found, at, !strcmp(format, "json"));
	tl_dataset_free(d);
	return bad;
}

static int
run(const tl_args *a, tl_error *e)
{
	static const struct { const char *name; int (*run)(const tl_args *a, const char *path, tl_error *e); int most; } all[] = {
		{ "stats", run_stats, 2 }, { "convert", run_convert, 2 }, { "show", run_show, 3 }, { "clean", run_clean, 2 }, { "tokenize", NULL, 2 }
	};
	const char *names[TL_COUNT(all)], *what = a->operand[0], *near;

	for (int i = 0; i < TL_COUNT(all); i++) {
		names[i] = all[i].name;
		if (strcmp(what, all[i].name))
			continue;
		if (a->n > all[i].most)
			return tl_error_set(e, TL_USAGE, "%s: one word too many: %s", what, a->operand[all[i].most]);
		if (!all[i].run) {
			const char *tokenizer = tl_arg_value(a, "--tokenizer", NULL);
			if (!tokenizer)
				return tl_error_set(e, TL_USAGE, "tokenize: which tokenizer? give --tokenizer DIR or --tokenizer FILE (a tokenizer.json)");
			return tl_data_tokenize(tokenizer, a->n > 1 ? a->operand[1] : "-", e);
		}
		if (a->n < 2)
			return tl_error_set(e, TL_USAGE, "%s: of which dataset? give its folder", what);
		return all[i].run(a, a->operand[1], e);
	}
	near = tl_nearest(what, names, TL_COUNT(all));
	return tl_error_set(e, TL_USAGE, "%s: wanted stats, convert, show, clean or tokenize%s%s", what, near ? "; did you mean " : "", near ? near : "");
}

static const tl_option options[] = {
	{ "--reader", "NAME", "the reader of the dataset: jsonl (default), aapd, xmc, svmlight, csv, tsv or a plugin's", 0, false },
	{ "--format", "NAME", "stats and show: text (default) or json", 0, false },
	{ "--split", "NAME", "show: train, valid or test (default: the first that has the document)", 0, false },
	{ "--output", "DIR", "convert and clean: the folder to write", 'o', false },
	{ "--limit", "N", "convert: the first N documents of every split", 0, false },
	{ "--sample", "N,N,N", "convert: so many documents of train, valid and test, drawn by their ids", 0, false },
	{ "--seed", "S", "convert: another sample (default 1)", 0, false },
	{ "--valid", "SHARE", "take this share of train as valid, as data.valid does in a script", 0, false },
	{ "--compress", "NAME", "convert and clean: none (default), gz, xz or zst", 0, false },
	{ "--force", NULL, "convert and clean: replace files that are there", 0, false },
	{ "--tokenizer", "PATH", "tokenize: a folder with a tokenizer, or a tokenizer.json", 0, false },
	{ 0 }
};

const tl_verb tl_verb_data = {
	.name = "data",
	.synopsis = "stats|convert|show|clean DATASET [ID] [options], or tokenize --tokenizer PATH [FILE|-]",
	.summary = "statistics, conversion, cleaning or single documents of a dataset; token ids",
	.description = "stats DATASET        documents, labels, words, repeated texts and hashes of every split\n"
	               "convert DATASET      writes it as JSON Lines with labels.txt (bags of words: svmlight) into -o DIR\n"
	               "show DATASET [ID]    one document, by its id or its number (default: the first)\n"
	               "clean DATASET        writes a copy into -o DIR with broken UTF-8 and repeated ids mended, and without documents that\n"
	               "                     have no text or no labels, repeat a text, or are training documents that valid or test has\n"
	               "tokenize [FILE|-]    one JSON array of token ids a line for the \"text\" of each line of JSON Lines, special tokens included",
	.options = options,
	.least = 1,
	.most = 3,
	.run = run,
};
