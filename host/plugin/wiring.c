/*
 * wiring.c - who reads what from whom, and with which shape. All of it is checked before the first step, and what does not hold is
 * told in a sentence that names both ends.
 */
#include "model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int
tl_find_slot(const tl_model *m, const char *name)
{
	for (int i = 0; i < m->n_slots; i++)
		if (!strcmp(m->slot[i].name, name))
			return i;
	return -1;
}

static int
slot_named(tl_model *m, const char *name)
{
	int at = tl_find_slot(m, name);

	if (at >= 0)
		return at;
	if (m->n_slots == m->slot_capacity) {
		m->slot_capacity = m->slot_capacity ? 2 * m->slot_capacity : 16;
		m->slot = tl_realloc(m->slot, (size_t)m->slot_capacity * sizeof *m->slot);
	}
	memset(&m->slot[m->n_slots], 0, sizeof *m->slot);
	m->slot[m->n_slots].name = tl_arena_strdup(m->arena, name);
	m->slot[m->n_slots].writer = -1;
	return m->n_slots++;
}

static void
axis_text(const tl_model *m, int64_t v, tl_text *t)
{
	if (v >= TL_PROBE_T && m->T == TL_PROBE_T && v % TL_PROBE_T == 0)
		v == TL_PROBE_T ? tl_text_add(t, "T") : tl_text_add(t, "%lld*T", (long long)(v / TL_PROBE_T));
	else if (v >= TL_PROBE_B && m->B == TL_PROBE_B && v % TL_PROBE_B == 0)
		v == TL_PROBE_B ? tl_text_add(t, "B") : tl_text_add(t, "%lld*B", (long long)(v / TL_PROBE_B));
	else if (v >= TL_PROBE_B && m->B == TL_PROBE_B)
		tl_text_add(t, "?");
	else
		tl_text_add(t, "%lld", (long long)v);
}

char *
tl_shape_words(const tl_model *m, int rank, const int64_t *dim)
{
	tl_text t = { 0 };

	tl_text_add(&t, "[");
	for (int a = 0; a < rank; a++) {
		if (a)
			tl_text_add(&t, ", ");
		axis_text(m, dim[a], &t);
	}
	tl_text_add(&t, "]");
	return t.s;
}

/* --- shapes --------------------------------------------------------------------------------------------------------------------------- */
static int
whole(const char *s, size_t n, double v, int64_t *out, tl_error *e)
{
	if (v != floor(v) || v < 0 || v > 9e15)
		return tl_error_set(e, TL_USAGE, "%.*s is %.17g: wanted a whole number of elements", (int)n, s, v);
	*out = (int64_t)v;
	return 0;
}

static int
fits(tl_model_instance *i, const struct tl_axis_list *a, const int64_t *dim, tl_error *e)
{
	tl_symbols names = tl_instance_symbols(i);

	for (int k = 0; k < a->rank; k++) {
		const char *s = a->axis[k].s;
		size_t n = a->axis[k].n;
		double v;
		if (tl_is_name(s, n) && !names.lookup(names.arg, s, n, &v)) {
			if (n >= sizeof i->symbol[0].name || i->n_symbols == (int)TL_COUNT(i->symbol))
				return tl_error_set(e, TL_USAGE, "too many or too long names in shapes");
			memcpy(i->symbol[i->n_symbols].name, s, n);
			i->symbol[i->n_symbols].name[n] = 0;
			i->symbol[i->n_symbols++].value = (double)dim[k];
			continue;
		}
		if (tl_expression(s, n, &names, &v, e) < 0)
			return -1;
		if (v != (double)dim[k]) {
			char *got = tl_shape_words(i->model, 1, &dim[k]), *want;
			int64_t w = (int64_t)v;
			want = tl_shape_words(i->model, 1, &w);
			tl_error_set(e, TL_USAGE, "axis %d, %.*s, is %.*s where %.*s is wanted", k + 1, (int)n, s, (int)strlen(got) - 2, got + 1, (int)strlen(want) - 2, want + 1);
			free(got);
			free(want);
			return -1;
		}
	}
	return 0;
}

int
tl_unify(tl_model_instance *i, const char *shape, int rank, const int64_t *dim, tl_error *e)
{
	tl_shape_text t;
	tl_error first = { 0 };
	int before = i->n_symbols;

	if (tl_shape_split(shape, &t, e) < 0)
		return -1;
	for (int k = 0; k < t.n; k++) {
		tl_error now = { 0 };
		if (t.alternative[k].rank != rank)
			continue;
		if (fits(i, &t.alternative[k], dim, &now) == 0)
			return 0;
		i->n_symbols = before;
		if (!first.status)
			first = now;
	}
	if (first.status)
		return tl_error_set(e, TL_USAGE, "%s", first.text);
	return tl_error_set(e, TL_USAGE, "it has %d ax%ss where %d %s wanted", rank, rank == 1 ? "i" : "e", t.alternative[0].rank, t.alternative[0].rank == 1 ? "is" : "are");
}

