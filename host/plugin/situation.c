/*
 * situation.c - a small random world for one module: documents, labels, training statistics, values for every slot that it reads, and a
 * tiny encoder where it calls one. Everything is drawn from one seed.
 */
#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LABELS = 24, WIDTH = 24, LAYERS = 3, DOCUMENTS = 4, LONGEST = 6 }; /* 24: divisible by any usual number of heads */
#define ENCODER "check_encoder"

/* The first reason stays. */
static void
give_reason(tl_check *c, const char *format, va_list ap)
{
	char text[2000];

	vsnprintf(text, sizeof text, format, ap);
	if (!c->why.n)
		tl_text_add(&c->why, "%s", text);
}

int
tl_check_fail(tl_check *c, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	give_reason(c, format, ap);
	va_end(ap);
	return TL_CHECK_FAILED;
}

int
tl_check_skip(tl_check *c, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	give_reason(c, format, ap);
	va_end(ap);
	return TL_CHECK_SKIPPED;
}

json_t *
tl_required_params(const tl_plugin *p, bool small)
{
	json_t *out = json_object();

	for (const tl_param *r = p->params; r && r->name; r++) {
		bool bounded = r->min <= r->max && !(r->min == 0 && r->max == 0);
		double v = bounded ? r->min <= 1 && r->max >= 1 ? 1 : r->min : 1;
		if (small && p->kind == TL_KIND_ENCODER && r->type == TL_INT && r->value && strtol(r->value, NULL, 10) > 3) { /* small, or finite differences take hours */
			v = !strcmp(r->name, "dim") ? 24 : !strcmp(r->name, "layers") || !strcmp(r->name, "heads") ? 2 : 64;
			json_object_set_new(out, r->name, json_integer((json_int_t)(bounded ? fmax(r->min, fmin(r->max, v)) : v)));
			continue;
		}
		if (small && p->kind == TL_KIND_LABEL && r->type == TL_INT && r->value && strtol(r->value, NULL, 10) > 64) {
			json_object_set_new(out, r->name, json_integer((json_int_t)(bounded ? fmax(r->min, fmin(r->max, 48)) : 48)));
			continue;
		}
		if (r->value || r->optional)
			continue;
		if (r->type == TL_INT)
			json_object_set_new(out, r->name, json_integer((json_int_t)v));
		else if (r->type == TL_REAL)
			json_object_set_new(out, r->name, json_real(v));
		else if (r->type == TL_FLAG)
			json_object_set_new(out, r->name, json_false());
		else if (r->type == TL_INTS)
			json_object_set_new(out, r->name, json_pack("[i]", 1));
		else
			json_object_set_new(out, r->name, json_string("x"));
	}
	return out;
}

json_t *
tl_variations(const tl_plugin *p)
{
	json_t *list = json_array(), *base = tl_required_params(p, true), *v;

	json_array_append_new(list, json_pack("{s:s, s:O}", "say", "the defaults", "params", base));
	for (const tl_param *r = p->params; r && r->name && json_array_size(list) < 40; r++) {
		if (r->type == TL_FLAG) {
			bool now = r->value && !strcmp(r->value, "true");
			v = json_copy(base);
			json_object_set_new(v, r->name, json_boolean(!now));
			json_array_append_new(list, json_pack("{s:o, s:o}", "say", json_sprintf("%s = %s", r->name, now ? "false" : "true"), "params", v));
		} else if (r->type == TL_CHOICE) {
			char *copy = tl_strdup(r->choices), *save = NULL;
			for (char *word = strtok_r(copy, "|", &save); word; word = strtok_r(NULL, "|", &save)) {
				if (r->value && !strcmp(word, r->value))
					continue;
				v = json_copy(base);
				json_object_set_new(v, r->name, json_string(word));
				json_array_append_new(list, json_pack("{s:o, s:o}", "say", json_sprintf("%s = \"%s\"", r->name, word), "params", v));
			}
			free(copy);
		}
	}
	json_decref(base);
	return list;
}

/* --- documents and labels ------------------------------------------------------------------------------------------------------------------- */
static double *
normals(tl_situation *s, int64_t n)
{
	double *x = tl_arena_alloc(s->arena, (size_t)(n + 1) * sizeof *x);

	for (int64_t i = 0; i < n; i++)
		x[i] = tl_random_normal(&s->draw);
	return x;
}

