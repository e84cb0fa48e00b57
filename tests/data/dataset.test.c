/* Datasets: what is loaded, what is refused and with which words, shares, limits, pseudo-documents, archives, hashes. */
#include <dlfcn.h>
#include <fcntl.h>
#include <lzma.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "data/data.h"
#include "tap.h"

static const tl_reader *jsonl;

static void
put(const char *path, const char *text)
{
	tl_error e = { 0 };

	if (tl_write_file(path, text, strlen(text), &e) < 0)
		printf("# %s\n", e.text);
}

/* Opens a dataset; `config` is JSON. The sentence is in `e`. */
static tl_dataset *
open_it(const char *config, tl_error *e)
{
	json_t *c = json_loads(config, 0, NULL);
	tl_dataset *d;

	*e = (tl_error){ 0 };
	d = tl_dataset_open(c, ".", jsonl, e);
	json_decref(c);
	return d;
}

static void
refused(const char *config, const char *words, const char *what)
{
	tl_error e;
	tl_dataset *d = open_it(config, &e);

	if (d) {
		ok(false, "%s (was accepted)", what);
		tl_dataset_free(d);
	} else {
		says(e.text, words, what);
	}
}

static bool
warned(const tl_dataset *d, const char *words)
{
	for (size_t i = 0; i < json_array_size(d->warnings); i++)
		if (strstr(json_string_value(json_array_get(d->warnings, i)), words))
			return true;
	for (size_t i = 0; i < json_array_size(d->warnings); i++)
		printf("# warned: %s\n", json_string_value(json_array_get(d->warnings, i)));
	return false;
}

static const char train[] = "{\"id\":\"a\",\"text\":\"one \\u00e9\",\"labels\":[\"y\",\"x\",\"y\"],\"title\":\"t\"}\n\n{\"text\":\"two\",\"labels\":[\"x\"]}\r\n"
                            "{\"id\":7,\"text\":null,\"labels\":[]}\n{\"id\":\"d\",\"labels\":[\"z\"],\"text\":\"four\"}";
static const char test[] = "{\"id\":\"a\",\"text\":\"seen\",\"labels\":[\"w\",\"x\"]}\n";

static void
base(void)
{
	put("labels.txt", "x\tEx\nz\ty?\n\ny\tYps\tthe letter y\n");
	put("train.jsonl", train);
	put("test.jsonl", test);
	unlink("valid.jsonl");
}

static void
loaded(void)
{
	tl_error e;
	tl_dataset *d;

	base();
	d = open_it("{\"path\":\".\",\"name\":\"n\"}", &e);
	if (!ok(d != NULL, "a small dataset loads %s", e.text))
		return;
	ok(d->n_labels == 4 && tl_streq(d->label_key[0], "x") && tl_streq(d->label_key[2], "y") && tl_streq(d->label_key[3], "w"), "labels are numbered as listed, others behind");
	ok(tl_streq(d->label_name[0], "Ex") && tl_streq(d->label_description[0], "Ex") && tl_streq(d->label_description[2], "the letter y") && tl_streq(d->label_name[3], "w"),
	   "names and descriptions, and what stands for missing ones");
	ok(d->split[0].n == 4 && d->split[2].n == 1 && !d->split[1].present, "documents; no validation split is made up");
	ok(tl_streq(d->split[0].id[1], "3") && tl_streq(d->split[0].id[2], "7"), "a missing id is the line's number, a number is kept");
	ok(d->split[0].text_length[0] == 6 && tl_streq(d->split[0].text[0], "one \xc3\xa9") && d->split[0].text_length[2] == 0, "texts");
	ok(d->split[0].label_offsets[1] == 2 && d->split[0].labels[0] == 0 && d->split[0].labels[1] == 2, "labels are ascending and distinct");
	ok(d->statistics.n_documents == 4 && d->statistics.count[0] == 2 && d->statistics.count[3] == 0, "statistics are of train");
	ok(warned(d, "1 label occurs only outside train") && warned(d, ": w"), "a label seen only outside train is kept and named");
	ok(warned(d, "have no text, the first is ./train.jsonl:4") && warned(d, "1 of 4 documents have no labels"), "documents without text or labels are counted");
	ok(d->keep == 200 && d->max_length == 512 && d->propensity_a == 0.55 && d->propensity_b == 1.5, "defaults");
	tl_dataset_free(d);
}

