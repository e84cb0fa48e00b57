/*
 * tokenizer_files.c - folders without a tokenizer.json: vocab.txt (BERT's conventions), or vocab.json and merges.txt (RoBERTa's, where its
 * special tokens are there; else GPT-2's). What they mean is written as a tokenizer.json.
 */
#include <stdlib.h>
#include <string.h>

#include "data/tokenizer.h"

static void
added_token(json_t *list, const json_t *vocab, const char *content, bool lstrip)
{
	json_t *id = json_object_get(vocab, content);

	if (id)
		json_array_append_new(list, json_pack("{sO ss sb sb sb sb sb}", "id", id, "content", content, "single_word", 0, "lstrip", lstrip, "rstrip", 0, "normalized", 0, "special", 1));
}

static json_t *
special_tokens(const json_t *vocab, const char *const *names, int n)
{
	json_t *list = json_array();

	for (int i = 0; i < n; i++)
		added_token(list, vocab, names[i], !strcmp(names[i], "<mask>"));
	return list;
}

/* tokenizer_config.json, or an empty object. */
static json_t *
config_of(const char *folder, tl_error *e)
{
	char *path = tl_path_join(folder, "tokenizer_config.json");
	json_t *j = tl_exists(path) ? tl_json_file(path, e) : json_object();

	if (j && !json_is_object(j)) {
		tl_error_set(e, TL_ENVIRONMENT, "%s: the file holds %s; wanted an object", path, tl_json_kind(j));
		json_decref(j);
		j = NULL;
	}
	free(path);
	return j;
}

static json_t *
read_vocab_txt(const char *path, tl_error *e)
{
	char *text, *end;
	size_t n;
	json_t *vocab;
	json_int_t id = 0;

	if (tl_read_file(path, &text, &n, e) < 0)
		return NULL;
	if (memchr(text, 0, n) || tl_utf8_bad(text, n) >= 0) {
		tl_error_set(e, TL_ENVIRONMENT, "%s: this is no list of tokens in UTF-8", path);
		free(text);
		return NULL;
	}
	vocab = json_object();
	for (char *line = text; line < text + n; line = end + 1, id++) {
		char *last;
		if (!(end = memchr(line, '\n', (size_t)(text + n - line))))
			end = text + n;
		for (last = end; last > line && strchr(" \t\r\n\v\f", last[-1]); last--)
			;
		*last = 0;
		json_object_set_new(vocab, line, json_integer(id));
	}
	free(text);
	return vocab;
}

static char *
from_vocab_txt(const char *folder, const char *path, tl_error *e)
{
	static const char *const specials[] = { "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]" };
	json_t *config = config_of(folder, e), *vocab = config ? read_vocab_txt(path, e) : NULL, *j, *cls, *sep, *accents;
	char *text;

	if (!vocab) {
		json_decref(config);
		return NULL;
	}
	cls = json_object_get(vocab, "[CLS]");
	sep = json_object_get(vocab, "[SEP]");
	if (!cls || !sep || !json_object_get(vocab, "[UNK]")) {
		tl_error_set(e, TL_ENVIRONMENT, "%s: [UNK], [CLS] and [SEP] must be among its tokens; %s is not", path, !cls ? "[CLS]" : !sep ? "[SEP]" : "[UNK]");
		json_decref(vocab);
		json_decref(config);
		return NULL;
	}
	accents = json_object_get(config, "strip_accents");
	j = json_pack("{ss so s{ss sb sb sO? sb} s{ss} s{ss s[sO] s[sO]} s{ss ss ss si sO}}", "version", "1.0", "added_tokens", special_tokens(vocab, specials, TL_COUNT(specials)),
		"normalizer", "type", "BertNormalizer", "clean_text", 1, "handle_chinese_chars", tl_json_bool(config, "tokenize_chinese_chars", true), "strip_accents",
		json_is_boolean(accents) ? accents : NULL, "lowercase", tl_json_bool(config, "do_lower_case", true), "pre_tokenizer", "type", "BertPreTokenizer", "post_processor", "type",
		"BertProcessing", "sep", "[SEP]", sep, "cls", "[CLS]", cls, "model", "type", "WordPiece", "unk_token", "[UNK]", "continuing_subword_prefix", "##", "max_input_chars_per_word", 100,
		"vocab", vocab);
	text = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	json_decref(vocab);
	json_decref(config);
	return text;
}

