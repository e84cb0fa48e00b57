/* defaults.c - the keys of `train`: one row each, with type, range and default; filled in and checked here and nowhere else. */
#include "loop.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { INT, REAL, CHOICE, TEXT };
static const struct key {
	const char *name;
	int type;
	const char *value;   /* default; NULL: none, may be missing */
	double min, max;
	const char *choices;
	bool above;          /* min itself is not allowed */
} keys[] = {
	{ "epochs", INT, "10", 0, 1e6 },
	{ "batch", INT, "16", 1, 1e6 },
	{ "batch_tokens", INT, NULL, 1, 1e9 },
	{ "accumulate", INT, "1", 1, 1e6 },
	{ "optimizer", CHOICE, "adamw", .choices = "adamw|adam|sgd" },
	{ "lr", REAL, "1e-5", 0, 1e6 },
	{ "weight_decay", REAL, "0.01", 0, 1e6 },
	{ "beta1", REAL, "0.9", 0, 1 - 1e-12 },
	{ "beta2", REAL, "0.999", 0, 1 - 1e-12 },
	{ "eps", REAL, "1e-8", 0, 1, .above = true },
	{ "momentum", REAL, "0.9", 0, 1 - 1e-12 },
	{ "schedule", CHOICE, "linear", .choices = "linear|cosine|constant" },
	{ "warmup", REAL, "0.1", 0, 1 },
	{ "clip", REAL, "1", 0, 1e30 },
	{ "layer_decay", REAL, "1", 0, 1, .above = true },
	{ "select", TEXT, "ndcg@5" },
	{ "patience", INT, NULL, 1, 1e6 },
	{ "keep", CHOICE, "best", .choices = "best|last|none" },
	{ "eval_every", INT, "1", 1, 1e6 },
	{ "precision", CHOICE, "f32", .choices = "f32|f64|tf32|bf16" },
	{ "recompute", CHOICE, "none", .choices = "none|layer" },
	{ "timeout", REAL, "600", 0, 1e9, .above = true },
};

/* Place of word in a|b|c, or -1. */
static int
choice(const char *choices, const char *word)
{
	size_t n = strlen(word);

	for (int i = 0;; i++) {
		size_t m = strcspn(choices, "|");
		if (m == n && !strncmp(choices, word, n))
			return i;
		if (!choices[m])
			return -1;
		choices += m + 1;
	}
}

static int
refuse(const struct key *k, const json_t *v, const char *wanted, tl_error *e)
{
	char number[32], *found = json_is_real(v) ? tl_strdup(tl_number_text(json_real_value(v), number)) : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);

	tl_error_set(e, TL_USAGE, "train.%s = %s: wanted %s", k->name, found ? found : "?", wanted);
	free(found);
	return -1;
}

static int
check_number(const struct key *k, json_t *train, json_t *v, tl_error *e)
{
	double x = json_number_value(v);
	char wanted[120];
	int n = snprintf(wanted, sizeof wanted, "%s %s %.10g", k->type == INT ? "a whole number" : "a number", k->above ? "above" : "from", k->min);

	if (k->max < 1 && k->max > 0.99) /* 1 itself is not allowed */
		snprintf(wanted + n, sizeof wanted - (size_t)n, ", below 1");
	else
		snprintf(wanted + n, sizeof wanted - (size_t)n, " to %.10g", k->max);
	if (!json_is_number(v) || !isfinite(x) || x < k->min || x > k->max || (k->above && x <= k->min) || (k->type == INT && x != floor(x)))
		return refuse(k, v, wanted, e);
	if (k->type == INT && json_is_real(v))
		json_object_set_new(train, k->name, json_integer((json_int_t)x));
	return 0;
}

static int
check_key(const struct key *k, json_t *train, tl_error *e)
{
	json_t *v = json_object_get(train, k->name);
	char wanted[120];

	if (k->type == INT || k->type == REAL)
		return check_number(k, train, v, e);
	snprintf(wanted, sizeof wanted, "%s%s", k->type == CHOICE ? "one of " : "a metric, or \"last\"", k->choices ? k->choices : "");
	if (!json_is_string(v) || (k->type == CHOICE && choice(k->choices, json_string_value(v)) < 0))
		return refuse(k, v, wanted, e);
	return 0;
}