static void
bad_documents(void)
{
	char big[300];

	base();
	put("train.jsonl", "{\"id\":\"a\",\"labels\":[\"x\"]}\n{\"id\":\"a\",\"labels\":[]}\n");
	refused("{\"path\":\".\"}", "train.jsonl:2: the id \"a\" was already given to ./train.jsonl:1", "a repeated id names both lines");
	put("train.jsonl", "{\"id\":\"a\",\"labels\":[\"alpha\"]}\n");
	put("labels.txt", "beta\nalpja\n");
	refused("{\"path\":\".\"}", "train.jsonl:1: the label \"alpha\" is not in the label list (2 labels); did you mean \"alpja\"?", "an unlisted label gets its neighbour and its line");
	base();
	put("train.jsonl", "{\"id\":\"a\"}\n{\"id\":\"b\",\n");
	refused("{\"path\":\".\"}", "train.jsonl:2: not valid JSON", "malformed JSON names its line");
	put("train.jsonl", "{\"id\":\"a\",\"id\":\"b\"}\n");
	refused("{\"path\":\".\"}", "train.jsonl:1: not valid JSON: duplicate", "so does a repeated key");
	put("train.jsonl", "{\"id\":\"a\"}\n{\"text\":\"ab\xff\"}\n");
	refused("{\"path\":\".\"}", "train.jsonl:2:12: byte 0xff is not valid UTF-8", "invalid UTF-8 names file, line and byte");
	put("train.jsonl", "\xff\xfe{");
	refused("{\"path\":\".\"}", "train.jsonl: the file is UTF-16 by its first bytes; save it as UTF-8", "UTF-16 is told as such");
	put("train.jsonl", "{\"text\":[1]}\n");
	refused("{\"path\":\".\"}", "train.jsonl:1: \"text\" is no string", "a text that is none");
	put("train.jsonl", "{\"text\":\"a\",\"labels\":\"x\"}\n");
	refused("{\"path\":\".\"}", "train.jsonl:1: \"labels\" is no list", "labels that are no list");
	put("train.jsonl", "{\"text\":\"a\",\"labels\":[\"x\",null]}\n");
	refused("{\"path\":\".\"}", "element 2 of \"labels\"", "a label that is none");
	put("train.jsonl", "{\"text\":\"a\",\"labels\":[\"\"]}\n");
	refused("{\"path\":\".\"}", "train.jsonl:1: label 1 of the document is empty", "an empty label");
	put("train.jsonl", "[1,2]\n");
	refused("{\"path\":\".\"}", "train.jsonl:1: wanted an object", "a line that is no object");
	memset(big, '[', sizeof big - 1);
	big[sizeof big - 1] = 0;
	put("train.jsonl", big);
	refused("{\"path\":\".\"}", "train.jsonl:1: not valid JSON", "a pile of brackets");
	put("train.jsonl", "\n \n");
	refused("{\"path\":\".\"}", "the train split has no documents", "an empty split");
	unlink("train.jsonl");
	refused("{\"path\":\".\"}", "there is no train split", "a missing split");
	base();
	put("valid.jsonl", "");
	refused("{\"path\":\".\"}", "the valid split has no documents", "an empty validation file");
	base();
	put("labels.txt", "a\nb\na\n");
	refused("{\"path\":\".\"}", "names \"a\" twice, as labels 1 and 3", "a label listed twice");
	put("labels.txt", "\n");
	refused("{\"path\":\".\"}", "the label list is empty", "an empty label list");
	base();
}

