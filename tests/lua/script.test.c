/* script.test.c - scripts become data: constructors, arms, builders, overrides, and every mistake told with its line and the nearest name. */
#include "lua/script.h"
#include "tap.h"

#include <sys/stat.h>
#include <unistd.h>

static tl_registry *registry;

static tl_script *
load(const char *text, const char *const *define, bool trust, tl_error *e)
{
	int n = 0;

	while (define && define[n])
		n++;
	if (tl_write_file("x.lua", text, strlen(text), e))
		return NULL;
	return tl_script_load("x.lua", &(tl_script_options){ .define = define, .n_define = n, .trust = trust, .registry = registry }, e);
}

#define HEAD "local tl = require 'tagloom'\nlocal D = tl.dataset { path = 'd' }\n"
#define MODEL "model = { tl.encoder.bow { dim = 8 }, tl.label.classifier { } }"
#define ONE(more) HEAD "return tl.experiment { name = 'x', data = D, " MODEL ", " more " }"

static void
refused(const char *what, const char *text, const char *define, const char *words)
{
	const char *const list[] = { define, NULL };
	tl_error e = { 0 };
	tl_script *s = load(text, list, false, &e);

	ok(!s && e.status == TL_USAGE, "%s: refused as a usage error", what);
	says(e.text, words, what);
	tl_script_free(s);
}

/* Arms in short: NAME[dataset max_length]{module{params} ...}{train}; the baseline with a star. */
static char *
digest(tl_script *s)
{
	tl_text t = { 0 };
	json_t *x, *a, *m;
	size_t i, k, l;

	json_array_foreach((json_t *)tl_script_experiments(s), i, x) {
		json_array_foreach(json_object_get(x, "arms"), k, a) {
			json_t *config = json_object_get(a, "config"), *data = json_object_get(config, "data");
			char *text;
			tl_text_add(&t, "%s%s%s[%s %lld]{", t.n ? "\n" : "", tl_json_string(a, "name", "?"), tl_json_bool(a, "is_baseline", false) ? "*" : "", tl_json_string(data, "name", "?"),
			            (long long)tl_json_int(data, "max_length", 0));
			json_array_foreach(json_object_get(config, "model"), l, m) {
				text = json_dumps(json_object_get(m, "params"), JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(6));
				tl_text_add(&t, "%s%s%s", l ? " " : "", tl_json_string(m, "name", "?"), text);
				free(text);
			}
			text = json_dumps(json_object_get(config, "train"), JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(6));
			tl_text_add(&t, "}%s", text);
			free(text);
		}
	}
	return t.s ? t.s : tl_strdup("");
}

static void
gives(const char *what, const char *text, const char *const *define, const char *wanted)
{
	tl_error e = { 0 };
	tl_script *s = load(text, define, false, &e);
	char *got = s ? digest(s) : tl_strdup(e.text);

	if (!ok(!strcmp(got, wanted), "%s", what))
		printf("# got:    %s\n# wanted: %s\n", got, wanted);
	free(got);
	tl_script_free(s);
}

