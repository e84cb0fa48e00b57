/* Expressions, conditions, parameters: what declarations say is what comes out, and what is wrong gets a sentence. */
#include "plugin/inside.h"
#include "tap.h"

struct self { int64_t size, wide; double rate; bool link, rate_given; int variant; const char *from, *table; tl_int_list widths; };
static const tl_param params[] = {
	TL_P_INT(struct self, size, "4", 0, 64, "a size"),
	TL_P_INT(struct self, wide, "2*d", 0, 0, "a width"),
	{ .name = "rate", .type = TL_REAL, .at = offsetof(struct self, rate), .value = "0.5", .min = 0, .max = 1, .doc = "a rate", .given_at = offsetof(struct self, rate_given) },
	TL_P_FLAG(struct self, link, "true", "a switch"),
	TL_P_CHOICE(struct self, variant, "paper", "paper|released", "a choice"),
	TL_P_STRING(struct self, from, NULL, "a text"),
	TL_P_INTS(struct self, widths, "3 4 5", "a list"),
	{ .name = "table", .type = TL_JSON, .at = offsetof(struct self, table), .optional = true, .doc = "a table" },
	{ 0 }
};
static int forward(tl_ctx *ctx, void *p) { (void)p; return tl_status(ctx); }
static const tl_module module = { .size = sizeof(tl_module), .forward = forward };
static const tl_loss losses[] = { { .part = "", .param = "weight", .value = "0.25" }, { 0 } };
static const tl_plugin plugin = { TL_LABEL(struct self), .name = "p", .version = "1", .summary = "a plugin", .params = params, .losses = losses, .module = &module };

static int
lookup(void *arg, const char *name, size_t n, double *v)
{
	(void)arg;
	if (n != 1 || (name[0] != 'd' && name[0] != 'K'))
		return 0;
	*v = name[0] == 'd' ? 8 : 3;
	return 1;
}
static const tl_symbols symbols = { lookup, NULL };

static void
expression(const char *text, double wanted)
{
	tl_error e = { 0 };
	double v = 0;

	ok(tl_expression(text, strlen(text), &symbols, &v, &e) == 0 && v == wanted, "%s is %g %s", text, wanted, e.text);
}

static void
no_expression(const char *text, const char *words)
{
	tl_error e = { 0 };
	double v;

	ok(tl_expression(text, strlen(text), &symbols, &v, &e) < 0, "%s is refused", text);
	says(e.text, words, text);
}

static void
condition(const struct self *self, const char *text, bool wanted)
{
	tl_error e = { 0 };
	bool holds = !wanted;

	ok(tl_condition(text, &plugin, self, &symbols, &holds, &e) == 0 && holds == wanted, "%s: %s %s", text ? text : "(none)", wanted ? "true" : "false", e.text);
}

static int
fill(struct self *self, const char *text, json_t *resolved, tl_error *e)
{
	static tl_arena *a;
	json_t *v = json_loads(text, 0, NULL);
	int status;

	if (!a)
		a = tl_arena_new(0);
	memset(self, 0, sizeof *self);
	memset(e, 0, sizeof *e);
	status = tl_params_fill_with(&plugin, self, v, "p (x.lua:3)", &symbols, a, resolved, e);
	json_decref(v);
	return status;
}

static void
refused(const char *text, const char *words)
{
	struct self self;
	tl_error e;

	ok(fill(&self, text, NULL, &e) < 0 && e.status == TL_USAGE, "%s is refused", text);
	says(e.text, words, text);
}

