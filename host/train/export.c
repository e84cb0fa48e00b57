/*
 * export.c - a trained run as other tools read it: the encoder as a Hugging Face folder (weights under their checkpoint's own names), the
 * other modules as one safetensors file, the labels as a list.
 */
#include "trained.h"

#include <stdlib.h>
#include <string.h>

static int
write_text(const char *dir, const char *name, const char *text, size_t n, tl_error *e)
{
	char *path = tl_path_join(dir, name);
	int status = tl_write_file(path, text, n, e);

	free(path);
	return status;
}

static int
write_json(const char *dir, const char *name, const json_t *v, tl_error *e)
{
	char *text = json_dumps(v, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_REAL_PRECISION(16));
	int status = write_text(dir, name, text, strlen(text), e);

	free(text);
	return status;
}

static const json_t *
encoder_of(const tl_trained *t)
{
	json_t *m;
	size_t i;

	json_array_foreach(json_object_get(t->config, "model"), i, m)
		if (!strcmp(tl_json_string(m, "kind", ""), "encoder"))
			return m;
	return NULL;
}

static int64_t
weight_dim(const tl_trained *t, const char *instance, const char *name, int axis)
{
	tl_weights *w = tl_model_weights(t->m);
	char *full = tl_format("%s.%s", instance, name);
	int i = tl_weights_find(w, full);

	free(full);
	return i < 0 ? 0 : tl_dim(tl_weights_at(w, i)->tensor, axis);
}

/* The config.json of an encoder that was trained from scratch, from its parameters and the shapes of its weights. */
static json_t *
made_config(const tl_trained *t, const json_t *module)
{
	const json_t *p = json_object_get(module, "params");
	const char *layout = tl_json_string(p, "layout", "bert"), *name = tl_json_string(module, "name", "transformer"), *act = tl_json_string(p, "activation", "gelu");
	int64_t vocab = weight_dim(t, name, "embeddings.word_embeddings.weight", 0), dim = weight_dim(t, name, "embeddings.word_embeddings.weight", 1);
	json_int_t layers = tl_json_int(p, "layers", 6), heads = tl_json_int(p, "heads", 12), ffn = tl_json_int(p, "ffn", 1536), positions = tl_json_int(p, "max_positions", 512);
	double dropout = tl_json_number(p, "dropout", 0.1), attention = tl_json_number(p, "attention_dropout", 0.1);
	json_int_t pad = tl_json_int(p, "pad", 0);

	if (!strcmp(act, "none"))
		act = "linear";
	if (!strcmp(layout, "distilbert"))
		return json_pack("{ss s[s] sI sI sI sI sI sI sI sf sf ss}", "model_type", "distilbert", "architectures", "DistilBertModel", "vocab_size", (json_int_t)vocab, "dim", (json_int_t)dim,
		                 "n_layers", layers, "n_heads", heads, "hidden_dim", ffn, "max_position_embeddings", positions, "pad_token_id", pad, "dropout", dropout,
		                 "attention_dropout", attention, "activation", act);
	return json_pack("{ss s[s] sI sI sI sI sI sI sI sI sf sf sf ss ss}", "model_type", layout, "architectures", !strcmp(layout, "roberta") ? "RobertaModel" : "BertModel",
	                 "vocab_size", (json_int_t)vocab, "hidden_size", (json_int_t)dim, "num_hidden_layers", layers, "num_attention_heads", heads, "intermediate_size", ffn,
	                 "max_position_embeddings", positions, "type_vocab_size", (json_int_t)weight_dim(t, name, "embeddings.token_type_embeddings.weight", 0), "pad_token_id", pad,
	                 "hidden_dropout_prob", dropout, "attention_probs_dropout_prob", attention, "layer_norm_eps", tl_json_number(p, "eps", 1e-12), "hidden_act", act,
	                 "position_embedding_type", "absolute");
}

static int
write_weights(const tl_trained *t, const char *dir, const char *file, const char *encoder, bool others, tl_error *e)
{
	tl_weights *w = tl_model_weights(t->m);
	int n = 0, count = tl_weights_count(w), status = 0;
	tl_st_out *out = tl_alloc((size_t)(count + 1) * sizeof *out);
	size_t skip = encoder ? strlen(encoder) : 0;
	char *path = tl_path_join(dir, file);

	for (int i = 0; i < count; i++) {
		const tl_weight_info *x = tl_weights_at(w, i);
		bool of_encoder = encoder && !strncmp(x->name, encoder, skip) && x->name[skip] == '.';
		if (of_encoder == others)
			continue;
		out[n] = (tl_st_out){ .name = others ? x->name : x->name + skip + 1, .dtype = "F32", .rank = tl_rank(x->tensor), .data = tl_data(x->tensor), .bytes = (size_t)x->count * 4 };
		for (int k = 0; k < out[n].rank; k++)
			out[n].dim[k] = tl_dim(x->tensor, k);
		n++;
	}
	if (n || others)
		status = tl_st_write(path, n, out, (const char *const[]){ "format", "pt", NULL }, e);
	free(path);
	free(out);
	return status;
}