/* An ascending set of 0 to 5 labels, all equally likely; some: of 1 to 4. */
static int64_t
draw_labels(tl_situation *s, int32_t *out, bool some)
{
	int64_t n = (int64_t)tl_random_below(&s->draw, some ? 4 : 6) + some, at = 0;

	for (int32_t l = 0; l < s->n_labels && at < n; l++)
		if (tl_random_below(&s->draw, (uint32_t)(s->n_labels - l)) < (uint32_t)(n - at))
			out[at++] = l;
	return at;
}

static void
draw_documents(tl_situation *s)
{
	enum { TRAIN = 60 };
	int64_t *wide = tl_arena_alloc(s->arena, (TRAIN + 1) * sizeof *wide);
	int32_t *train = tl_arena_alloc(s->arena, (size_t)TRAIN * 8 * sizeof *train);

	s->offsets = tl_arena_zalloc(s->arena, (size_t)(s->n_documents + 1) * sizeof *s->offsets);
	s->label_offsets = tl_arena_zalloc(s->arena, (size_t)(s->n_documents + 1) * sizeof *s->label_offsets);
	s->label_index = tl_arena_alloc(s->arena, (size_t)s->n_documents * 8 * sizeof *s->label_index);
	for (int64_t i = 0; i < s->n_documents; i++) {
		s->offsets[i + 1] = s->offsets[i] + 3 + (int32_t)tl_random_below(&s->draw, LONGEST - 2);
		s->label_offsets[i + 1] = s->label_offsets[i] + (int32_t)draw_labels(s, s->label_index + s->label_offsets[i], i < 2);
	}
	s->n_tokens = s->offsets[s->n_documents];
	s->ids = tl_arena_alloc(s->arena, (size_t)(s->n_tokens + 1) * sizeof *s->ids);
	for (int64_t t = 0; t < s->n_tokens; t++)
		s->ids[t] = 5 + (int32_t)tl_random_below(&s->draw, (uint32_t)s->n_vocab - 5);
	wide[0] = 0;
	for (int i = 0; i < TRAIN; i++)
		wide[i + 1] = wide[i] + draw_labels(s, train + wide[i], true);
	tl_statistics_of(&s->statistics, wide, train, NULL, TRAIN, s->n_labels, s->arena, &s->error);
}

static int
make_tokenizer(tl_situation *s)
{
	static const char *const texts[] = { "graph theory and linear algebra", "deep learning of language", "a theory of learning graphs", "information retrieval", "language and vision", "linear models" };
	static const char *const names[] = { "graph theory", "deep learning", "language", "vision", "linear algebra", "retrieval of information", "models", "a theory" };
	uint32_t length[TL_COUNT(texts)];
	const char **list = tl_arena_alloc(s->arena, (size_t)(s->n_labels + 1) * sizeof *list);

	for (int i = 0; i < TL_COUNT(texts); i++)
		length[i] = (uint32_t)strlen(texts[i]);
	s->tokenizer = tl_tokenizer_train(texts, length, TL_COUNT(texts), 60, &s->error);
	if (!s->tokenizer)
		return -1;
	s->n_vocab = TL_MAX(s->n_vocab, tl_tokenizer_size(s->tokenizer));
	for (int64_t l = 0; l < s->n_labels; l++)
		list[l] = names[l % TL_COUNT(names)];
	s->in.label_names = list;
	return 0;
}

/* --- slots that the module reads --------------------------------------------------------------------------------------------------------------- */
struct scope { const tl_situation *s; const tl_plugin *p; const void *self; bool closed /* bind no new names */; int n; char name[16][32]; double value[16]; };

static int
scope_lookup(void *arg, const char *name, size_t n, double *value)
{
	struct scope *k = arg;
	const tl_situation *s = k->s;

	if (tl_param_number(k->p, k->self, name, n, value))
		return 1;
	if (n == 1 && strchr("LdKBTV", name[0])) {
		*value = name[0] == 'L' ? (double)s->n_labels : name[0] == 'd' ? (double)s->width : name[0] == 'K' ? (double)s->n_layers : name[0] == 'B' ? (double)s->n_documents
			: name[0] == 'T' ? (double)s->n_tokens : (double)s->n_vocab;
		return 1;
	}
	for (int i = 0; i < k->n; i++)
		if (strlen(k->name[i]) == n && !memcmp(k->name[i], name, n)) {
			*value = k->value[i];
			return 1;
		}
	if (k->closed || k->n == 16 || n >= 32)
		return 0;
	memcpy(k->name[k->n], name, n);
	k->name[k->n][n] = 0;
	*value = k->value[k->n] = 7 + k->n; /* a free symbol: any size will do */
	k->n++;
	return 1;
}