static int
unknown(const json_t *train, tl_error *e)
{
	const char *names[TL_COUNT(keys)], *name, *near;
	json_t *v;

	for (int64_t i = 0; i < TL_COUNT(keys); i++)
		names[i] = keys[i].name;
	json_object_foreach((json_t *)train, name, v) {
		bool known = false;
		for (int64_t i = 0; i < TL_COUNT(keys); i++)
			known |= !strcmp(keys[i].name, name);
		if (known)
			continue;
		near = tl_nearest(name, names, TL_COUNT(keys));
		return tl_error_set(e, TL_USAGE, "train.%s: there is no such key%s%s%s", name, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
	}
	return 0;
}

int
tl_train_defaults(json_t *train, bool has_valid, tl_error *e)
{
	const char *select;

	if (unknown(train, e) < 0)
		return -1;
	for (int64_t i = 0; i < TL_COUNT(keys); i++) {
		const struct key *k = &keys[i];
		json_t *v = json_object_get(train, k->name);
		/* nil, and false for what can be switched off. */
		if (json_is_null(v) || (json_is_false(v) && !k->value)) {
			json_object_del(train, k->name);
			v = NULL;
		} else if (json_is_false(v) && !strcmp(k->name, "clip")) {
			json_object_set_new(train, k->name, json_integer(0));
		}
		if (!v && k->value) {
			const char *value = k->value;
			/* A batch bounded by tokens has no bound on documents unless one is given. */
			if (!strcmp(k->name, "batch") && json_is_number(json_object_get(train, "batch_tokens")))
				continue;
			if (!strcmp(k->name, "select") && !has_valid)
				value = "last";
			json_object_set_new(train, k->name, k->type == INT ? json_integer(atoll(value)) : k->type == REAL ? json_real(atof(value)) : json_string(value));
		}
		if (json_object_get(train, k->name) && check_key(k, train, e) < 0)
			return -1;
	}
	select = json_string_value(json_object_get(train, "select"));
	if (!has_valid && strcmp(select, "last"))
		return tl_error_set(e, TL_USAGE, "train.select = \"%s\": the dataset has no validation split to choose an epoch on; give tl.dataset valid = 0.1, or write select = \"last\"", select);
	if (json_object_get(train, "patience") && !strcmp(select, "last"))
		return tl_error_set(e, TL_USAGE, "train.patience: with select = \"last\" there is no metric whose improvement could be waited for; select a metric, or leave patience out");
	return 0;
}

void
tl_plan_read(tl_plan *p, const json_t *t)
{
	*p = (tl_plan){
		.epochs = tl_json_int(t, "epochs", 0), .batch = tl_json_int(t, "batch", 0), .batch_tokens = tl_json_int(t, "batch_tokens", 0),
		.accumulate = tl_json_int(t, "accumulate", 1), .patience = tl_json_int(t, "patience", 0), .eval_every = tl_json_int(t, "eval_every", 1),
		.optimizer = choice("adamw|adam|sgd", tl_json_string(t, "optimizer", "adamw")),
		.schedule = choice("linear|cosine|constant", tl_json_string(t, "schedule", "linear")),
		.keep = choice("best|last|none", tl_json_string(t, "keep", "best")),
		.compute = choice("f32|f64|tf32|bf16", tl_json_string(t, "precision", "f32")) == 1 ? TL_F64 : TL_F32,
		.lr = tl_json_number(t, "lr", 0), .weight_decay = tl_json_number(t, "weight_decay", 0),
		.beta1 = tl_json_number(t, "beta1", 0), .beta2 = tl_json_number(t, "beta2", 0), .eps = tl_json_number(t, "eps", 1e-8),
		.momentum = tl_json_number(t, "momentum", 0), .warmup = tl_json_number(t, "warmup", 0), .clip = tl_json_number(t, "clip", 0),
		.layer_decay = tl_json_number(t, "layer_decay", 1),
		.recompute = !strcmp(tl_json_string(t, "recompute", "none"), "layer"),
		.select = tl_json_string(t, "select", "last"),
	};
}