static void
bad_options(void)
{
	refused("{\"path\":\"nowhere\"}", "data.path = \"nowhere\": there is no such folder", "a folder that is not there");
	refused("{\"path\":\".\",\"max_lenght\":3}", "data.max_lenght: no such key; did you mean max_length", "an unknown key gets its neighbour");
	refused("{\"path\":\".\",\"keep\":0}", "data.keep = 0: wanted a whole number, 1 or more", "keep = 0");
	refused("{\"path\":\".\",\"limit\":1.5}", "data.limit = 1.5: wanted a whole number", "half a document");
	refused("{\"path\":\".\",\"valid\":1}", "data.valid: wanted a share of train between 0 and 1", "valid = 1");
	refused("{\"path\":\".\",\"valid\":0.01}", "of 4 training documents it takes 0", "a share of nothing");
	refused("{\"path\":\".\",\"propensity\":{\"C\":1}}", "data.propensity.C: no such key", "propensity has A and B");
	refused("{\"path\":\".\",\"augment\":\"nothing.jsonl\"}", "nothing.jsonl: data.augment: no such file", "an augmentation file that is not there");
	put("valid.jsonl", test);
	refused("{\"path\":\".\",\"valid\":0.5}", "has a validation split of its own", "a share beside a validation split");
	unlink("valid.jsonl");
}

static void
shares(void)
{
	tl_error e;
	tl_text t = { 0 };
	tl_dataset *a, *b;
	bool same = true, disjoint = true, other = false;

	for (int i = 0; i < 500; i++)
		tl_text_add(&t, "{\"id\":\"d%d\",\"text\":\"t%d\",\"labels\":[\"%s\"]}\n", i, i, i % 3 ? "x" : "y");
	put("train.jsonl", t.s);
	a = open_it("{\"path\":\".\",\"valid\":0.1}", &e);
	b = open_it("{\"path\":\".\",\"valid\":0.1,\"limit\":400}", &e);
	if (!ok(a && b, "a share of train becomes valid %s", e.text))
		return;
	ok(a->split[1].n == 50 && a->split[0].n == 450 && b->split[1].n == 40 && b->split[0].n == 360 && b->split[2].n == 1, "a tenth of 500, and of the first 400; test stays whole");
	ok(a->statistics.n_documents == 450, "statistics are of what is left");
	for (int64_t i = 0; i < a->split[1].n; i++) {
		for (int64_t k = 0; k < a->split[0].n; k++)
			disjoint = disjoint && strcmp(a->split[1].id[i], a->split[0].id[k]);
		other = other || (i && atoi(a->split[1].id[i] + 1) != atoi(a->split[1].id[i - 1] + 1) + 1);
		same = same && (i == 0 || atoi(a->split[1].id[i] + 1) > atoi(a->split[1].id[i - 1] + 1));
		same = same && a->split[1].text[i][1] == a->split[1].id[i][1] && a->split[1].labels[i] == (atoi(a->split[1].id[i] + 1) % 3 ? 0 : 2);
	}
	ok(disjoint && same && other, "no document is in both, texts and labels went along, the order is the file's, and it is no block");
	ok(strcmp(a->sha256, b->sha256) && strlen(a->sha256) == 64, "another limit is another dataset");
	tl_dataset_free(b);
	b = open_it("{\"path\":\".\",\"valid\":0.1,\"name\":\"other\"}", &e);
	ok(b && !strcmp(a->sha256, b->sha256) && !strcmp(a->split[1].sha256, b->split[1].sha256), "the same share again, and a name changes no hash");
	tl_dataset_free(a);
	tl_dataset_free(b);
	tl_text_free(&t);
}

static void
pseudo(void)
{
	tl_error e;
	tl_dataset *d;

	base();
	put("more.jsonl", "{\"text\":\"made\",\"labels\":[\"z\"]}\n{\"text\":\"made too\",\"labels\":[\"x\"]}\n");
	d = open_it("{\"path\":\".\",\"augment\":\"more.jsonl\",\"tail_below\":2}", &e);
	if (!ok(d != NULL, "pseudo-documents load %s", e.text))
		return;
	ok(d->split[0].n == 5 && d->split[0].pseudo[4] && !d->split[0].pseudo[3] && tl_streq(d->split[0].id[4], "pseudo:1"), "one is for a rare label, and flagged");
	ok(warned(d, "1 of 2 pseudo-documents left out"), "the other is left out, and that is said");
	ok(d->statistics.n_documents == 4 && d->statistics.count[1] == 1, "statistics leave pseudo-documents out");
	tl_dataset_free(d);
	put("more.jsonl", "{\"text\":\"made\",\"labels\":[\"zz\"]}\n");
	refused("{\"path\":\".\",\"augment\":\"more.jsonl\"}", "more.jsonl:1: the label \"zz\" is not in the label list", "a pseudo-document of an unlisted label");
	put("more.jsonl", "{\"labels\":[\"z\"]}\n");
	refused("{\"path\":\".\",\"augment\":\"more.jsonl\"}", "more.jsonl:1: wanted an object with \"text\"", "a pseudo-document without a text");
}