static int
give_slot(tl_situation *s, struct scope *k, const tl_slot *row)
{
	tl_injected *x = &s->in.slot[s->in.n_slots];
	tl_symbols names = { scope_lookup, k };
	const tl_param *param = row->name[0] == '@' ? tl_param_find(k->p, row->name + 1, strlen(row->name + 1)) : NULL;
	const char *word;
	tl_shape_text shape;
	size_t n;
	int64_t count = 1;
	bool list = row->kind == TL_SLOT_LIST;

	if (row->kind == TL_SLOT_INPUT)
		return 0;
	if (row->kind == TL_SLOT_FEATURES)
		return tl_error_set(&s->error, TL_FAILED, "modules that read features cannot be checked alone");
	word = param ? tl_param_word(k->self, param, &n) : NULL;
	x->name = param ? tl_arena_strdup(s->arena, word ? word : "doc") : row->name;
	for (int i = 0; i < s->in.n_slots; i++)
		if (!strcmp(s->in.slot[i].name, x->name))
			return 0;
	if (tl_shape_split(row->shape, &shape, &s->error) < 0)
		return -1;
	x->rank = shape.alternative[0].rank + list;
	if (x->rank > TL_MAX_RANK)
		return tl_error_set(&s->error, TL_FAILED, "slot %s has too many axes", row->name);
	if (list)
		x->dim[0] = s->n_layers;
	for (int a = 0; a < shape.alternative[0].rank; a++) {
		double v;
		if (tl_expression(shape.alternative[0].axis[a].s, shape.alternative[0].axis[a].n, &names, &v, &s->error) < 0)
			return -1;
		x->dim[a + list] = (int64_t)v;
		if (!a)
			s->slot_axis[s->in.n_slots] = shape.alternative[0].axis[a].n == 1 ? shape.alternative[0].axis[a].s[0] : 'L';
	}
	for (int a = 0; a < x->rank; a++)
		count *= x->dim[a];
	if (row->kind == TL_SLOT_INT) {
		int32_t *ints = tl_arena_alloc(s->arena, (size_t)(count + 1) * sizeof *ints);
		for (int64_t i = 0; i < count; i++)
			ints[i] = (int32_t)tl_random_below(&s->draw, (uint32_t)s->n_labels);
		x->ints = ints;
	} else {
		x->reals = normals(s, count);
	}
	s->in.n_slots++;
	return 0;
}

static int
give_slots(tl_situation *s, const tl_plugin *p)
{
	struct scope *k = tl_arena_zalloc(s->arena, sizeof *k);
	tl_symbols names = { scope_lookup, k };
	void *self = tl_arena_zalloc(s->arena, p->self_size + 64);
	int n = 0;

	while (p->reads && p->reads[n].name)
		n++;
	s->in.slot = tl_arena_zalloc(s->arena, (size_t)(n + 2) * sizeof *s->in.slot);
	s->slot_axis = tl_arena_zalloc(s->arena, (size_t)n + 2);
	k->s = s;
	k->p = p;
	k->self = self;
	if (tl_params_fill_with(p, self, s->params, p->name, &names, s->arena, NULL, &s->error) < 0)
		return 1;
	if (p->kind == TL_KIND_ENCODER)
		return 0;
	for (const tl_slot *row = p->reads; row && row->name; row++) {
		bool holds;
		k->closed = true;
		if (tl_condition(row->when, p, self, &names, &holds, &s->error) < 0)
			return -1;
		k->closed = false;
		if (holds && give_slot(s, k, row) < 0)
			return -1;
	}
	return 0;
}

/* --- the model ----------------------------------------------------------------------------------------------------------------------------------- */
static void
warned(void *arg, const char *text)
{
	tl_check *c = arg;

	if (strstr(text, "floating-point state"))
		c->float_told = true;
	if (c->warnings.n < 4000)
		tl_text_add(&c->warnings, "%s\n", text);
}