static void
arms(void)
{
#define FULL "{bow{\"dim\":8} classifier{}}{}"
	gives("without arms there is one, full", ONE(""), NULL, "full*[d 512]" FULL);
	gives("a list keeps its order", ONE("arms = { {'b', {}}, {'a', { bow = { dim = 4 } }} }"), NULL, "b*[d 512]" FULL "\na[d 512]{bow{\"dim\":4} classifier{}}{}");
	gives("a table: the baseline first, then by name", ONE("baseline = 'm', arms = { z = {}, m = { classifier = { dropout = 0.5 } }, b = {} }"), NULL,
	      "m*[d 512]{bow{\"dim\":8} classifier{\"dropout\":0.5}}{}\nb[d 512]" FULL "\nz[d 512]" FULL);
	gives("ablate: full, then one change each", ONE("arms = tl.ablate { ['w/o c'] = { classifier = false }, b = { train = { lr = 1 } } }"), NULL,
	      "full*[d 512]" FULL "\nb[d 512]{bow{\"dim\":8} classifier{}}{\"lr\":1}\nw/o c[d 512]{bow{\"dim\":8}}{}");
	gives("leave_one_out", ONE("arms = tl.leave_one_out { 'classifier', { 'bow', 'classifier' } }"), NULL,
	      "full*[d 512]" FULL "\nw/o classifier[d 512]{bow{\"dim\":8}}{}\nw/o bow, classifier[d 512]{}{}");
	gives("grid: every combination, the last key fastest", ONE("arms = tl.grid { ['bow.dim'] = { 4, 6 }, ['train.lr'] = { 0.1, 1e-5 } }"), NULL,
	      "bow.dim=4, train.lr=0.1*[d 512]{bow{\"dim\":4} classifier{}}{\"lr\":0.1}\nbow.dim=4, train.lr=1e-05[d 512]{bow{\"dim\":4} classifier{}}{\"lr\":1e-5}\n"
	      "bow.dim=6, train.lr=0.1[d 512]{bow{\"dim\":6} classifier{}}{\"lr\":0.1}\nbow.dim=6, train.lr=1e-05[d 512]{bow{\"dim\":6} classifier{}}{\"lr\":1e-5}");
	gives("grid over modules and changes: names tell them apart", ONE("arms = tl.grid { bow = { tl.encoder.cnn { dim = 3, widths = { 2, 3 } }, { dim = 5 } } }"), NULL,
	      "bow=cnn{dim=3,widths={2,3}}*[d 512]{cnn{\"dim\":3,\"widths\":[2,3]} classifier{}}{}\nbow={dim=5}[d 512]{bow{\"dim\":5} classifier{}}{}");
	gives("zip: first with first", ONE("arms = tl.zip { ['bow.dim'] = { 4, 6 }, ['data.max_length'] = { 10, 20 } }"), NULL,
	      "bow.dim=4, data.max_length=10*[d 10]{bow{\"dim\":4} classifier{}}{}\nbow.dim=6, data.max_length=20[d 20]{bow{\"dim\":6} classifier{}}{}");
	gives("concat: the same arm once", ONE("arms = tl.concat(tl.ablate { a = { classifier = { dropout = 0.5 } } }, tl.ablate { b = { bow = { dim = 2 } } })"), NULL,
	      "full*[d 512]" FULL "\na[d 512]{bow{\"dim\":8} classifier{\"dropout\":0.5}}{}\nb[d 512]{bow{\"dim\":2} classifier{}}{}");
	gives("a baseline full that no arm is, is added", ONE("baseline = 'full', arms = { {'a', { bow = { dim = 2 } }} }"), NULL, "full*[d 512]" FULL "\na[d 512]{bow{\"dim\":2} classifier{}}{}");
	gives("every arm on each dataset", HEAD "return tl.experiment { name = 'x', data = { D, tl.dataset { path = 'e/', max_length = 9 } }, " MODEL " }", NULL,
	      "full*[d 512]" FULL "\nfull*[e 9]" FULL);
	gives("model, train and data in a change", ONE("train = { lr = 0.5, epochs = 2 }, arms = { {'a', { model = { tl.encoder.bow { dim = 3, name = 'b' } }, b = { dim = 7 }, train = { lr = 1 }, data = { max_length = 3 } }} }"),
	      NULL, "a*[d 3]{b{\"dim\":7}}{\"epochs\":2,\"lr\":1}");
	gives("a module in place of another", ONE("arms = { {'a', { bow = tl.encoder.cnn { dim = 5 } }} }"), NULL, "a*[d 512]{cnn{\"dim\":5} classifier{}}{}");
	gives("lists are plain tables", HEAD "local m = tl.recipe.baseline { encoder = tl.encoder.bow { dim = 2 } }\ntable.insert(m, 2, tl.label.label_embedding { })\n"
	      "return tl.experiment { name = 'x', data = D, model = m }", NULL, "full*[d 512]{bow{\"dim\":2} label_embedding{} classifier{}}{}");
}

