/* tokenizer.c - a tokenizer.json: read, checked, and used. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data/tokenizer.h"

/* --- reading ---------------------------------------------------------------------------------------------------------------- */

static int
parse_model(tl_tokenizer *t, const json_t *j, const char *what, tl_error *e)
{
	const char *type = tl_json_string(j, "type", NULL);

	if (!json_is_object(j))
		return tl_error_set(e, TL_ENVIRONMENT, "%s: \"model\" is %s; wanted an object (is this a tokenizer.json?)", what, tl_json_kind(j));
	if (!type) /* older files have none */
		type = json_object_get(j, "merges") ? "BPE" : json_object_get(j, "max_input_chars_per_word") ? "WordPiece" : "without a \"type\"";
	t->kind = !strcmp(type, "BPE") ? &tl_bpe : !strcmp(type, "WordPiece") ? &tl_wordpiece : NULL;
	if (!t->kind)
		return tl_error_set(e, TL_ENVIRONMENT, "%s: the tokenizer model %.60s is not supported; those that are: WordPiece, BPE", what, type);
	if (tl_vocab_parse(&t->vocab, json_object_get(j, "vocab"), what, e) < 0)
		return -1;
	t->model = t->kind == &tl_bpe ? tl_bpe_parse(j, &t->vocab, t->maps, what, e) : tl_wordpiece_parse(j, &t->vocab, what, e);
	return t->model ? 0 : -1;
}

/* Ids are the vocabulary's; a token that is not there gets the next free one, as the reference does, whatever the file says. */
static int
parse_added(tl_tokenizer *t, const json_t *list, const char *what, tl_error *e)
{
	int64_t next = t->vocab.n, capacity = 0;
	tl_vocab known = { .highest = -1 };
	int bad = 0;

	if (list && !json_is_null(list) && !json_is_array(list))
		return tl_error_set(e, TL_ENVIRONMENT, "%s: \"added_tokens\" is %s; wanted a list", what, tl_json_kind(list));
	for (size_t i = 0; i < json_array_size(list) && !bad; i++) {
		const json_t *j = json_array_get(list, i), *content = json_object_get(j, "content"), *id = json_object_get(j, "id");
		tl_added a = { 0 };
		if (!json_is_string(content) || !json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= TL_ID_MOST) {
			bad = tl_error_set(e, TL_ENVIRONMENT, "%s: added token %zu has %s as \"%s\"; wanted a text and an id from 0 to %d", what, i + 1,
				json_is_string(content) && json_is_integer(id) ? "a number out of range" : tl_json_kind(json_is_string(content) ? id : content), json_is_string(content) ? "id" : "content", TL_ID_MOST - 1);
			break;
		}
		if (tl_json_flag(j, "special", false, &a.special, what, e) < 0 || tl_json_flag(j, "single_word", false, &a.single_word, what, e) < 0 || tl_json_flag(j, "lstrip", false, &a.lstrip, what, e) < 0 ||
		    tl_json_flag(j, "rstrip", false, &a.rstrip, what, e) < 0 || tl_json_flag(j, "normalized", !a.special, &a.normalized, what, e) < 0) {
			bad = -1;
			break;
		}
		a.length = json_string_length(content);
		if (!a.length)
			continue;
		a.id = tl_vocab_find(&known, json_string_value(content), a.length);
		if (a.id >= 0)
			bad = tl_error_set(e, TL_ENVIRONMENT, "%s: the added token \"%.60s\" is listed twice", what, json_string_value(content));
		if (a.id < 0 && (a.id = tl_vocab_find(&t->vocab, json_string_value(content), a.length)) < 0)
			a.id = (int32_t)next++;
		if (!bad && a.id != json_integer_value(id))
			tl_warning("%s: the added token \"%.60s\" says id %lld but has %d", what, json_string_value(content), (long long)json_integer_value(id), a.id);
		a.content = tl_strndup(json_string_value(content), a.length);
		tl_vocab_add(&known, a.content, a.length, a.id);
		t->added = tl_grow(t->added, t->n_added, &capacity, sizeof *t->added);
		t->added[t->n_added++] = a;
	}
	t->size = TL_MAX(t->vocab.highest, known.highest) + 1;
	tl_vocab_free(&known);
	return bad || tl_trie_new(&t->raw, t->added, t->n_added, false, t->normalizer, what, e) < 0 || tl_trie_new(&t->normalized, t->added, t->n_added, true, t->normalizer, what, e) < 0 ? -1 : 0;
}