struct hash_scope { tl_symbols inner; char hash; double element; };

static int
hash_lookup(void *arg, const char *name, size_t n, double *value)
{
	struct hash_scope *s = arg;

	if (s->hash && n == 1 && name[0] == s->hash) {
		*value = s->element;
		return 1;
	}
	return s->inner.lookup(s->inner.arg, name, n, value);
}

int
tl_evaluate_shape(tl_model_instance *i, const char *shape, char hash, double element, int *rank, int64_t *dim, tl_error *e)
{
	struct hash_scope scope = { tl_instance_symbols(i), hash, element };
	tl_symbols names = { hash_lookup, &scope };
	tl_shape_text t;
	tl_error first = { 0 };

	if (tl_shape_split(shape, &t, e) < 0)
		return -1;
	for (int k = 0; k < t.n; k++) {
		tl_error now = { 0 };
		bool good = true;
		for (int a = 0; a < t.alternative[k].rank && good; a++) {
			double v;
			good = tl_expression(t.alternative[k].axis[a].s, t.alternative[k].axis[a].n, &names, &v, &now) == 0 &&
			       whole(t.alternative[k].axis[a].s, t.alternative[k].axis[a].n, v, &dim[a], &now) == 0;
		}
		if (good) {
			*rank = t.alternative[k].rank;
			return 0;
		}
		if (!first.status)
			first = now;
	}
	return tl_error_set(e, TL_USAGE, "%s", first.text);
}

/* --- names ------------------------------------------------------------------------------------------------------------------------------ */
/* "@from": what the parameter `from` says; "~.labels": under the instance's name. */
static char *
slot_name(tl_model_instance *i, const tl_slot *row, tl_error *e)
{
	const tl_param *param;
	const char *word;
	size_t n;

	if (row->name[0] == '~')
		return tl_arena_format(i->model->arena, "%s%s", i->name, row->name + 1);
	if (row->name[0] != '@')
		return tl_arena_strdup(i->model->arena, row->name);
	param = tl_param_find(i->plugin, row->name + 1, strlen(row->name + 1));
	word = param ? tl_param_word(i->self, param, &n) : NULL;
	if (!word || !*word || strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") != strlen(word)) {
		tl_error_set(e, TL_USAGE, "%s: %s = \"%s\": wanted the name of a slot", i->who, row->name + 1, word ? word : "");
		return NULL;
	}
	return tl_arena_strdup(i->model->arena, word);
}

/* Does a module that comes later write the slot? */
static const tl_model_instance *
later_writer(tl_model *m, const tl_model_instance *i, const char *name)
{
	for (int k = i->at + 1; k < m->n; k++) {
		tl_model_instance *x = &m->instance[k];
		if (x->plugin->kind == TL_KIND_ENCODER && (!strcmp(name, "hidden") || !strcmp(name, "layers") || !strcmp(name, "cls") || !strcmp(name, "pooled") || !strcmp(name, "doc")))
			return x;
		for (const tl_slot *row = x->plugin->writes; row && row->name; row++) {
			char *written = slot_name(x, row, NULL);
			if (written && !strcmp(written, name))
				return x;
		}
	}
	return NULL;
}

static int
nothing_wrote(tl_model *m, const tl_model_instance *i, const char *name, tl_error *e)
{
	const tl_model_instance *later = later_writer(m, i, name);
	const char *names[64], *near;
	tl_text all = { 0 };
	int n = 0;

	if (later)
		return tl_error_set(e, TL_USAGE, "%s reads the slot %s, which %s writes only after it; put %s before %s", i->who, name, later->who, later->name, i->name);
	if (!m->encoder && !m->injection && (!strcmp(name, "hidden") || !strcmp(name, "layers") || !strcmp(name, "cls") || !strcmp(name, "pooled") || !strcmp(name, "doc")))
		return tl_error_set(e, TL_USAGE, "%s reads the slot %s, which an encoder writes, and the model has none; put one before %s, such as tl.encoder.transformer", i->who, name, i->name);
	for (int k = 0; k < m->n_slots && n < 64; k++)
		if (m->slot[k].there)
			names[n++] = m->slot[k].name;
	near = tl_nearest(name, names, n);
	for (int k = 0; k < n && all.n < 300; k++)
		tl_text_add(&all, "%s%s", k ? ", " : "", names[k]);
	if (near)
		tl_error_set(e, TL_USAGE, "%s reads the slot %s, which nothing before it writes; did you mean %s?", i->who, name, near);
	else if (!strcmp(name, "label_hidden"))
		tl_error_set(e, TL_USAGE, "%s reads the slot label_hidden, which nothing before it writes; put a module that makes label vectors before %s, such as label_embedding", i->who, i->name);
	else
		tl_error_set(e, TL_USAGE, "%s reads the slot %s, which nothing before it writes; before it there %s %s", i->who, name, n == 1 ? "is" : "are", n ? all.s : "no slots");
	tl_text_free(&all);
	return -1;
}