static void
samples(void)
{
	gives("a range of whole numbers has whole bounds", ONE("arms = tl.sample { n = 2, ['bow.dim'] = { min = 2.5, max = 4.5, integer = true } }"), NULL,
	      "bow.dim=4*[d 512]{bow{\"dim\":4} classifier{}}{}\nbow.dim=3[d 512]{bow{\"dim\":3} classifier{}}{}");
	gives("rounding does not leave the range", ONE("arms = tl.sample { n = 1, ['train.lr'] = { min = 1.0004, max = 1.0006 } }"), NULL, "train.lr=1.0004*[d 512]" "{bow{\"dim\":8} classifier{}}{\"lr\":1.0004}");
	tl_error e = { 0 };
	tl_script *a = load(ONE("arms = tl.sample { n = 5, ['train.lr'] = { min = 1e-5, max = 1e-2, log = true }, ['bow.dim'] = { min = 2, max = 9, integer = true } }"), NULL, false, &e);
	tl_script *b = load(ONE("arms = tl.sample { n = 5, ['train.lr'] = { min = 1e-5, max = 1e-2, log = true }, ['bow.dim'] = { min = 2, max = 9, integer = true } }"), NULL, false, &e);
	tl_script *c = load(ONE("arms = tl.sample { n = 5, seed = 2, ['train.lr'] = { min = 1e-5, max = 1e-2, log = true }, ['bow.dim'] = { min = 2, max = 9, integer = true } }"), NULL, false, &e);
	char *da = a ? digest(a) : tl_strdup(""), *db = b ? digest(b) : tl_strdup(""), *dc = c ? digest(c) : tl_strdup("");
	const json_t *list = a ? json_object_get(json_array_get(tl_script_experiments(a), 0), "arms") : NULL;
	bool inside = json_array_size(list) == 5;
	json_t *arm;
	size_t i;

	json_array_foreach(list, i, arm) {
		const json_t *config = json_object_get(arm, "config");
		double lr = tl_json_number(json_object_get(config, "train"), "lr", 0);
		const json_t *dim = json_object_get(json_object_get(json_array_get(json_object_get(config, "model"), 0), "params"), "dim");
		inside = inside && lr >= 1e-5 && lr <= 1e-2 && json_is_integer(dim) && json_integer_value(dim) >= 2 && json_integer_value(dim) <= 9;
	}
	ok(inside, "sample: five draws inside their ranges, whole numbers whole");
	ok(!strcmp(da, db), "the same draws every time");
	ok(strcmp(da, dc) != 0, "another seed, other draws");
	free(da);
	free(db);
	free(dc);
	tl_script_free(a);
	tl_script_free(b);
	tl_script_free(c);
}

static void
overrides(void)
{
	const char *const some[] = { "bow.dim=5", "train.epochs=2", "train.lr=1e-3", "data.max_length=7", NULL }, *const seeds[] = { "seeds=4,9", "metrics=p@1,ndcg@3", NULL };
	const char *const arguments[] = { "n=3", "rate=2", "on=true", "text=12", "what=2.5", NULL };
	tl_error e = { 0 };
	tl_script *s;
	const json_t *x;

	gives("-D", ONE(""), some, "full*[d 7]{bow{\"dim\":5} classifier{}}{\"epochs\":2,\"lr\":0.001}");
	gives("-D has the last word, also over an arm", ONE("arms = { {'a', { bow = { dim = 2 } }} }"), (const char *const[]){ "bow.dim=5", NULL }, "a*[d 512]{bow{\"dim\":5} classifier{}}{}");
	gives("-D of a list", HEAD "return tl.experiment { name = 'x', data = D, model = { tl.encoder.cnn { } } }", (const char *const[]){ "cnn.widths=2,3", NULL }, "full*[d 512]{cnn{\"widths\":[2,3]}}{}");
	gives("-D of a text that looks like a number", ONE(""), (const char *const[]){ "data.name=17", NULL }, "full*[17 512]" FULL);
	s = load(ONE("metrics = { 'p@3' }"), seeds, false, &e);
	x = s ? json_array_get(tl_script_experiments(s), 0) : NULL;
	ok(json_array_size(json_object_get(x, "seeds")) == 2 && json_integer_value(json_array_get(json_object_get(x, "seeds"), 1)) == 9, "-D seeds=4,9");
	ok(json_array_size(json_object_get(x, "metrics")) == 2, "-D metrics=p@1,ndcg@3");
	tl_script_free(s);
	e = (tl_error){ 0 };
	s = load("local tl = require 'tagloom'\n"
	         "assert(tl.arg('n', 1) == 3 and math.type(tl.arg('n', 1)) == 'integer')\nassert(tl.arg('rate', 0.5) == 2)\nassert(tl.arg('on', false) == true)\n"
	         "assert(tl.arg('text', '') == '12')\nassert(tl.arg('what') == 2.5)\nassert(tl.arg('nothing') == nil and tl.arg('nothing', 'x') == 'x')\n"
	         "return tl.experiment { name = 'x', data = tl.dataset { path = 'd' }, " MODEL " }", arguments, false, &e);
	ok(s != NULL, "tl.arg: by the default's type%s%s", s ? "" : ": ", e.text);
	tl_script_free(s);
	refused("tl.arg: a number", HEAD "tl.arg('n', 1)\n", "n=x", "x.lua:3: -D n=x: wanted a number");
	refused("-D that nothing uses", ONE(""), "bwo.dim=3", "did you mean bow.dim");
	refused("-D of an unknown parameter", ONE(""), "bow.dmi=3", "did you mean dim");
	refused("-D of an unknown key of train", ONE(""), "train.epoch=3", "-D train.epoch=3: train.epoch: there is no such key; did you mean epochs");
	refused("-D of an unknown key of data", ONE(""), "data.limt=3", "did you mean limit");
	refused("-D without =", ONE(""), "abc", "wanted key=value");
	refused("-D of an argument nobody asks for", HEAD "tl.arg('table', 1)\n" MODEL "\nreturn tl.experiment { name = 'x', data = D, model = model }", "tabel=3", "did you mean table");
}

