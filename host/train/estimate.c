/*
 * estimate.c - the memory that a run will take, before it takes it. The model is built without weights, and the largest batch of all epochs and the
 * largest one of the evaluations go through it counted, not computed (tensor/count.c): what a step allocates is known to the byte. Weights,
 * gradients, moments, copies, stored scores and token ids are arithmetic; what the process holds already is measured.
 */
#include "run.h"

#include <stdlib.h>
#include <string.h>

enum { LATER = 14 << 20 }; /* bytes: pages of libraries that only training touches, stacks, packed factors of products; measured */

static double
gib(int64_t bytes)
{
	return (double)bytes / (1 << 30);
}

/* The batch of the most tokens (documents where there are none) among b: its number. */
static int64_t
largest_of(const tl_batches *b, const int64_t *offsets, int64_t *most)
{
	int64_t at = -1;

	for (int64_t i = 0; i < b->n; i++) {
		int64_t n = 0;
		for (int64_t k = b->start[i]; k < b->start[i + 1]; k++)
			n += offsets ? offsets[b->order[k] + 1] - offsets[b->order[k]] : 1;
		if (n > *most) {
			*most = n;
			at = i;
		}
	}
	return at;
}

int
tl_run_largest(tl_run *run, int32_t **document, int64_t *n, int64_t *tokens)
{
	const tl_feed *f = &run->feed[TL_TRAIN];
	const int64_t *offsets = f->tokens ? f->tokens->offsets : NULL;
	tl_batches b = { 0 };

	*n = 0;
	*tokens = -1;
	*document = tl_alloc((size_t)(f->n + 1) * sizeof **document);
	for (int64_t epoch = 1; epoch <= TL_MAX(run->plan.epochs, 1); epoch++) {
		int64_t at;
		tl_batches_shuffled(&b, f->n, offsets, run->seed, epoch, run->plan.batch, run->plan.batch_tokens);
		if ((at = largest_of(&b, offsets, tokens)) < 0)
			continue;
		*n = b.start[at + 1] - b.start[at];
		memcpy(*document, b.order + b.start[at], (size_t)*n * sizeof **document);
	}
	tl_batches_free(&b);
	return *n ? 0 : -1;
}

/* --- one step of training, one of an evaluation ------------------------------------------------------------------------------------------ */
/* *products: operations of a token of the largest batch. */
static int
count_training(tl_run *run, tl_model *m, tl_estimate *x, double *products)
{
	int32_t *document;
	tl_outcome out;
	int status = 0;

	if (!tl_run_largest(run, &document, &x->documents, &x->tokens) && tl_model_step(m, tl_pack(&run->packer, &run->feed[TL_TRAIN], document, x->documents, true), 0, true, 1, &out) < 0)
		status = tl_model_error(m, run->e);
	free(document);
	*products = x->tokens > 0 ? tl_ctx_operations(tl_model_ctx(m)).products / (double)x->tokens : 0;
	return status;
}

static double
tokens_of(const tl_run *run, int split)
{
	const tl_tokens *t = run->feed[split].tokens;

	return t ? (double)t->offsets[t->n] : 0;
}

/* The products of a training; what a frozen encoder adds to them, once where its outputs are kept, else in every step. */
static int
count_products(tl_run *run, tl_model *m, tl_estimate *x, double products)
{
	double all = products, steps = tokens_of(run, TL_TRAIN) * (double)run->plan.epochs;
	bool kept = tl_run_keeps(run, m);

	if (tl_model_fixed(m, NULL)) {
		tl_model_unfix(m);
		if (count_training(run, m, x, &all) < 0)
			return -1;
	}
	x->products = (kept ? products : all) * steps;
	for (int s = 0; s < TL_SPLITS && kept; s++)
		x->once += (all - products) * tokens_of(run, s);
	return 0;
}

static int
count_evaluation(tl_run *run, tl_model *m)
{
	tl_evaluator ev = { .model = m, .batch = 2 * run->plan.batch, .batch_tokens = 2 * run->plan.batch_tokens };
	tl_outcome out;
	int status = tl_model_before_eval(m) < 0 ? tl_model_error(m, run->e) : 0;

	for (int s = TL_VALID; s < TL_SPLITS && !status; s++) {
		const tl_feed *f = &run->feed[s];
		int64_t most = -1, at, L = run->d->n_labels;
		if (!run->d->split[s].present || !f->n)
			continue;
		tl_evaluation_batches(&ev, f, L);
		at = largest_of(&ev.batches, f->tokens ? f->tokens->offsets : NULL, &most);
		tl_model_keep(m, f->n > TL_DENSE_LIMIT / L ? TL_MIN(run->d->keep, L) : 0);
		if (tl_model_step(m, tl_pack(&run->packer, f, ev.batches.order + ev.batches.start[at], ev.batches.start[at + 1] - ev.batches.start[at], false), 0, false, 1, &out) < 0)
			status = tl_model_error(m, run->e);
	}
	tl_evaluator_free(&ev);
	return status;
}

/* --- arithmetic -------------------------------------------------------------------------------------------------------------------------- */
/* Values, gradients, moments of what is trained, the best epoch's values, what modules keep between steps. */
static int64_t
weights_bytes(const tl_run *run, tl_model *m)
{
	tl_weights *w = tl_model_weights(m);
	int64_t all = tl_weights_size(w), trained = 0;

	for (int i = 0; i < tl_weights_count(w); i++)
		trained += tl_weights_at(w, i)->trainable ? tl_weights_at(w, i)->count : 0;
	return (all * (2 + (run->select >= 0)) + trained * (run->plan.optimizer == TL_SGD ? 1 : 2)) * (run->plan.compute == TL_F64 ? 8 : 4) + tl_model_state_bytes(m) * (1 + (run->select >= 0));
}