static const char *
writer_of(const tl_model *m, const tl_slot_value *s)
{
	return s->writer < 0 ? m->injection ? "the given tensor" : "the batch" : m->instance[s->writer].who;
}

static bool
kinds_agree(int read, int written)
{
	return read == written;
}

static int
wire_read(tl_model *m, tl_model_instance *i, const tl_slot *row, tl_error *e)
{
	static const char *const words[] = { "a tensor", "a list of tensors", "the token input", "integers", "sparse features" };
	tl_slot_use *use = &i->read[i->n_reads];
	tl_error why = { 0 };
	tl_slot_value *s;
	char *got;

	if (!(use->name = slot_name(i, row, e)))
		return -1;
	use->row = row;
	use->slot = tl_find_slot(m, use->name);
	if (use->slot >= 0 && !m->slot[use->slot].there)
		use->slot = -1;
	if (use->slot < 0 && !strcmp(use->name, "doc")) { /* doc is pooled as long as nothing wrote it */
		use->slot = tl_find_slot(m, "pooled");
		if (use->slot >= 0 && !m->slot[use->slot].there)
			use->slot = -1;
	}
	i->n_reads++;
	if (use->slot < 0)
		return row->optional ? 0 : nothing_wrote(m, i, use->name, e);
	s = &m->slot[use->slot];
	use->writer = s->writer;
	if (!kinds_agree(row->kind, s->kind))
		return tl_error_set(e, TL_USAGE, "%s reads the slot %s as %s, but %s wrote %s", i->who, use->name, words[row->kind], writer_of(m, s), words[s->kind]);
	if (row->kind == TL_SLOT_INPUT || row->kind == TL_SLOT_FEATURES)
		return 0;
	got = tl_shape_words(m, s->rank, s->dim);
	use->shape = tl_arena_strdup(m->arena, got);
	free(got);
	if (tl_unify(i, row->shape, s->rank, s->dim, &why) < 0)
		return tl_error_set(e, TL_USAGE, "%s reads the slot %s as [%s], but %s wrote %s: %s", i->who, use->name, row->shape, writer_of(m, s), use->shape, why.text);
	return 0;
}

static int
wire_write(tl_model *m, tl_model_instance *i, const char *name, int kind, const char *shape, const tl_slot *row, tl_error *e)
{
	tl_slot_use *use = &i->write[i->n_writes];
	tl_slot_value *s;
	char *text;

	use->row = row;
	use->name = tl_arena_strdup(m->arena, name);
	use->slot = slot_named(m, name);
	i->n_writes++;
	s = &m->slot[use->slot];
	s->kind = kind;
	s->writer = i->at;
	s->there = true;
	if (!shape)
		return 0;
	if (tl_evaluate_shape(i, shape, 0, 0, &s->rank, s->dim, e) < 0)
		return tl_error_who(e, "%s writes the slot %s [%s]", i->who, name, shape);
	text = tl_shape_words(m, s->rank, s->dim);
	use->shape = tl_arena_strdup(m->arena, text);
	free(text);
	return 0;
}

/* The outputs of an encoder; its own rows may say other shapes (a cnn's pooled vector is as wide as its filters). */
static int
wire_encoder(tl_model *m, tl_model_instance *i, tl_error *e)
{
	static const struct { const char *name, *shape; int kind; } outputs[] = {
		{ "hidden", "T d", TL_SLOT_TENSOR }, { "layers", "T d", TL_SLOT_LIST }, { "cls", "B d", TL_SLOT_TENSOR }, { "pooled", "B d", TL_SLOT_TENSOR } };
	int input = tl_find_slot(m, "input");
	bool declared = i->plugin->writes && i->plugin->writes->name;

	if (input < 0)
		return tl_error_set(e, TL_USAGE, "%s reads the token input, and there is none: the data has features only", i->who);
	i->read[i->n_reads++] = (tl_slot_use){ .name = m->slot[input].name, .slot = input };
	for (size_t k = 0; k < sizeof outputs / sizeof *outputs; k++) {
		const tl_slot *row = i->plugin->writes;
		bool holds = true;
		while (row && row->name && strcmp(row->name, outputs[k].name))
			row++;
		if (declared && (!row || !row->name))
			continue;
		if (declared && tl_row_holds(i, row->when, &holds, e) < 0)
			return tl_error_who(e, "%s", i->who);
		if (holds && wire_write(m, i, outputs[k].name, outputs[k].kind, declared && row->shape ? row->shape : outputs[k].shape, NULL, e) < 0)
			return -1;
	}
	if (m->slot[input].writer >= 0) /* a module rewrote the input: it may have put label positions into it */
		return wire_write(m, i, "label_hidden", TL_SLOT_TENSOR, "B L d", NULL, e);
	return 0;
}