static void
mistakes(void)
{
	refused("unknown key of the experiment", ONE("modle = { }"), NULL, "x.lua:3: tl.experiment: no such key: modle; did you mean model");
	refused("unknown key of train", ONE("train = { epoch = 1 }"), NULL, "x.lua:3: train.epoch: there is no such key; did you mean epochs");
	refused("unknown key of the dataset", "local tl = require 'tagloom'\n\nlocal d = tl.dataset { path = 'd', max_lenght = 3 }", NULL, "x.lua:3: tl.dataset: no such key: max_lenght; did you mean max_length");
	refused("unknown plugin", HEAD "local m = tl.label.clasifier { }", NULL, "x.lua:3: label/clasifier: no such plugin; did you mean classifier");
	refused("unknown parameter", HEAD "\n\nlocal m = tl.label.classifier {\n\tdroput = 0.1 }", NULL, "x.lua:5: classifier: droput: no such parameter; did you mean dropout");
	refused("wrong type", HEAD "local m = tl.encoder.bow { dim = 'many' }", NULL, "x.lua:3: bow: dim: wanted a whole number");
	refused("out of range", HEAD "local m = tl.encoder.bow { dim = -1 }", NULL, "out of range");
	refused("a fraction where a whole number belongs", HEAD "local m = tl.encoder.bow { dim = 2.5 }", NULL, "dim");
	refused("unknown metric", ONE("metrics = { 'ndgc@5' }"), NULL, "x.lua:3: ndgc: no such metric; did you mean ndcg");
	refused("unknown reader", HEAD "return tl.experiment { name = 'x', data = tl.dataset { path = 'd', reader = 'jsonll' }, " MODEL " }", NULL, "did you mean jsonl");
	refused("unknown instance", ONE("arms = { a = { clasifier = false } }"), NULL, "x.lua:3: arm a: no module is called clasifier; did you mean classifier");
	refused("unknown parameter in an arm", ONE("arms = { a = { classifier = { droput = 0.1 } } }"), NULL, "arm a: classifier: droput: no such parameter; did you mean dropout");
	refused("unknown baseline", ONE("baseline = 'aa', arms = { {'ab', {}}, {'b', {}} }"), NULL, "baseline = \"aa\": no arm of that name; did you mean ab");
	refused("two arms of one name", ONE("arms = { {'a', {}}, {'a', {}} }"), NULL, "two arms are called a");
	refused("an arm's name of two lines", ONE("arms = { {'a\\nb', {}} }"), NULL, "x.lua:3: arms: wanted an arm's name, a line of text, found \"a\\nb\"");
	refused("a dataset's name of two lines", HEAD "tl.dataset { path = 'd', name = 'a\\nb' }", NULL, "tl.dataset: name = \"a\\nb\": wanted a line of text");
	refused("a parameter that is set afterwards", HEAD "local m = tl.encoder.bow {}\nm.dim = 3", NULL, "x.lua:4: bow: dim cannot be set afterwards; give it to the constructor, or to an arm as { bow = { dim = ... } }");
	refused("a key of a dataset that is set afterwards", HEAD "D.limit = 3", NULL, "x.lua:3: tl.dataset: limit cannot be set afterwards");
	refused("a key of an experiment that is set afterwards", HEAD "local e = tl.experiment { name = 'x', data = D, " MODEL " }\ne.seeds = { 1.5 }", NULL, "x.lua:4: tl.experiment: seeds cannot be set afterwards");
	refused("two modules of one name", HEAD "return tl.experiment { name = 'x', data = D, model = { tl.encoder.bow { }, tl.label.classifier { }, tl.label.classifier { } } }", NULL,
	        "two modules are called classifier; give one of them another name");
	refused("a reserved name", HEAD "local m = tl.label.classifier { name = 'train' }", NULL, "x.lua:3: tl.label.classifier: name = \"train\"");
	refused("the change of a name", ONE("arms = { a = { classifier = { name = 'b' } } }"), NULL, "cannot be changed");
	refused("a hole in a list", HEAD "return tl.experiment { name = 'x', data = D, model = { tl.encoder.bow { }, nil, tl.label.classifier { } } }", NULL, "without holes");
	refused("no data", HEAD "return tl.experiment { name = 'x', " MODEL " }", NULL, "x.lua:3: tl.experiment: data is missing");
	refused("no model", HEAD "return tl.experiment { name = 'x', data = D }", NULL, "neither the experiment nor the arm has a model");
	refused("no experiment", HEAD, NULL, "x.lua: wanted `return tl.experiment { ... }`");
	refused("two experiments of one name", HEAD "local function x() return tl.experiment { name = 'x', data = D, " MODEL " } end\nreturn { x(), x() }", NULL, "two experiments are called x");
	refused("seeds that are no whole numbers", ONE("seeds = { 1.5 }"), NULL, "seeds: element 1: wanted a whole number");
	refused("a number in place of the list of seeds", ONE("seeds = 7"), NULL, "seeds = 7: wanted a list; with this alone it is seeds = { 7 }");
	refused("a name in place of the list of metrics", ONE("metrics = 'p@1'"), NULL, "metrics = \"p@1\": wanted a list; with this alone it is metrics = { \"p@1\" }");
	refused("a seed that does not fit", ONE("seeds = { 1e20 }"), NULL, "seeds: element 1: wanted a whole number from 0 to 9223372036854775807, found 1e+20");
	refused("one seed in two spellings", ONE("seeds = { 5, 5e0 }"), NULL, "seeds: 5 is there twice");
	refused("a length out of range", HEAD "tl.dataset { path = 'd', max_length = 1e18 }", NULL, "x.lua:3: tl.dataset: max_length = 1e+18: wanted a whole number from 1 to 1000000000");
	refused("a size out of range", HEAD "tl.encoder.bow { dim = 1e18 }", NULL, "x.lua:3: bow: dim = 1e+18 is out of range: wanted 1 to 65536");
	refused("epochs out of range", ONE("train = { epochs = 1e9 }"), NULL, "train.epochs = 1000000000: wanted a whole number from 0 to 1000000");
	refused("a threshold that is there twice", ONE("metrics = { 'micro_f1:threshold=0.3:threshold=0.4' }"), NULL, "threshold= is there twice");
	refused("an unknown function", HEAD "tl.ablat { }", NULL, "x.lua:3: tl.ablat: no such function; did you mean ablate");
	refused("an unknown recipe", HEAD "tl.recipe.gundn { }", NULL, "x.lua:3: tl.recipe.gundn: no such recipe; did you mean gudn");
	refused("an unknown option of a recipe", HEAD "tl.recipe.labelcorank { encodr = 1 }", NULL, "x.lua:3: tl.recipe.labelcorank: no such key: encodr; did you mean encoder");
	refused("an unknown parameter in a recipe", HEAD "tl.recipe.labelcorank { corank = { gama = 1 } }", NULL, "x.lua:3: corank: gama: no such parameter; did you mean gamma");
	refused("zip of different lengths", HEAD "tl.zip { ['a.b'] = { 1, 2 }, ['c.d'] = { 1 } }", NULL, "x.lua:3: tl.zip: a.b has 2 values and c.d has 1");
	refused("more samples than combinations", HEAD "tl.sample { n = 5, ['a.b'] = { 1, 2 } }", NULL, "there are only 2 combinations");
	refused("a syntax error", HEAD "return = 3", NULL, "x.lua:3:");
	refused("a runtime error", HEAD "local x = y.z", NULL, "x.lua:3: attempt to index a nil value");
	refused("a value that is not finite", ONE("train = { lr = 1 / 0 }"), NULL, "not finite");
	refused("a function as parameter", HEAD "tl.label.classifier { hidden = function() end }", NULL, "hidden");
	refused("a table in itself", HEAD "local t = { }\nt.t = t\ntl.experiment { name = 'x', data = D, train = t }", NULL, "x.lua:5");
}