/* vocab.txt of a WordPiece tokenizer: one piece a line, in order of the ids. */
static int
write_vocabulary(const json_t *tokenizer, const char *dir, tl_error *e)
{
	const json_t *model = json_object_get(tokenizer, "model"), *vocab = json_object_get(model, "vocab");
	const char *piece, **at;
	size_t n = json_object_size(vocab);
	json_t *id;
	tl_text t = { 0 };
	int status;

	if (!tl_streq(json_string_value(json_object_get(model, "type")), "WordPiece"))
		return 0;
	at = tl_alloc((n + 1) * sizeof *at);
	json_object_foreach((json_t *)vocab, piece, id)
		if (json_integer_value(id) >= 0 && (size_t)json_integer_value(id) < n)
			at[json_integer_value(id)] = piece;
	for (size_t i = 0; i < n; i++)
		tl_text_add(&t, "%s\n", at[i] ? at[i] : "[unused]");
	status = write_text(dir, "vocab.txt", t.s ? t.s : "", t.n, e);
	tl_text_free(&t);
	free(at);
	return status;
}

static int
write_tokenizer(const tl_trained *t, const char *dir, tl_error *e)
{
	static const char *const roles[][2] = { { "unk", "unk_token" }, { "cls", "cls_token" }, { "sep", "sep_token" }, { "pad", "pad_token" }, { "mask", "mask_token" } };
	char *text = tl_tokenizer_json(t->tokenizer);
	json_t *v = text ? tl_json_parse(text, strlen(text), "tokenizer.json", e) : NULL, *config, *vocab;
	const char *piece;
	json_t *id;
	int status = -1;

	if (!v)
		goto end;
	vocab = json_object_get(json_object_get(v, "model"), "vocab");
	config = json_pack("{ss sI}", "tokenizer_class", "PreTrainedTokenizerFast", "model_max_length", (json_int_t)t->d->max_length);
	json_object_foreach(vocab, piece, id)
		for (int64_t i = 0; i < TL_COUNT(roles); i++)
			if (json_integer_value(id) == tl_tokenizer_special(t->tokenizer, roles[i][0]))
				json_object_set_new(config, roles[i][1], json_string(piece));
	status = write_text(dir, "tokenizer.json", text, strlen(text), e);
	if (!status)
		status = write_json(dir, "tokenizer_config.json", config, e);
	json_decref(config);
	if (!status)
		status = write_vocabulary(v, dir, e);
end:
	json_decref(v);
	free(text);
	return status;
}

static int
write_pooling(const tl_trained *t, const json_t *module, const json_t *config, const char *dir, tl_error *e)
{
	const char *pooled = tl_json_string(json_object_get(module, "params"), "pooled", "auto"), *name = tl_json_string(module, "name", "transformer");
	json_t *v = NULL;
	char *folder;
	int status = 0;

	if (!strcmp(pooled, "mean") || !strcmp(pooled, "cls"))
		v = json_pack("{sI sb sb}", "word_embedding_dimension", (json_int_t)weight_dim(t, name, "embeddings.word_embeddings.weight", 1), "pooling_mode_cls_token", !strcmp(pooled, "cls"),
		              "pooling_mode_mean_tokens", !strcmp(pooled, "mean"));
	else if (!strcmp(pooled, "auto") && json_is_object(json_object_get(config, "1_Pooling")))
		v = json_deep_copy(json_object_get(config, "1_Pooling"));
	if (!v)
		return 0;
	folder = tl_path_join(dir, "1_Pooling");
	status = tl_make_dirs(folder, e) < 0 ? -1 : write_json(folder, "config.json", v, e);
	free(folder);
	json_decref(v);
	return status;
}

static int
write_encoder(const tl_trained *t, const json_t *module, const char *dir, tl_error *e)
{
	const json_t *given = json_object_get(json_object_get(module, "params"), "config");
	json_t *config = json_is_object(given) ? json_deep_copy((json_t *)(uintptr_t)given) : json_is_string(given) ? tl_json_parse(json_string_value(given), json_string_length(given), "config.json", e)
	                                                                                                : made_config(t, module);
	int status = config ? write_pooling(t, module, config, dir, e) : -1;

	if (!status) {
		json_object_del(config, "1_Pooling");
		status = write_json(dir, "config.json", config, e);
	}
	json_decref(config);
	return status ? -1 : write_weights(t, dir, "model.safetensors", tl_json_string(module, "name", "transformer"), false, e);
}

static int
write_labels(const tl_trained *t, const char *dir, tl_error *e)
{
	tl_text text = { 0 };
	int status = tl_dataset_label_lines(t->d, &text, e);

	if (!status)
		status = write_text(dir, "labels.txt", text.s ? text.s : "", text.n, e);
	tl_text_free(&text);
	return status;
}

int
tl_trained_export(tl_trained *t, const char *dir, tl_error *e)
{
	const json_t *encoder = encoder_of(t);
	bool hugging = encoder && !strcmp(tl_json_string(encoder, "plugin", ""), "transformer");
	json_t *modules;
	char *path;
	int status = 0;

	if (tl_make_dirs(dir, e) < 0)
		return -1;
	if (hugging && write_encoder(t, encoder, dir, e) < 0)
		return -1;
	if (t->tokenizer && write_tokenizer(t, dir, e) < 0)
		return -1;
	if (write_weights(t, dir, "modules.safetensors", hugging ? tl_json_string(encoder, "name", "transformer") : NULL, true, e) < 0 || write_labels(t, dir, e) < 0)
		return -1;
	modules = json_deep_copy(json_object_get(t->config, "model"));
	status = write_json(dir, "tagloom.json", modules, e);
	json_decref(modules);
	path = tl_path_join(t->folder, "state.bin");
	if (!status && tl_model_fits_itself(t->m) && tl_exists(path)) {
		char *bytes;
		size_t n;
		status = tl_read_file(path, &bytes, &n, e);
		if (!status) {
			status = write_text(dir, "state.bin", bytes, n, e);
			free(bytes);
		}
	}
	free(path);
	return status;
}