static int
around(tl_tokenizer *t, bool behind, const json_t *id, const char *what, tl_error *e)
{
	int32_t **list = behind ? &t->after : &t->before;
	int64_t *n = behind ? &t->n_after : &t->n_before;

	if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= t->size)
		return tl_error_set(e, TL_ENVIRONMENT, "%s: the post-processor adds a token whose id is %s; wanted one of the %lld ids that there are", what,
			json_is_integer(id) ? "out of range" : tl_json_kind(id), (long long)t->size);
	*list = tl_realloc(*list, (size_t)(*n + 1) * sizeof **list);
	(*list)[(*n)++] = (int32_t)json_integer_value(id);
	return 0;
}

static int
parse_template(tl_tokenizer *t, const json_t *j, const char *what, tl_error *e)
{
	const json_t *single = json_object_get(j, "single"), *tokens = json_object_get(j, "special_tokens");
	int texts = 0;

	if (!json_is_array(single))
		return tl_error_set(e, TL_ENVIRONMENT, "%s: the template's \"single\" is %s; wanted a list", what, tl_json_kind(single));
	for (size_t i = 0; i < json_array_size(single); i++) {
		const json_t *piece = json_array_get(single, i), *special = json_object_get(piece, "SpecialToken"), *text = json_object_get(piece, "Sequence");
		const char *name = tl_json_string(special, "id", NULL), *which = tl_json_string(text, "id", "");
		const json_t *ids = name ? json_object_get(json_object_get(tokens, name), "ids") : NULL;
		if (text && !strcmp(which, "A")) {
			texts++;
			continue;
		}
		if (!name)
			return tl_error_set(e, TL_ENVIRONMENT, "%s: piece %zu of the template is neither a SpecialToken nor the Sequence A", what, i + 1);
		if (!json_is_array(ids))
			return tl_error_set(e, TL_ENVIRONMENT, "%s: the template's \"special_tokens\" say no ids for \"%.60s\"", what, name);
		for (size_t k = 0; k < json_array_size(ids); k++)
			if (around(t, texts > 0, json_array_get(ids, k), what, e) < 0)
				return -1;
	}
	if (texts != 1)
		return tl_error_set(e, TL_ENVIRONMENT, "%s: the template holds the text %d times; exactly once is supported", what, texts);
	return 0;
}

static int
parse_post(tl_tokenizer *t, const json_t *j, const char *what, int depth, tl_error *e)
{
	const char *type = tl_json_string(j, "type", NULL);

	if (!j || json_is_null(j))
		return 0;
	if (depth > TL_NESTING)
		return tl_error_set(e, TL_ENVIRONMENT, "%s: post-processors are nested deeper than %d", what, TL_NESTING);
	if (!type)
		return tl_error_set(e, TL_ENVIRONMENT, "%s: a post-processor is %s; wanted an object with \"type\"", what, json_is_object(j) ? "an object without it" : tl_json_kind(j));
	if (!strcmp(type, "ByteLevel")) /* moves offsets only */
		return 0;
	if (!strcmp(type, "Sequence")) {
		const json_t *list = json_object_get(j, "processors");
		if (!json_is_array(list))
			return tl_error_set(e, TL_ENVIRONMENT, "%s: a Sequence post-processor's \"processors\" is %s; wanted a list", what, tl_json_kind(list));
		for (size_t i = 0; i < json_array_size(list); i++)
			if (parse_post(t, json_array_get(list, i), what, depth + 1, e) < 0)
				return -1;
		return 0;
	}
	if (strcmp(type, "TemplateProcessing") && strcmp(type, "BertProcessing") && strcmp(type, "RobertaProcessing"))
		return tl_error_set(e, TL_ENVIRONMENT, "%s: the post-processor \"%.60s\" is not supported; those that are: TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel, Sequence", what, type);
	if (t->n_before || t->n_after)
		return tl_error_set(e, TL_ENVIRONMENT, "%s: two post-processors add tokens, which is not supported", what);
	if (!strcmp(type, "TemplateProcessing"))
		return parse_template(t, j, what, e);
	return around(t, false, json_array_get(json_object_get(j, "cls"), 1), what, e) < 0 || around(t, true, json_array_get(json_object_get(j, "sep"), 1), what, e) < 0 ? -1 : 0;
}