/* Token ids are mapped and read in full; scores are those of one split at the best epoch, at the present one, and of test, and their probabilities while metrics are computed. */
static int64_t
data_bytes(const tl_run *run)
{
	int64_t bytes = 0, L = run->d->n_labels, widest = 0;

	for (int s = 0; s < TL_SPLITS; s++) {
		int64_t n = run->feed[s].n, a_document = n > TL_DENSE_LIMIT / L ? TL_MIN(run->d->keep, L) * 8 : L * 4;
		const tl_tokens *t = run->feed[s].tokens;
		bytes += t ? t->offsets[t->n] * (int64_t)sizeof *t->ids + t->n * 8 : 0;
		if (s == TL_TRAIN)
			continue;
		bytes += n * a_document * (s == TL_VALID && run->select >= 0 ? 2 : 1);
		widest = TL_MAX(widest, n * (n > TL_DENSE_LIMIT / L ? TL_MIN(run->d->keep, L) * 12 : L * 12));
	}
	return bytes + widest;
}

static void
says_nothing(void *arg, const char *text) /* the run itself will say it */
{
	(void)arg, (void)text;
}

int
tl_run_estimate(tl_run *run, tl_estimate *x)
{
	tl_model *m = tl_model_new(&(tl_model_setup){
		.registry = run->registry, .modules = run->modules, .script_dir = run->o->script_dir, .compute = run->plan.compute, .recompute = run->plan.recompute, .seed = run->seed,
		.n_labels = run->d->n_labels, .statistics = &run->d->statistics, .dataset = run->d, .tokenizer = run->tokenizer, .skip_weights = true, .counting = true, .warn = says_nothing,
	}, run->e);
	int64_t before = tl_memory_used();
	double products = 0;
	int status;

	*x = (tl_estimate){ 0 };
	if (!m)
		return -1;
	status = count_training(run, m, x, &products) || count_evaluation(run, m) ? -1 : 0;
	x->weights = weights_bytes(run, m);
	x->step = (int64_t)tl_ctx_peak_bytes(tl_model_ctx(m));
	x->data = before + LATER + data_bytes(run);
	x->bytes = TL_MAX(x->weights + x->step + x->data, tl_memory_peak());
	if (!status)
		status = count_products(run, m, x, products);
	tl_model_free(m);
	return status;
}

/* --- refusal ----------------------------------------------------------------------------------------------------------------------------- */
/* What would fit: layers computed again, then smaller batches. */
static void
cure(tl_run *run, int64_t room, tl_text *out)
{
	tl_plan plan = run->plan;
	tl_estimate x;

	run->plan.recompute = true;
	for (int64_t parts = 1; parts <= 64; parts *= 2) {
		run->plan.batch = plan.batch / parts;
		run->plan.batch_tokens = plan.batch_tokens / parts;
		if ((plan.batch && !run->plan.batch) || tl_run_estimate(run, &x) < 0)
			break;
		if (x.bytes - tl_memory_used() > room)
			continue;
		tl_text_add(out, "; it fits with");
		if (!plan.recompute)
			tl_text_add(out, " recompute = \"layer\"");
		if (parts > 1 && run->plan.batch_tokens)
			tl_text_add(out, "%s batch_tokens = %lld", plan.recompute ? "" : ",", (long long)run->plan.batch_tokens);
		if (parts > 1 && run->plan.batch)
			tl_text_add(out, "%s batch = %lld, accumulate = %lld", plan.recompute && !run->plan.batch_tokens ? "" : ",", (long long)run->plan.batch, (long long)(plan.accumulate * parts));
		tl_text_add(out, " (%.2f GiB)", gib(x.bytes));
		run->plan = plan;
		return;
	}
	run->plan = plan;
	tl_text_add(out, "; no smaller batch makes it fit");
}

int
tl_run_check_memory(tl_run *run, const tl_estimate *x)
{
	const char *by;
	int64_t room = tl_memory_available(x->step / 8 + LATER, &by); /* stacks, pools and ends of blocks */
	tl_text how = { 0 };

	run->tight = x->bytes - tl_memory_used() > room / 2;
	if (x->bytes - tl_memory_used() <= room)
		return 0;
	cure(run, room, &how);
	tl_error_set(run->e, TL_ENVIRONMENT, "the run needs about %.2f GiB: %.2f for weights, gradients and moments, %.2f for its largest batch (%lld documents, %lld tokens), %.2f for data and program; %.2f GiB are left %s%s",
	             gib(x->bytes), gib(x->weights), gib(x->step), (long long)x->documents, (long long)x->tokens, gib(x->data), gib(room), by, how.s);
	tl_text_free(&how);
	return -1;
}

/* --- the largest batch, tried -------------------------------------------------------------------------------------------------------------- */
int
tl_run_try_largest(tl_run *run)
{
	tl_text state = { 0 };
	int32_t *document = NULL;
	int64_t n, tokens;
	tl_outcome out;
	int status = tl_model_save_state(run->m, &state) < 0 || tl_run_largest(run, &document, &n, &tokens) < 0 ? tl_run_blame(run) : 0;

	if (!status && (tl_model_step(run->m, tl_pack(&run->packer, &run->feed[TL_TRAIN], document, n, true), run->p.micro, true, 1, &out) < 0 || tl_model_load_state(run->m, state.s, state.n) < 0)) {
		tl_run_blame(run);
		status = tl_error_who(run->e, "the largest batch (%lld documents, %lld tokens), tried before training", (long long)n, (long long)tokens);
	}
	tl_weights_zero_gradients(run->w, run->pool);
	tl_text_free(&state);
	free(document);
	return status;
}
