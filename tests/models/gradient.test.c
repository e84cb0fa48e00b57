/*
 * Whole tiny models in double, with dropout on, in which modules really call the encoder: the gradient of every weight against central differences.
 * Reference vectors give such calls' results; here nothing is given but ids, labels and label names.
 */
#include <math.h>

#include "plugin/host.h"
#include "tap.h"

enum { L = 5, B = 3 };
#define ENCODER "{\"kind\":\"encoder\",\"plugin\":\"transformer\",\"name\":\"transformer\",\"params\":{\"dim\":8,\"layers\":2,\"heads\":2,\"ffn\":12,\"vocab\":220,\"max_positions\":512}}"
#define LABEL(plugin, name, params) "{\"kind\":\"label\",\"plugin\":\"" plugin "\",\"name\":\"" name "\",\"params\":{" params "}}"

static const struct { const char *what, *modules; } models[] = {
	{ "baseline", "[" ENCODER "," LABEL("classifier", "classifier", "") "]" },
	{ "bow", "[{\"kind\":\"encoder\",\"plugin\":\"bow\",\"name\":\"bow\",\"params\":{\"dim\":6,\"vocab\":220}}," LABEL("classifier", "classifier", "\"hidden\":4,\"activation\":\"tanh\"") "]" },
	{ "cnn", "[{\"kind\":\"encoder\",\"plugin\":\"cnn\",\"name\":\"cnn\",\"params\":{\"dim\":6,\"filters\":4,\"widths\":[2,3],\"vocab\":220}}," LABEL("classifier", "classifier", "") "]" },
	{ "sep: label_text calls the encoder", "[" ENCODER "," LABEL("label_text", "label_text", "\"source\":\"description\"") "," LABEL("sep_label", "sep_label", "\"weight\":0.5") ","
		LABEL("sep_doc", "sep_doc", "\"weight\":0.5,\"disjoint_weight\":0.1") "," LABEL("lgfs", "lgfs", "") "," LABEL("classifier", "classifier", "\"hidden\":6") "]" },
	{ "label_text over its budget", "[" ENCODER "," LABEL("label_text", "label_text", "\"pool\":\"mean\",\"budget\":9") "," LABEL("lgfs", "lgfs", "") "," LABEL("classifier", "classifier", "") "]" },
	{ "gudn: guide calls the encoder", "[" ENCODER "," LABEL("guide", "guide", "\"feature_dim\":6,\"layers_text\":1,\"layers_label\":2,\"reinforcement\":\"disordered\",\"label_length\":20") "]" },
	{ "gudn, released", "[" ENCODER "," LABEL("guide", "guide", "\"variant\":\"released\"") "]" },
	{ "uclaf: cacl calls a copy of the encoder", "[" ENCODER "," LABEL("label_embedding", "label_embedding", "") "," LABEL("lan", "lan", "\"attention_dim\":4") ","
		LABEL("cacl", "cacl", "\"tau\":0.5,\"dim\":4,\"queue\":4,\"view\":\"mask\"") "]" },
	{ "laco", "[" LABEL("joint", "joint", "\"max_length\":20") "," ENCODER "," LABEL("cross_attention", "cross_attention", "\"window\":3") "," LABEL("classifier", "classifier", "\"reduction\":\"sum_labels\"") ","
		LABEL("plcp", "plcp", "\"pairs\":2") "," LABEL("clcp", "clcp", "") "]" },
	{ "laco, names' word pieces, 2d", "[" LABEL("joint", "joint", "\"label_token\":\"name_mean\"") "," ENCODER "," LABEL("cross_attention", "cross_attention", "\"window\":2,\"conv\":\"2d\"") "," LABEL("classifier", "classifier", "") "]" },
	{ "labelcorank", "[" ENCODER "," LABEL("classifier", "initial", "\"from\":\"pooled\",\"into\":\"logits.initial\",\"weight\":0.25") "," LABEL("corank", "corank", "\"gamma\":3,\"heads\":2,\"ffn_hidden\":5") ","
		LABEL("classifier", "classifier", "\"weight\":0.75") "]" },
	{ "corank + cacl", "[" ENCODER "," LABEL("classifier", "initial", "\"from\":\"pooled\",\"into\":\"logits.initial\"") "," LABEL("corank", "corank", "\"gamma\":2,\"heads\":2,\"ffn_hidden\":5") ","
		LABEL("classifier", "classifier", "") "," LABEL("cacl", "cacl", "\"tau\":1,\"dim\":4,\"view\":\"shuffle\",\"positives\":\"any\"") "]" },
	{ "laco joint + lan", "[" LABEL("joint", "joint", "") "," ENCODER "," LABEL("lan", "lan", "\"attention_dim\":4,\"hidden\":3") "]" },
	{ "sep_doc + corank", "[" ENCODER "," LABEL("sep_doc", "sep_doc", "\"weight\":1") "," LABEL("classifier", "initial", "\"from\":\"pooled\",\"into\":\"logits.initial\"") ","
		LABEL("corank", "corank", "\"gamma\":5,\"heads\":1,\"ffn_hidden\":5") "," LABEL("classifier", "classifier", "") "]" },
	{ "guide + lan", "[" ENCODER "," LABEL("guide", "guide", "\"feature_dim\":6,\"rank_activation\":\"relu\"") "," LABEL("label_embedding", "label_embedding", "") "," LABEL("lan", "lan", "\"attention_dim\":4,\"scope\":\"batch\"") "]" },
	{ "cross_attention + lgfs", "[" ENCODER "," LABEL("label_embedding", "label_embedding", "\"init\":\"text\"") "," LABEL("cross_attention", "cross_attention", "\"window\":3,\"normalize\":false") "," LABEL("lgfs", "lgfs", "") ","
		LABEL("classifier", "classifier", "") "]" },
};