static int
parse(tl_tokenizer *t, const json_t *j, const char *what, tl_error *e)
{
	const char *version = tl_json_string(j, "version", "1.0");

	if (!json_is_object(j))
		return tl_error_set(e, TL_ENVIRONMENT, "%s: the file holds %s; wanted an object (is this a tokenizer.json?)", what, tl_json_kind(j));
	if (strcmp(version, "1.0"))
		return tl_error_set(e, TL_ENVIRONMENT, "%s: its version is \"%.40s\"; 1.0 is known", what, version);
	if (tl_normalizer_parse(json_object_get(j, "normalizer"), what, &t->normalizer, e) < 0 || tl_splitter_parse(json_object_get(j, "pre_tokenizer"), what, &t->splitter, e) < 0)
		return -1;
	t->maps = tl_splitter_maps(t->splitter);
	return parse_model(t, json_object_get(j, "model"), what, e) < 0 || parse_added(t, json_object_get(j, "added_tokens"), what, e) < 0 ||
	       parse_post(t, json_object_get(j, "post_processor"), what, 0, e) < 0 ? -1 : 0;
}

tl_tokenizer *
tl_tokenizer_parse(const char *json, size_t n, const char *what, tl_error *e)
{
	tl_tokenizer *t;
	json_t *j = tl_json_parse(json, n, what, e);
	int bad;

	if (!j)
		return NULL;
	tl_unicode_ready();
	t = tl_alloc(sizeof *t);
	pthread_mutex_init(&t->lock, NULL);
	t->text = tl_strndup(json, n);
	t->text_n = n;
	bad = parse(t, j, what, e);
	json_decref(j);
	if (!bad)
		return t;
	tl_tokenizer_free(t);
	return NULL;
}

tl_tokenizer *
tl_tokenizer_load(const char *path, tl_error *e)
{
	tl_tokenizer *t = NULL;
	struct stat st;
	char *file = tl_strdup(path), *text = NULL;
	size_t n = 0;

	if (!stat(path, &st) && S_ISDIR(st.st_mode)) {
		free(file);
		file = tl_path_join(path, "tokenizer.json");
		if (!tl_exists(file) && (text = tl_tokenizer_folder(path, e)))
			n = strlen(text);
		else if (!tl_exists(file)) {
			free(file);
			return NULL;
		}
	}
	if (text || !tl_read_file(file, &text, &n, e))
		t = tl_tokenizer_parse(text, n, tl_exists(file) ? file : path, e);
	free(text);
	free(file);
	return t;
}

static void
work_free(tl_work *w)
{
	free(w->text.at);
	free(w->a.at);
	free(w->b.at);
	free(w->shadow.at);
	free(w->word.at);
	free(w->pieces.at);
	free(w->other.at);
	free(w->matches.at);
	free(w->chars);
	free(w->symbols);
	free(w->ids.at);
	tl_cache_free(w->cache);
	free(w);
}

