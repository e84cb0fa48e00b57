/* The readers aapd, xmc, svmlight, csv and tsv: what they read, and what they refuse with which words. */
#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/data.h"
#include "tap.h"

static int folders;
static char folder[64];

/* A new empty folder of the dataset. */
static void
fresh(void)
{
	snprintf(folder, sizeof folder, "set%d", ++folders);
	mkdir(folder, 0777);
}

static void
put(const char *name, const char *text)
{
	char *path = tl_path_join(folder, name);
	tl_error e = { 0 };

	if (tl_write_file(path, text, strlen(text), &e) < 0)
		printf("# %s\n", e.text);
	free(path);
}

static const tl_reader *
reader(const char *name)
{
	char *so = tl_format("%s/build/plugins/readers/%s.so", getenv("BUILD") ? getenv("BUILD") : ".", name);
	void *lib = dlopen(so, RTLD_NOW | RTLD_LOCAL);
	const tl_plugin *p = lib ? dlsym(lib, "tagloom_plugin") : NULL;

	free(so);
	return p && tl_streq(p->name, name) ? p->reader : NULL;
}

static tl_dataset *
open_with(const char *name, tl_error *e)
{
	json_t *c = json_pack("{s:s}", "path", folder);
	const tl_reader *r = reader(name);
	tl_dataset *d = NULL;

	*e = (tl_error){ 0 };
	if (r)
		d = tl_dataset_open(c, NULL, r, e);
	else
		tl_error_set(e, TL_ENVIRONMENT, "the reader %s does not load: %s", name, dlerror());
	json_decref(c);
	return d;
}

static void
refused(const char *name, const char *words)
{
	tl_error e;
	tl_dataset *d = open_with(name, &e);
	char what[200];

	snprintf(what, sizeof what, "%s: %s", name, words);
	if (!d)
		says(e.text, words, what);
	else
		ok(false, "%s (was accepted)", what);
	tl_dataset_free(d);
}

/* Document i of a split as "id|text|label,label". */
static const char *
shown(const tl_dataset *d, int split, int64_t i)
{
	static char line[4000];
	const tl_split *s = &d->split[split];
	int n;

	if (i >= s->n)
		return "(none)";
	n = snprintf(line, sizeof line, "%s|%s|", s->id[i], s->text[i]);
	for (int64_t k = s->label_offsets[i]; k < s->label_offsets[i + 1]; k++)
		n += snprintf(line + n, sizeof line - (size_t)n, "%s%s", k > s->label_offsets[i] ? "," : "", d->label_key[s->labels[k]]);
	return line;
}

static void
is(const char *got, const char *wanted, const char *what)
{
	if (!ok(!strcmp(got, wanted), "%s", what))
		printf("# got    %s\n# wanted %s\n", got, wanted);
}

static void
aapd(void)
{
	tl_error e;
	tl_dataset *d;

	fresh();
	put("text_train", "first text\nsecond\n");
	put("label_train", "cs.B cs.A\n\n");
	put("text_val", "v\n");
	put("label_val", "cs.A");
	put("text_test", "t");
	put("label_test", "cs.B\tcs.C\n");
	if (!ok((d = open_with("aapd", &e)) != NULL, "aapd loads %s", e.text))
		return;
	ok(d->n_labels == 3 && tl_streq(d->label_key[0], "cs.B") && tl_streq(d->label_key[2], "cs.C"), "labels are numbered as seen");
	is(shown(d, 0, 0), "1|first text|cs.B,cs.A", "a document of aapd");
	is(shown(d, 0, 1), "2|second|", "one without labels");
	is(shown(d, 1, 0), "1|v|cs.A", "val is valid");
	is(shown(d, 2, 0), "1|t|cs.B,cs.C", "test");
	tl_dataset_free(d);
	put("label_train", "cs.B cs.A\n");
	refused("aapd", "label_train ends after line 1, and ");
	put("label_train", "cs.B cs.A\n\ncs.A\n");
	refused("aapd", "text_train ends after line 2, and ");
	unlink("set1/label_train");
	refused("aapd", "text_train is there and ");
}