static void
recipes(void)
{
	gives("laco with both tasks", HEAD "return tl.experiment { name = 'x', data = D, model = tl.recipe.laco { encoder = tl.encoder.bow { dim = 2 }, plcp = true, clcp = { given = 2 }, alpha = 0.4, joint = false } }", NULL,
	      "full*[d 512]{bow{\"dim\":2} label_embedding{} cross_attention{\"conv\":\"words\",\"normalize\":false,\"window\":10} classifier{\"reduction\":\"sum_labels\"} plcp{\"ratio\":0.5,\"weight\":0.4} "
	      "clcp{\"given\":2,\"weight\":0.6}}{}");
	gives("laco without cross attention reads cls", HEAD "return tl.experiment { name = 'x', data = D, model = tl.recipe.laco { encoder = tl.encoder.bow { dim = 2 }, cross_attention = false } }", NULL,
	      "full*[d 512]{joint{\"label_token\":\"new\",\"max_length\":320} bow{\"dim\":2} classifier{\"from\":\"cls\",\"reduction\":\"sum_labels\"}}{}");
	gives("labelcorank as released", HEAD "return tl.experiment { name = 'x', data = D, model = tl.recipe.labelcorank { encoder = tl.encoder.bow { dim = 2 }, variant = 'released', corank = { gamma = 5 } } }", NULL,
	      "full*[d 512]{bow{\"dim\":2} initial{\"from\":\"pooled\",\"into\":\"logits.initial\",\"weight\":0.2} corank{\"alpha\":0.3,\"gamma\":5,\"select\":\"topk\"} classifier{\"weight\":0.8}}{}");
	gives("gudn", HEAD "return tl.experiment { name = 'x', data = D, model = tl.recipe.gudn { encoder = tl.encoder.bow { dim = 2 }, guide = { link = false } } }", NULL,
	      "full*[d 512]{bow{\"dim\":2} guide{\"dropout\":0.5,\"label_length\":512,\"layers_label\":10,\"layers_text\":8,\"link\":false,\"variant\":\"paper\"}}{}");
	gives("uclaf without the contrast", HEAD "return tl.experiment { name = 'x', data = D, model = tl.recipe.uclaf { encoder = tl.encoder.bow { dim = 2 }, cacl = false } }", NULL,
	      "full*[d 512]{bow{\"dim\":2} label_embedding{} lan{\"dropout\":0.5,\"scope\":\"token\"}}{}");
	gives("sep", HEAD "return tl.experiment { name = 'x', data = D, model = tl.recipe.sep { encoder = tl.encoder.bow { dim = 2 }, lgfs = false, label_text = { source = 'name' } } }", NULL,
	      "full*[d 512]{bow{\"dim\":2} label_text{\"source\":\"name\"} sep_doc{\"tau\":0.1,\"weight\":0.01} sep_label{\"tau\":0.1,\"weight\":0.01} classifier{\"dropout\":0.5,\"hidden\":768}}{}");
}