void
tl_tokenizer_free(tl_tokenizer *t)
{
	if (!t)
		return;
	for (tl_work *w = t->idle, *next; w; w = next) {
		next = w->next;
		work_free(w);
	}
	if (t->model)
		t->kind->free(t->model);
	for (int64_t i = 0; i < t->n_added; i++)
		free(t->added[i].content);
	free(t->added);
	tl_trie_free(t->raw);
	tl_trie_free(t->normalized);
	tl_normalizer_free(t->normalizer);
	tl_splitter_free(t->splitter);
	tl_vocab_free(&t->vocab);
	free(t->before);
	free(t->after);
	free(t->text);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* --- asking ------------------------------------------------------------------------------------------------------------------- */

char *
tl_tokenizer_json(const tl_tokenizer *t)
{
	return tl_strndup(t->text, t->text_n);
}

void
tl_tokenizer_hash(const tl_tokenizer *t, char hex[65])
{
	tl_sha_of(t->text, t->text_n, hex);
}

int64_t
tl_tokenizer_size(const tl_tokenizer *t)
{
	return t->size;
}

int32_t
tl_tokenizer_special(const tl_tokenizer *t, const char *role)
{
	static const char *const names[][3] = { { "mask", "[MASK]", "<mask>" }, { "cls", "[CLS]", "<s>" }, { "sep", "[SEP]", "</s>" }, { "unk", "[UNK]", "<unk>" }, { "pad", "[PAD]", "<pad>" } };

	for (int r = 0; r < TL_COUNT(names); r++)
		for (int k = 1; k < 3 && !strcmp(role, names[r][0]); k++) {
			int32_t id;
			for (int64_t i = 0; i < t->n_added; i++)
				if (!strcmp(t->added[i].content, names[r][k]))
					return t->added[i].id;
			if ((id = tl_vocab_find(&t->vocab, names[r][k], strlen(names[r][k]))) >= 0)
				return id;
		}
	return -1;
}

/* --- encoding ------------------------------------------------------------------------------------------------------------------ */

static tl_work *
take(const tl_tokenizer *t)
{
	tl_tokenizer *own = (tl_tokenizer *)t; /* only the list of idle scratch changes, under its lock */
	tl_work *w;

	pthread_mutex_lock(&own->lock);
	if ((w = own->idle))
		own->idle = w->next;
	pthread_mutex_unlock(&own->lock);
	return w ? w : tl_alloc(sizeof *w);
}

static void
give(const tl_tokenizer *t, tl_work *w)
{
	tl_tokenizer *own = (tl_tokenizer *)t;

	pthread_mutex_lock(&own->lock);
	w->next = own->idle;
	own->idle = w;
	pthread_mutex_unlock(&own->lock);
}

/* Valid UTF-8: the text itself, or a copy in which every ill-formed part is U+FFFD. */
static const unsigned char *
mended(const unsigned char *s, size_t *n, tl_work *w)
{
	size_t good = tl_utf8_valid(s, *n);

	if (good == *n)
		return s;
	w->text.n = 0;
	for (size_t i = 0; i < *n;) {
		memcpy(tl_bytes_room(&w->text, good + 3), s + i, good);
		w->text.n += good;
		i += good;
		if (i < *n) {
			memcpy(tl_bytes_room(&w->text, 3), "\xEF\xBF\xBD", 3);
			w->text.n += 3;
			i += tl_utf8_ill(s + i, *n - i);
			good = tl_utf8_valid(s + i, *n - i);
		}
	}
	*n = w->text.n;
	return w->text.at;
}

/* Added tokens out, the rest normalised into w->a, added tokens out of that; the result is w->pieces over w->a. */
static int
prepare(const tl_tokenizer *t, const unsigned char *s, size_t n, tl_work *w, tl_error *e)
{
	w->a.n = 0;
	w->pieces.n = w->other.n = 0;
	if (n)
		tl_trie_cut(t->raw, t->added, s, 0, n, &w->other);
	for (int64_t i = 0; i < w->other.n; i++) {
		tl_piece p = w->other.at[i];
		size_t at = w->a.n;
		if (p.id >= 0) {
			tl_pieces_add(&w->pieces, 0, 0, p.id);
			continue;
		}
		if (tl_normalize(t->normalizer, s + p.at, p.n, w, &w->a, e) < 0)
			return -1;
		if (w->a.n > at)
			tl_trie_cut(t->normalized, t->added, w->a.at, at, w->a.n - at, &w->pieces);
	}
	return 0;
}

static int
encode(const tl_tokenizer *t, const unsigned char *s, size_t n, int64_t most, tl_work *w, tl_error *e)
{
	tl_bytes *text = &w->a;
	tl_pieces *pieces = &w->pieces;

	if (prepare(t, s, n, w, e) < 0 || tl_split_pieces(t->splitter, w, &text, &pieces, e) < 0)
		return -1;
	for (int64_t i = 0; i < pieces->n && w->ids.n < most; i++) {
		const tl_piece *p = &pieces->at[i];
		if (p->id < 0) {
			tl_word_ids(t, text->at + p->at, p->n, w);
			continue;
		}
		w->ids.at = tl_grow(w->ids.at, w->ids.n, &w->ids.capacity, sizeof *w->ids.at);
		w->ids.at[w->ids.n++] = p->id;
	}
	return 0;
}

int64_t
tl_tokenizer_encode(const tl_tokenizer *t, const char *text, size_t n, bool special, int64_t max_length, tl_ids *out, tl_error *e)
{
	int64_t added = special ? t->n_before + t->n_after : 0, most = max_length > 0 ? max_length - added : INT64_MAX, k;
	tl_work *w;
	int32_t *to;

	if (most < 0)
		return tl_error_set(e, TL_USAGE, "a maximal length of %lld tokens has no room for the %lld special tokens", (long long)max_length, (long long)added);
	if (n > (size_t)1 << 29)
		return tl_error_set(e, TL_ENVIRONMENT, "a text has %zu bytes; 512 MiB is the most", n);
	w = take(t);
	w->ids.n = 0;
	text = (const char *)mended((const unsigned char *)text, &n, w);
	if (encode(t, (const unsigned char *)text, n, most, w, e) < 0) {
		give(t, w);
		return -1;
	}
	k = TL_MIN(w->ids.n, most);
	if (!out->at || out->n + k + added > out->capacity) {
		out->capacity = (out->n + k + added + 8) * 2;
		out->at = tl_realloc(out->at, (size_t)out->capacity * sizeof *out->at);
	}
	to = out->at + out->n;
	for (int64_t i = 0; special && i < t->n_before; i++)
		*to++ = t->before[i];
	if (k)
		memcpy(to, w->ids.at, (size_t)k * sizeof *to);
	to += k;
	for (int64_t i = 0; special && i < t->n_after; i++)
		*to++ = t->after[i];
	out->n += k + added;
	give(t, w);
	return k + added;
}