static size_t
packed(const char *kind, const char *text, size_t n, char *out, size_t room)
{
	size_t used = 0;

	if (!strcmp(kind, "gz")) {
		z_stream z = { 0 };
		deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
		z.next_in = (unsigned char *)text;
		z.avail_in = (unsigned)n;
		z.next_out = (unsigned char *)out;
		z.avail_out = (unsigned)room;
		deflate(&z, Z_FINISH);
		used = z.total_out;
		deflateEnd(&z);
	} else if (!strcmp(kind, "xz")) {
		lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, NULL, (const uint8_t *)text, n, (uint8_t *)out, &used, room);
	} else {
		used = ZSTD_compress(out, room, text, n, 3);
	}
	return used;
}

static void
archives(void)
{
	static const char *const kinds[] = { "gz", "xz", "zst" };
	size_t room = 4 << 20, n, first;
	char *out = malloc(room), path[64], plain[65];
	tl_text t = { 0 };
	tl_error e;
	tl_dataset *d;

	base();
	for (int i = 0; i < 20000; i++)
		tl_text_add(&t, "{\"id\":\"d%d\",\"text\":\"the text %d of many\",\"labels\":[\"x\"]}\n", i, i * 7919);
	put("train.jsonl", t.s);
	d = open_it("{\"path\":\".\"}", &e);
	snprintf(plain, sizeof plain, "%s", d ? d->split[0].sha256 : "");
	tl_dataset_free(d);
	unlink("train.jsonl");
	for (int i = 0; i < TL_COUNT(kinds); i++) {
		snprintf(path, sizeof path, "train.jsonl.%s", kinds[i]);
		n = first = packed(kinds[i], t.s, t.n / 2, out, room); /* two archives, one behind the other */
		n += packed(kinds[i], t.s + t.n / 2, t.n - t.n / 2, out + n, room - n);
		tl_write_file(path, out, n, &e);
		d = open_it("{\"path\":\".\"}", &e);
		ok(d && !strcmp(d->split[0].sha256, plain), ".%s holds the same documents as the plain file %s", kinds[i], e.text);
		tl_dataset_free(d);
		tl_write_file(path, out, n - 5, &e);
		refused("{\"path\":\".\"}", "ends in the middle", "an archive that was cut off");
		tl_write_file(path, out, n / 3, &e);
		refused("{\"path\":\".\"}", "ends in the middle", "an archive of which a third is there");
		memset(out + first, 'x', 40);
		tl_write_file(path, out, n, &e);
		d = open_it("{\"path\":\".\"}", &e);
		ok(!d && strstr(e.text, path) && strstr(e.text, "damaged"), "a damaged archive gets a sentence: %s", e.text);
		tl_write_file(path, "", 0, &e);
		d = open_it("{\"path\":\".\"}", &e);
		ok(!d && strstr(e.text, path), "an empty .%s gets a sentence: %s", kinds[i], e.text);
		tl_write_file(path, "{\"text\":\"plain\"}\n{\"text\":\"plain\"}\n", 35, &e);
		d = open_it("{\"path\":\".\"}", &e);
		ok(!d && strstr(e.text, path), "a plain text called .%s gets a sentence: %s", kinds[i], e.text);
		unlink(path);
	}
	free(out);
	tl_text_free(&t);
}