static void
callbacks(void)
{
	tl_error e = { 0 };
	tl_script *s = load(HEAD "return tl.experiment { name = 'x', data = D, " MODEL ", on_epoch = function(run, m)\n\tif run.epoch == 3 then return 'stop' end\n\tif run.epoch == 4 then return 'go' end\n"
	                    "\tif run.epoch == 5 then error('no') end\n\tif m['p@1'] > 0.5 then return 'stop' end\n\trun.epoch = 9\nend }", NULL, false, &e);
	json_t *metrics = json_pack("{s:f}", "p@1", 0.25);
	int answer[6];

	for (int i = 1; i <= 5 && s; i++) {
		json_t *run = json_pack("{s:i}", "epoch", i);
		e = (tl_error){ 0 };
		answer[i] = tl_script_on_epoch(s, "x", run, metrics, &e);
		if (i == 4)
			says(e.text, "on_epoch returned go", "another answer is an error");
		if (i == 2)
			ok(json_integer_value(json_object_get(run, "epoch")) == 2, "a callback changes a copy");
		json_decref(run);
	}
	ok(s && answer[1] == 0 && answer[3] == 1 && answer[4] == -1 && answer[5] == -1, "on_epoch: goes on, stops, fails");
	says(e.text, "x.lua:6: no", "with the script's line");
	ok(s && tl_script_on_epoch(s, "y", metrics, metrics, &e) == 0, "an experiment without a callback goes on");
	json_decref(metrics);
	tl_script_free(s);
}

int
main(void)
{
	char *plugins = tl_format("%s/build/plugins", getenv("BUILD"));

	setenv("TAGLOOM_PLUGIN_PATH", plugins, 1);
	registry = tl_registry_new();
	mkdir("d", 0777);
	arms();
	samples();
	overrides();
	mistakes();
	recipes();
	callbacks();
	tl_registry_free(registry);
	free(plugins);
	return done();
}