static const int32_t offsets[B + 1] = { 0, 7, 12, 16 };
static const int32_t label_offsets[B + 1] = { 0, 2, 3, 5 }, labels[] = { 0, 3, 1, 0, 3 };
static int32_t ids[16];

static double
total_of(tl_model *m, tl_error *e)
{
	tl_documents batch = { .n = B, .offsets = offsets, .ids = ids, .label_offsets = label_offsets, .labels = labels };
	tl_outcome out;

	if (tl_model_step(m, &batch, 3, true, 1, &out) < 0) {
		*e = *tl_ctx_error(tl_model_ctx(m));
		return NAN;
	}
	return out.total;
}

/* Up to four elements of every weight, by central differences. Returns the number of elements compared, -1 after a difference. */
static int
compare(tl_model *m, tl_error *e)
{
	tl_weights *w = tl_model_weights(m);
	int64_t size = tl_weights_size(w);
	double *value = tl_weights_values(w), *gradient = tl_alloc((size_t)size * sizeof *gradient), total;
	int n = 0, bad = 0, moved = 0;

	tl_weights_zero_gradients(w, NULL);
	total = total_of(m, e);
	memcpy(gradient, tl_weights_gradients(w), (size_t)size * sizeof *gradient);
	for (int i = 0; isfinite(total) && i < tl_weights_count(w); i++) {
		tl_weight_info *info = tl_weights_at(w, i);
		if (!info->trainable)
			continue;
		for (int k = 0; k < 4; k++) {
			int64_t at = info->offset + (info->count * (2 * k + 1)) / 8;
			double keep = value[at], step = 1e-5, up, down, slope, floor;
			value[at] = keep + step;
			up = total_of(m, e);
			value[at] = keep - step;
			down = total_of(m, e);
			value[at] = keep;
			slope = (up - down) / (2 * step);
			floor = 1e-9 + 1e-10 * fabs(total) / step;
			n++;
			moved += fabs(slope) > floor;
			if (!(fabs(slope - gradient[at]) <= 2e-5 * fabs(slope) + 3 * floor)) {
				bad++;
				printf("# %s[%lld]: gradient %.12g, difference quotient %.12g\n", info->name, (long long)(at - info->offset), gradient[at], slope);
			}
		}
	}
	free(gradient);
	return bad || !moved || !isfinite(total) ? -1 : n;
}

int
main(void)
{
	static const char *names[L] = { "computer vision", "logic", "networks", "quantum physics", "games" }, *keys[L] = { "cv", "lo", "ni", "qp", "gt" };
	static const int64_t train_offsets[] = { 0, 2, 4, 5, 7, 10 };
	static const int32_t train_labels[] = { 0, 3, 1, 2, 4, 0, 3, 0, 1, 3 };
	uint32_t lengths[L];
	tl_arena *arena = tl_arena_new(0);
	tl_statistics statistics;
	tl_error e = { 0 };
	tl_registry *registry = tl_registry_new();
	tl_pool *pool = tl_pool_new(2);
	tl_tokenizer *tokenizer;
	tl_dataset dataset = { .n_labels = L, .label_key = keys, .label_name = names, .label_description = names };

	for (int i = 0; i < L; i++)
		lengths[i] = (uint32_t)strlen(names[i]);
	tokenizer = tl_tokenizer_train(names, lengths, L, 200, &e);
	if (!ok(tokenizer && !tl_statistics_of(&statistics, train_offsets, train_labels, NULL, 5, L, arena, &e), "a tokenizer and label statistics"))
		return printf("# %s\n", e.text), done();
	for (int i = 0; i < 16; i++)
		ids[i] = 5 + (i * 7) % 40;
	for (int i = 0; i < TL_COUNT(models); i++) {
		json_t *modules = tl_json_parse(models[i].modules, strlen(models[i].modules), models[i].what, &e);
		tl_model_setup setup = { .registry = registry, .modules = modules, .compute = TL_F64, .pool = pool, .seed = 11, .n_labels = L, .statistics = &statistics, .dataset = &dataset, .tokenizer = tokenizer };
		tl_model *m = modules ? tl_model_new(&setup, &e) : NULL;
		int n = m ? compare(m, &e) : -1;
		ok(n > 0 && !e.status, "%s: %d gradients agree", models[i].what, n);
		if (e.status)
			printf("# %s\n", e.text);
		e.status = 0;
		tl_model_free(m);
		json_decref(modules);
	}
	tl_tokenizer_free(tokenizer);
	tl_registry_free(registry);
	tl_pool_free(pool);
	tl_arena_free(arena);
	return done();
}