static int
build(tl_situation *s)
{
	const tl_candidate *c = s->c->candidate;
	char *plugin = tl_format("%s/%s", c->kind, c->name);
	json_t *module = json_pack("{s:s, s:s, s:O}", "plugin", plugin, "name", c->name, "params", s->params);

	free(plugin);
	s->modules = json_pack("[o]", module);
	if (s->needs_encoder)
		json_array_append_new(s->modules, json_pack("{s:s, s:s, s:{s:I, s:I, s:i, s:i, s:I, s:i, s:s}}", "plugin", "encoder/transformer", "name", ENCODER, "params", "dim", (json_int_t)s->width,
			"layers", (json_int_t)s->n_layers, "heads", 2, "ffn", 16, "vocab", (json_int_t)s->n_vocab, "max_positions", 512, "activation", "tanh"));
	s->dims = json_pack("{s:I, s:I, s:I}", "L", (json_int_t)s->n_labels, "d", (json_int_t)s->width, "K", (json_int_t)s->n_layers);
	s->in.n_documents = s->n_documents;
	s->in.n_tokens = s->n_tokens;
	s->in.offsets = s->offsets;
	s->in.ids = s->ids;
	s->in.slot_gradients = true;
	s->in.want = TL_WANT_HIDDEN | TL_WANT_CLS | TL_WANT_POOLED | TL_WANT_LAYERS;
	s->model = tl_model_build(&(tl_model_setup){ .registry = s->c->registry, .modules = s->modules, .compute = s->compute, .pool = s->pool, .seed = s->c->seed, .n_labels = s->n_labels,
		.statistics = &s->statistics, .tokenizer = s->tokenizer, .dims = s->dims, .warn = warned, .warn_arg = s->c }, &s->in, &s->error);
	if (!s->model)
		return 1;
	s->instance = &s->model->instance[0];
	return 0;
}

/* Away from what the initialisers give: zeros and ones hide mistakes. */
static void
stir_weights(tl_situation *s)
{
	tl_weights *w = tl_model_weights(s->model);

	for (int i = 0; i < tl_weights_count(w); i++) {
		tl_weight_info *info = tl_weights_at(w, i);
		double *values = tl_alloc((size_t)(info->count + 1) * sizeof *values);
		if (tl_get_reals(s->model->ctx, info->tensor, values) == 0) {
			for (int64_t k = 0; k < info->count; k++)
				values[k] += 0.2 * tl_random_normal(&s->draw);
			tl_set_reals(info->tensor, values);
		}
		free(values);
	}
}

static bool
calls_encoder(const tl_plugin *p)
{
	for (const tl_slot *row = p->writes; row && row->name; row++)
		if (row->kind == TL_SLOT_INPUT)
			return true;
	for (const tl_state *row = p->states; row && row->name; row++)
		if (row->kind == TL_STATE_ENCODER)
			return true;
	return false;
}

/* One step is taken first: what a module does only once (weights set from texts, a cache filled) is behind it. */
static int
start(tl_situation *s)
{
	int status = build(s);

	if (status)
		return status;
	stir_weights(s);
	if (tl_model_save_state(s->model, &s->state) < 0)
		return -1;
	tl_situation_forward(s, 0, true, false, false);
	s->state.n = 0;
	return tl_model_save_state(s->model, &s->state) < 0 ? -1 : 0;
}

static void
stop(tl_situation *s)
{
	tl_model_free(s->model);
	s->model = NULL;
	json_decref(s->modules);
	json_decref(s->dims);
	s->modules = s->dims = NULL;
	tl_text_free(&s->state);
}

int
tl_situation_new(tl_situation *s, tl_check *c, const json_t *params, tl_dtype compute, int threads)
{
	int status;

	memset(s, 0, sizeof *s);
	s->c = c;
	s->arena = tl_arena_new(1 << 16);
	s->draw = (tl_stream){ .key = tl_stream_key(c->seed, c->candidate->name, "check", 0) };
	s->params = json_deep_copy(params);
	s->n_labels = LABELS;
	s->n_documents = DOCUMENTS;
	s->width = WIDTH;
	s->n_layers = LAYERS;
	s->compute = compute;
	s->threads = threads;
	s->pool = tl_pool_new(threads);
	s->n_vocab = 60;
	draw_documents(s);
	s->needs_encoder = calls_encoder(c->candidate->plugin);
	if (s->needs_encoder && make_tokenizer(s) < 0)
		return -1;
	if ((status = give_slots(s, c->candidate->plugin)) || (status = start(s)))
		return status;
	if (!s->needs_encoder && s->error.status && c->candidate->plugin->kind == TL_KIND_LABEL && strstr(s->error.text, " encoder")) {
		tl_stream again = s->draw;
		stop(s); /* it calls the encoder: give it one */
		s->error.status = 0;
		s->draw = again;
		s->needs_encoder = true;
		return make_tokenizer(s) < 0 ? -1 : start(s);
	}
	s->error.status = 0;
	return 0;
}