static json_t *
read_merges(const char *path, tl_error *e)
{
	char *text, *end;
	size_t n;
	json_t *list;

	if (tl_read_file(path, &text, &n, e) < 0)
		return NULL;
	if (tl_utf8_bad(text, n) >= 0) {
		tl_error_set(e, TL_ENVIRONMENT, "%s: this is no list of merges in UTF-8", path);
		free(text);
		return NULL;
	}
	list = json_array();
	for (char *line = text; line < text + n; line = end + 1) {
		size_t k;
		if (!(end = memchr(line, '\n', (size_t)(text + n - line))))
			end = text + n;
		k = (size_t)(end - line);
		k -= k && line[k - 1] == '\r';
		if (k && !(k >= 8 && !memcmp(line, "#version", 8)))
			json_array_append_new(list, json_stringn(line, k));
	}
	free(text);
	return list;
}

static char *
from_merges(const char *folder, const char *path, const char *merges_path, tl_error *e)
{
	static const char *const roberta[] = { "<s>", "<pad>", "</s>", "<unk>", "<mask>" }, *const gpt2[] = { "<|endoftext|>" };
	json_t *config = config_of(folder, e), *vocab = config ? tl_json_file(path, e) : NULL, *merges = vocab ? read_merges(merges_path, e) : NULL, *j, *post;
	json_t *cls = json_object_get(vocab, "<s>"), *sep = json_object_get(vocab, "</s>");
	int space = tl_json_bool(config, "add_prefix_space", false);
	char *text;

	if (!merges || !json_is_object(vocab)) {
		tl_error_set(e, TL_ENVIRONMENT, "%s: the file holds %s; wanted an object of token texts and ids", path, tl_json_kind(vocab));
		json_decref(config);
		json_decref(vocab);
		json_decref(merges);
		return NULL;
	}
	post = cls && sep ? json_pack("{ss s[sO] s[sO] sb sb}", "type", "RobertaProcessing", "sep", "</s>", sep, "cls", "<s>", cls, "trim_offsets", 1, "add_prefix_space", space)
	                  : json_pack("{ss sb sb}", "type", "ByteLevel", "add_prefix_space", space, "trim_offsets", 1);
	j = json_pack("{ss so sn s{ss sb sb sb} so s{ss sn sn sO sO}}", "version", "1.0", "added_tokens", cls && sep ? special_tokens(vocab, roberta, 5) : special_tokens(vocab, gpt2, 1), "normalizer",
		"pre_tokenizer", "type", "ByteLevel", "add_prefix_space", space, "trim_offsets", 1, "use_regex", 1, "post_processor", post, "model", "type", "BPE", "dropout", "unk_token", "vocab", vocab,
		"merges", merges);
	text = j ? json_dumps(j, JSON_COMPACT) : NULL;
	if (!text)
		tl_error_set(e, TL_ENVIRONMENT, "%s: the vocabulary cannot be read", path);
	json_decref(j);
	json_decref(config);
	json_decref(vocab);
	json_decref(merges);
	return text;
}

char *
tl_tokenizer_folder(const char *path, tl_error *e)
{
	char *lines = tl_path_join(path, "vocab.txt"), *vocab = tl_path_join(path, "vocab.json"), *merges = tl_path_join(path, "merges.txt"), *text = NULL;

	if (tl_exists(lines))
		text = from_vocab_txt(path, lines, e);
	else if (tl_exists(vocab) && tl_exists(merges))
		text = from_merges(path, vocab, merges, e);
	else
		tl_error_set(e, TL_ENVIRONMENT, "%s: the folder has no tokenizer; wanted tokenizer.json, vocab.txt, or vocab.json and merges.txt", path);
	free(lines);
	free(vocab);
	free(merges);
	return text;
}