int
main(void)
{
	struct self self;
	tl_error e = { 0 };
	json_t *resolved = json_object(), *again = json_object();
	char *one, *two;
	bool holds;

	expression("2*d+1", 17);
	expression("min(d,K)*2", 6);
	expression("max(d-K,2)/5", 1);
	expression("-(d-10)", 2);
	expression("min(max(1,2),K)", 2);
	no_expression("2*", "something is missing at letter 3");
	no_expression("q+1", "nothing binds q");
	no_expression("d/(K-3)", "division by zero");
	no_expression("min(d)", "wanted a comma");
	no_expression("2 3", "not understood at letter 2");
	no_expression("((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((1", "nested too deeply");
	ok(tl_plugin_declared(&plugin, false, &e) == 0, "the declaration is sound %s", e.text);

	ok(fill(&self, "{}", resolved, &e) == 0, "defaults alone %s", e.text);
	ok(self.size == 4 && self.rate == 0.5 && self.link && self.variant == 0 && !self.from && !self.table && self.widths.n == 3 && self.widths.at[2] == 5, "fill every field");
	ok(self.wide == 16 && !self.rate_given, "a default may be an expression; what is not given is not");
	ok(json_number_value(json_object_get(resolved, "weight")) == 0.25 && json_number_value(json_object_get(resolved, "init_scale")) == 1 && !json_object_get(resolved, "lr"), "the host adds the losses' weights and init_scale");
	one = tl_json_canonical(resolved);
	ok(fill(&self, one, again, &e) == 0 && !self.rate_given, "resolved parameters can be read again, and defaults are still not given %s", e.text);
	two = tl_json_canonical(again);
	ok(!strcmp(one, two), "and mean the same");
	free(one);
	free(two);
	ok(fill(&self, "{\"size\": 9.0, \"rate\": 1, \"link\": false, \"variant\": \"released\", \"from\": 2, \"widths\": [7], \"table\": {\"a\": [1]}, \"name\": \"x\", \"lr\": 0.5, \"weight\": 3}", NULL, &e) == 0, "everything given %s", e.text);
	ok(self.size == 9 && self.rate == 1 && self.rate_given && !self.link && self.variant == 1 && !strcmp(self.from, "2") && self.widths.n == 1 && self.widths.at[0] == 7 && !strcmp(self.table, "{\"a\":[1]}"), "is taken");
	refused("{\"szie\": 1}", "p (x.lua:3): szie: no such parameter; did you mean size?");
	refused("{\"zzzzzz\": 1}", "no such parameter; there are size, wide, rate");
	refused("{\"size\": 65}", "size = 65 is out of range: wanted 0 to 64");
	refused("{\"size\": \"4\"}", "size: wanted a whole number, got \"4\"");
	refused("{\"size\": true}", "size: wanted a whole number, got true");
	refused("{\"rate\": []}", "rate: wanted a number, got []");
	refused("{\"link\": 1}", "link: wanted true or false, got 1");
	refused("{\"variant\": \"relased\"}", "did you mean released?");
	refused("{\"widths\": [1, \"b\"]}", "widths: wanted a whole number, got \"b\"");
	refused("{\"widths\": 3}", "widths: wanted a list of whole numbers, got 3");
	refused("{\"lr\": -1}", "lr = -1: wanted a number of at least 0");
	refused("{\"init_scale\": 0}", "init_scale = 0: wanted a number above 0");
	refused("{\"name\": \"a b\"}", "name: wanted letters, digits, _ and -, got \"a b\"");

	fill(&self, "{\"from\": \"doc\"}", NULL, &e);
	condition(&self, NULL, true);
	condition(&self, "size > 3 && link", true);
	condition(&self, "size > 3 && !link", false);
	condition(&self, "variant == paper", true);
	condition(&self, "variant != paper || size == 4", true);
	condition(&self, "(variant == released || link) && K == 3", true);
	condition(&self, "from == doc", true);
	condition(&self, "from && !table", true);
	condition(&self, "widths >= 3", true);
	condition(&self, "size < d/2+1", true);
	ok(tl_condition("variant == paperr", &plugin, &self, &symbols, &holds, &e) < 0, "a word that is no choice");
	e.status = 0;
	ok(tl_condition("variant > 2", &plugin, &self, &symbols, &holds, &e) < 0, "a word compared by size");
	json_decref(resolved);
	json_decref(again);
	return done();
}