void
tl_situation_free(tl_situation *s)
{
	if (s->model)
		stop(s);
	json_decref(s->modules);
	json_decref(s->dims);
	json_decref(s->params);
	tl_text_free(&s->state);
	if (s->tokenizer)
		tl_tokenizer_free(s->tokenizer);
	tl_pool_free(s->pool);
	tl_arena_free(s->arena);
}

/* Rows of `from` in the order of the chosen documents. per: 'B' one row a document, 'T' one a token, else all. */
static const double *
chosen_rows(tl_situation *s, const tl_situation *from, const tl_injected *x, char per, int skip, int n, const int *documents, int64_t *rows)
{
	int64_t width = 1, lists = skip ? x->dim[0] : 1, all = x->rank > skip ? x->dim[skip] : 1, at = 0;
	double *out;

	for (int a = skip + 1; a < x->rank; a++)
		width *= x->dim[a];
	*rows = per == 'B' ? n : per == 'T' ? s->n_tokens : all;
	out = tl_arena_alloc(s->arena, (size_t)(lists * *rows * width + 1) * sizeof *out);
	for (int64_t l = 0; l < lists; l++) {
		for (int k = 0; k < (per == 'B' || per == 'T' ? n : 1); k++) {
			int64_t first = per == 'B' ? documents[k] : per == 'T' ? from->offsets[documents[k]] : 0;
			int64_t count = per == 'B' ? 1 : per == 'T' ? from->offsets[documents[k] + 1] - first : all;
			memcpy(out + at, x->reals + (l * all + first) * width, (size_t)(count * width) * sizeof *out);
			at += count * width;
		}
	}
	return out;
}

int
tl_situation_select(tl_situation *s, const tl_situation *from, int n, const int *documents)
{
	int status;

	if ((status = tl_situation_new(s, from->c, from->params, from->compute, from->threads)))
		return status;
	stop(s);
	s->n_documents = n;
	s->n_tokens = 0;
	for (int k = 0; k < n; k++) {
		int32_t first = from->offsets[documents[k]], count = from->offsets[documents[k] + 1] - first, label = from->label_offsets[documents[k]], labels = from->label_offsets[documents[k] + 1] - label;
		memcpy(s->ids + s->n_tokens, from->ids + first, (size_t)count * sizeof *s->ids);
		s->n_tokens += count;
		s->offsets[k + 1] = (int32_t)s->n_tokens;
		if (labels)
			memcpy(s->label_index + s->label_offsets[k], from->label_index + label, (size_t)labels * sizeof *s->label_index);
		s->label_offsets[k + 1] = s->label_offsets[k] + labels;
	}
	for (int i = 0; i < s->in.n_slots; i++) {
		tl_injected *x = &s->in.slot[i];
		int skip = !strcmp(x->name, "layers");
		int64_t rows;
		if (!x->reals || x->rank <= skip)
			continue;
		x->reals = chosen_rows(s, from, &from->in.slot[i], s->slot_axis[i], skip, n, documents, &rows);
		x->dim[skip] = rows;
	}
	s->draw = (tl_stream){ .key = tl_stream_key(s->c->seed, "select", "check", 0) };
	if ((status = build(s)))
		return status;
	memcpy(tl_weights_values(tl_model_weights(s->model)), tl_weights_values(tl_model_weights(from->model)), (size_t)tl_weights_size(tl_model_weights(s->model)) * (s->compute == TL_F64 ? 8 : 4));
	return tl_model_save_state(s->model, &s->state) < 0 ? -1 : 0;
}

int
tl_situation_forward(tl_situation *s, int64_t step, bool training, bool dropout, bool record)
{
	tl_documents d = { .n = (int32_t)s->n_documents, .offsets = s->offsets, .ids = s->ids, .label_offsets = s->label_offsets, .labels = s->label_index };
	tl_pass pass = { &d, step, training, dropout, record };

	if (tl_model_load_state(s->model, s->state.s, s->state.n) < 0 || tl_model_forward(s->model, &pass) < 0) {
		tl_error_set(&s->error, TL_FAILED, "%s", tl_ctx_error(s->model->ctx)->text);
		tl_ctx_error(s->model->ctx)->status = 0;
		return -1;
	}
	return 0;
}