static void
xmc(void)
{
	tl_error e;
	tl_dataset *d;

	fresh();
	put("trn.json", "{\"uid\":\"a\",\"title\":\"T\",\"content\":\"C\",\"target_ind\":[2,0],\"target_rel\":[1.0,1.0]}\n{\"uid\":\"b\",\"title\":\"only\",\"content\":\"\",\"target_ind\":[]}\n");
	put("tst.json", "{\"uid\":\"c\",\"title\":\"\",\"content\":\"x\",\"target_ind\":[1]}\n");
	put("lbl.json", "{\"uid\":\"l0\",\"title\":\"zero\"}\n{\"uid\":\"l1\",\"title\":\"one\"}\n{\"uid\":\"l2\",\"title\":\"two\"}\n");
	if (!ok((d = open_with("xmc", &e)) != NULL, "xmc with trn.json loads %s", e.text))
		return;
	is(shown(d, 0, 0), "a|T\nC|l0,l2", "title and content, labels by number");
	is(shown(d, 0, 1), "b|only|", "a title alone");
	is(shown(d, 2, 0), "c|x|l1", "a content alone");
	is(d->label_name[1], "one", "titles are the labels' names");
	tl_dataset_free(d);
	put("tst.json", "{\"uid\":\"c\",\"target_ind\":[3]}\n");
	refused("xmc", "tst.json:1: the label number 3; the label list has 3, from 0");
	put("tst.json", "{\"uid\":\"c\",\"target_ind\":[\"x\"]}\n");
	refused("xmc", "element 1 of \"target_ind\" is no whole number");
	put("tst.json", "{\"uid\":\n");
	refused("xmc", "tst.json:1: not valid JSON");

	fresh();
	put("X.trn.txt", "one\ntwo\n");
	put("Y.trn.txt", "2 3\n0:1.0 2:1.0\n1:0.0 2:1\n");
	put("X.tst.txt", "three\n");
	put("Y.tst.txt", "1\n");
	put("Y.txt", "name zero\nname one\nname two\n");
	if (!ok((d = open_with("xmc", &e)) != NULL, "xmc with X and Y files loads %s", e.text))
		return;
	is(shown(d, 0, 0), "1|one|0,2", "numbers are keys, the header is none");
	is(shown(d, 0, 1), "2|two|2", "a relevance of 0 is no label");
	is(shown(d, 2, 0), "1|three|1", "without a header and without values");
	is(d->label_name[2], "name two", "names by line");
	tl_dataset_free(d);
	put("Y.tst.txt", "x:1\n");
	refused("xmc", "\"x:1\" is no label");
	put("Y.tst.txt", "5 3\n1\n");
	refused("xmc", "Y.tst.txt: the header says 5 documents, and set");
	put("Y.tst.txt", "1 2\n2\n");
	refused("xmc", "Y.tst.txt:2: the label number 2; the header says there are 2, from 0");
	put("Y.tst.txt", "foo bar\n2\n");
	refused("xmc", "\"foo\" is no label");

	fresh();
	put("train_texts.txt", "one\ntwo\n");
	put("train_labels.txt", "A B\nB\n");
	put("test_texts.txt", "three\n");
	put("test_labels.txt", "A\n");
	if (!ok((d = open_with("xmc", &e)) != NULL, "xmc with train_texts.txt loads %s", e.text))
		return;
	is(shown(d, 0, 0), "1|one|A,B", "keys as they are");
	tl_dataset_free(d);
	put("test_labels.txt", "");
	refused("xmc", "test_labels.txt ends after line 0");
	fresh();
	put("train.raw.txt", "one\n");
	put("train.labels.txt", "A\n");
	put("test.raw.txt", "one\n");
	put("test.labels.txt", "A\n");
	ok((d = open_with("xmc", &e)) != NULL, "xmc with train.raw.txt loads %s", e.text);
	tl_dataset_free(d);
	fresh();
	refused("xmc", "there is no train split");
}