static int
rows(const tl_slot *row)
{
	int n = 0;

	while (row && row[n].name)
		n++;
	return n;
}

static int
wire_instance(tl_model *m, tl_model_instance *i, tl_error *e)
{
	i->read = tl_arena_zalloc(m->arena, (size_t)(rows(i->plugin->reads) + 1) * sizeof *i->read);
	i->write = tl_arena_zalloc(m->arena, (size_t)(rows(i->plugin->writes) + 8) * sizeof *i->write);
	if (i->plugin->kind == TL_KIND_ENCODER)
		return wire_encoder(m, i, e) < 0 ? -1 : tl_declare_weights(m, i, e);
	for (const tl_slot *row = i->plugin->reads; row && row->name; row++) {
		bool holds;
		if (tl_row_holds(i, row->when, &holds, e) < 0)
			return tl_error_who(e, "%s", i->who);
		if (holds && wire_read(m, i, row, e) < 0)
			return -1;
	}
	if (tl_declare_weights(m, i, e) < 0)
		return -1;
	for (const tl_slot *row = i->plugin->writes; row && row->name; row++) {
		bool holds;
		char *name;
		if (tl_row_holds(i, row->when, &holds, e) < 0)
			return tl_error_who(e, "%s", i->who);
		if (!holds)
			continue;
		if (!(name = slot_name(i, row, e)) || wire_write(m, i, name, row->kind, row->kind == TL_SLOT_INPUT || row->kind == TL_SLOT_FEATURES ? NULL : row->shape, row, e) < 0)
			return -1;
	}
	return 0;
}

/* The slots that are there before the first module. */
static void
first_slots(tl_model *m)
{
	static const char *const always[] = { "input", "features" };

	for (int k = 0; k < 2; k++) {
		int at;
		if (m->injection && (k == 1 || m->injection->n_tokens < 0))
			continue;
		at = slot_named(m, always[k]);
		m->slot[at].kind = k ? TL_SLOT_FEATURES : TL_SLOT_INPUT;
		m->slot[at].there = true;
	}
	for (int k = 0; m->injection && k < m->injection->n_slots; k++) {
		const tl_injected *x = &m->injection->slot[k];
		bool list = !strcmp(x->name, "layers");
		int at = slot_named(m, x->name);
		m->slot[at].kind = list ? TL_SLOT_LIST : x->ints ? TL_SLOT_INT : TL_SLOT_TENSOR;
		m->slot[at].there = true;
		m->slot[at].rank = x->rank - list;
		memcpy(m->slot[at].dim, x->dim + list, (size_t)m->slot[at].rank * sizeof *x->dim);
	}
}

/* What the encoder has to compute: its outputs that somebody behind it reads (others may write slots of these names, too). */
static void
what_is_wanted(tl_model *m)
{
	static const struct { const char *name; unsigned want; } bits[] = { { "hidden", TL_WANT_HIDDEN }, { "label_hidden", TL_WANT_HIDDEN }, { "layers", TL_WANT_LAYERS }, { "cls", TL_WANT_CLS }, { "pooled", TL_WANT_POOLED } };

	m->want = m->injection ? m->injection->want : 0;
	for (int k = m->encoder ? m->encoder->at + 1 : m->n; k < m->n; k++)
		for (int r = 0; r < m->instance[k].n_reads; r++)
			for (size_t b = 0; b < sizeof bits / sizeof *bits; b++)
				if (m->instance[k].read[r].slot >= 0 && m->instance[k].read[r].writer == m->encoder->at && !strcmp(m->slot[m->instance[k].read[r].slot].name, bits[b].name))
					m->want |= bits[b].want;
}

int
tl_wire(tl_model *m, tl_error *e)
{
	first_slots(m);
	for (int k = 0; k < m->n; k++)
		if (wire_instance(m, &m->instance[k], e) < 0)
			return -1;
	what_is_wanted(m);
	return 0;
}