/* The cached copy is used while every file is as it was, and never otherwise. */
static void
kept(void)
{
	tl_error e;
	tl_dataset *a, *b;
	struct stat st;
	struct timespec times[2];
	char *cache = tl_cache_dir(), *path = NULL, *bytes;
	size_t n;
	FILE *f;

	base();
	a = open_it("{\"path\":\".\",\"limit\":3}", &e);
	b = open_it("{\"path\":\".\",\"limit\":3,\"keep\":7}", &e);
	if (!ok(a && b && cache && !a->map && b->map, "the second time, the cached copy is used %s", e.text))
		return;
	ok(!strcmp(a->split[0].sha256, b->split[0].sha256) && !strcmp(a->sha256, b->sha256) && b->keep == 7 && b->n_labels == a->n_labels && tl_streq(b->label_description[2], "the letter y") &&
	       tl_streq(b->split[0].text[0], a->split[0].text[0]) && b->split[0].labels[1] == 2 && tl_streq(b->split[2].id[0], "a") && json_equal(a->warnings, b->warnings) &&
	       b->statistics.count[0] == a->statistics.count[0] && !b->split[1].present && b->split[1].n == 0,
	   "and is the same dataset");
	tl_dataset_free(b);
	stat("train.jsonl", &st);
	tl_read_file("train.jsonl", &bytes, &n, &e);
	memcpy(strstr(bytes, "two"), "TWO", 3);
	f = fopen("train.jsonl", "r+"); /* the same file, size and times, other bytes */
	fwrite(bytes, 1, n, f);
	fclose(f);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	utimensat(AT_FDCWD, "train.jsonl", times, 0);
	b = open_it("{\"path\":\".\",\"limit\":3}", &e);
	ok(b && !b->map && tl_streq(b->split[0].text[1], "TWO"), "a changed file is read again, though its size and times are the same");
	tl_dataset_free(b);
	put("valid.jsonl", test);
	b = open_it("{\"path\":\".\",\"limit\":3}", &e);
	ok(b && !b->map && b->split[1].n == 1, "a file that is new counts");
	tl_dataset_free(b);
	unlink("valid.jsonl");
	unlink("labels.txt");
	b = open_it("{\"path\":\".\",\"limit\":3}", &e);
	ok(b && !b->map && tl_streq(b->label_key[0], "y"), "so does one that is gone");
	tl_dataset_free(b);
	path = tl_format("for f in %s/dataset-*; do printf x | dd of=$f bs=1 seek=700 conv=notrunc 2>/dev/null; done", cache);
	ok(system(path) == 0, "bytes of the cached copies are damaged");
	b = open_it("{\"path\":\".\",\"limit\":3}", &e);
	ok(b && !b->map && b->split[0].n == 3, "a damaged copy is not used");
	tl_dataset_free(b);
	free(path);
	path = tl_format("for f in %s/dataset-*; do dd if=/dev/null of=$f bs=1 seek=300 2>/dev/null; done", cache);
	ok(system(path) == 0, "and cut off");
	b = open_it("{\"path\":\".\",\"limit\":3}", &e);
	ok(b && !b->map && b->split[0].n == 3, "nor is one that is cut off");
	tl_dataset_free(b);
	setenv("TAGLOOM_CACHE", "/dev/null/none", 1);
	b = open_it("{\"path\":\".\",\"limit\":3}", &e);
	ok(b && !b->map, "no cache folder: the dataset is read");
	setenv("TAGLOOM_CACHE", cache, 1);
	tl_dataset_free(a);
	tl_dataset_free(b);
	free(bytes);
	free(path);
	free(cache);
}

int
main(void)
{
	char *so = tl_format("%s/build/plugins/readers/jsonl.so", getenv("BUILD") ? getenv("BUILD") : ".");
	void *lib = dlopen(so, RTLD_NOW | RTLD_LOCAL);
	const tl_plugin *p = lib ? dlsym(lib, "tagloom_plugin") : NULL;

	free(so);
	if (!ok(p && p->kind == TL_KIND_READER && tl_streq(p->name, "jsonl"), "the jsonl reader loads"))
		return done();
	jsonl = p->reader;
	loaded();
	bad_documents();
	bad_options();
	shares();
	pseudo();
	archives();
	kept();
	return done();
}