static void
svmlight(void)
{
	tl_error e;
	tl_dataset *d;

	fresh();
	put("train.svm", "a,b 1:0.5 7:1e-3 # remark\n# only a remark\n 2:1\n3:4 1:2\nb\n");
	put("test.svm", "c 9:1\n");
	if (!ok((d = open_with("svmlight", &e)) != NULL, "svmlight loads %s", e.text))
		return;
	is(shown(d, 0, 0), "1||a,b", "labels");
	is(shown(d, 0, 1), "3||", "a line that begins with a blank has none");
	is(shown(d, 0, 2), "4||", "nor has one that begins with a feature");
	is(shown(d, 0, 3), "5||b", "a line without features");
	ok(d->split[0].features.n == 4 && d->split[0].features.width == 10 && d->split[2].features.width == 10, "one width for all splits");
	ok(d->split[0].features.offsets[1] == 2 && d->split[0].features.index[1] == 7 && d->split[0].features.value[1] == 1e-3f && d->split[0].features.offsets[4] == 5, "features");
	ok(d->split[0].features.index[3] == 1 && d->split[0].features.index[4] == 3, "are put in ascending order");
	tl_dataset_free(d);
	put("test.svm", "c 9:x\n");
	refused("svmlight", "test.svm:1: feature 9 has no finite number");
	put("test.svm", "c 9:nan\n");
	refused("svmlight", "no finite number");
	put("test.svm", "c -9:1\n");
	refused("svmlight", "\"-9:1\" is no feature");
	put("test.svm", "c 99999999999:1\n");
	refused("svmlight", "is no feature");
	put("test.svm", "c d 9:1\n");
	refused("svmlight", "\"d\" is no feature");
	put("test.svm", "c 9:1 9:2\n");
	refused("svmlight", "the feature 9 is given twice");
	fresh();
	put("train.txt", "2 10 5\n0,4 1:0.5\n 9:1\n");
	put("test.txt", "1 10 5\n3 9:1\n");
	ok((d = open_with("svmlight", &e)) != NULL && d->split[0].n == 2 && d->split[0].features.width == 10, "the header of the extreme classification repository %s", e.text);
	tl_dataset_free(d);
	put("test.txt", "2 10 5\n3 9:1\n");
	refused("svmlight", "the header says 2 documents, and the file has 1");
	put("test.txt", "1 10 5\n3 10:1\n");
	refused("svmlight", "feature 10; the header says there are 10, from 0");
}

static void
tables(void)
{
	tl_error e;
	tl_dataset *d;

	fresh();
	put("train.csv", "Labels,other,TEXT,id\nx; y|z,,\"a \"\"quoted\"\" text,\nof two lines\",d1\n\n,\"\",plain \"text\",d2\r\n");
	put("test.csv", "id,text,labels\n1,t,\"x\"\n");
	if (!ok((d = open_with("csv", &e)) != NULL, "csv loads %s", e.text))
		return;
	is(shown(d, 0, 0), "d1|a \"quoted\" text,\nof two lines|x,y,z", "quotes, separators and line ends inside a field");
	is(shown(d, 0, 1), "d2|plain \"text\"|", "quotes inside a plain field are text");
	is(shown(d, 2, 0), "1|t|x", "columns in another order");
	tl_dataset_free(d);
	put("test.csv", "text,labels\none,x\n\"two\n\nlines\",y\nthree,z\n");
	ok((d = open_with("csv", &e)) != NULL && tl_streq(d->split[2].id[2], "6") && tl_streq(d->split[2].text[1], "two\n\nlines"), "without an id the record's first line is it %s", e.text);
	tl_dataset_free(d);
	put("test.csv", "text,labels\na,b,c\n");
	refused("csv", "test.csv:2: 3 fields; the header line has 2");
	put("test.csv", "text,label\na,b\n");
	refused("csv", "no column \"labels\"");
	put("test.csv", "text,labels,Text\na,b,c\n");
	refused("csv", "test.csv:1: the header line has two columns \"text\", 1 and 3; wanted one");
	put("test.csv", "text,labels\nx,y\n\"a,b\n\n");
	refused("csv", "test.csv:3: the quoted field that begins here is never closed");
	put("test.csv", "text,labels\n\"a\"b,c\n");
	refused("csv", "field 1 goes on behind its closing quote");
	put("test.csv", "");
	refused("csv", "the test split has no documents");
	put("test.csv", "text,labels\n");
	refused("csv", "the test split has no documents");

	fresh();
	put("train.tsv", "text\tlabels\na, b\tx;y\n\"tab\there\"\t\n");
	put("test.tsv", "text\tlabels\nc\tx\n");
	if (!ok((d = open_with("tsv", &e)) != NULL, "tsv loads %s", e.text))
		return;
	is(shown(d, 0, 0), "2|a, b|x,y", "tabs separate, commas are text");
	is(shown(d, 0, 1), "3|tab\there|", "a quoted tab is text");
	tl_dataset_free(d);
}

int
main(void)
{
	aapd();
	xmc();
	svmlight();
	tables();
	return done();
}