/* --- what came out --------------------------------------------------------------------------------------------------------------------------------- */
/* The slots that count as the module's outputs: what it wrote, or what the encoder made of the input that it wrote. */
static int
output_slots(tl_situation *s, tl_slot_value *out[16])
{
	static const char *const encoded[] = { "hidden", "pooled", "cls", "label_hidden", "layers" };
	bool encoder = s->instance->plugin->kind == TL_KIND_ENCODER;
	int n = 0;

	for (int k = 0; k < s->instance->n_writes && n < 16; k++) {
		tl_slot_value *x = &s->model->slot[s->instance->write[k].slot];
		if (x->kind == TL_SLOT_INPUT)
			encoder = true;
		else if (s->instance->plugin->kind != TL_KIND_ENCODER && x->there && x->kind != TL_SLOT_FEATURES)
			out[n++] = x;
	}
	for (int k = 0; encoder && k < TL_COUNT(encoded) && n < 16; k++) {
		int at = tl_find_slot(s->model, encoded[k]);
		if (at >= 0 && s->model->slot[at].there)
			out[n++] = &s->model->slot[at];
	}
	return n;
}

static double
fixed_number(const tl_situation *s, int slot, int64_t i)
{
	uint32_t w[4];

	tl_philox(s->c->seed ^ 0x5eedULL, (uint64_t)slot, (uint64_t)i, w);
	return (double)w[0] / 2147483648.0 - 1;
}

tl_tensor *
tl_situation_objective(tl_situation *s, double *value)
{
	tl_ctx *ctx = s->model->ctx;
	tl_slot_value *slot[16];
	int n = output_slots(s, slot);
	tl_tensor *total = tl_model_total(s->model, 1, value, NULL);

	for (int k = 0; k < n; k++) {
		int lists = slot[k]->kind == TL_SLOT_LIST ? slot[k]->list.n : 1;
		for (int l = 0; l < lists; l++) {
			tl_tensor *x = slot[k]->kind == TL_SLOT_LIST ? slot[k]->list.item[l] : slot[k]->tensor;
			int64_t dim[TL_MAX_RANK], count = tl_count(x);
			double *factor = tl_scratch(ctx, (size_t)(count + 1) * 2 * sizeof *factor), *values = factor ? factor + count + 1 : NULL;
			if (tl_dtype_of(x) == TL_I32 || !factor || tl_get_reals(ctx, x, values) < 0)
				continue;
			for (int a = 0; a < tl_rank(x); a++)
				dim[a] = tl_dim(x, a);
			for (int64_t i = 0; i < count; i++) {
				factor[i] = fixed_number(s, 100 * k + l, i);
				*value += factor[i] * values[i];
			}
			total = tl_add(ctx, total, tl_sum(ctx, tl_mul(ctx, x, tl_reals(ctx, tl_rank(x), dim, factor))));
		}
	}
	return total;
}

int
tl_situation_outputs(tl_situation *s, tl_written **out)
{
	tl_slot_value *slot[16];
	int n = output_slots(s, slot), m = 0;

	*out = tl_alloc(64 * sizeof **out);
	for (int k = 0; k < n; k++) {
		int lists = slot[k]->kind == TL_SLOT_LIST ? slot[k]->list.n : 1;
		for (int l = 0; l < lists && m < 64; l++) {
			tl_tensor *x = slot[k]->kind == TL_SLOT_LIST ? slot[k]->list.item[l] : slot[k]->tensor;
			tl_written *w = &(*out)[m++];
			w->slot = slot[k]->name;
			w->rows = tl_rank(x) ? tl_dim(x, 0) : 1;
			w->width = w->rows ? tl_count(x) / w->rows : 0;
			w->value = tl_alloc((size_t)(tl_count(x) + 1) * sizeof *w->value);
			w->axis = tl_rank(x) < 2 ? 'L' : w->rows == s->n_documents ? 'B' : w->rows == s->model->T ? 'T' : 'L';
			if (tl_dtype_of(x) == TL_I32) {
				int32_t *ints = tl_arena_alloc(tl_ctx_arena(s->model->ctx), (size_t)(tl_count(x) + 1) * sizeof *ints);
				tl_get_ints(s->model->ctx, x, ints);
				for (int64_t i = 0; i < tl_count(x); i++)
					w->value[i] = ints[i];
			} else {
				tl_get_reals(s->model->ctx, x, w->value);
			}
		}
	}
	return m;
}

void
tl_written_free(tl_written *w, int n)
{
	for (int i = 0; i < n; i++)
		free(w[i].value);
	free(w);
}
