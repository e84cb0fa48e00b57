/* Normalizers and pre-tokenizers against the reference library: every character there is, and single steps on hostile strings. */
#include "tokenizers.h"

static tl_work work;

static void
piece_hash(tl_splitter *s, tl_sha *sha, const unsigned char *text, size_t n)
{
	tl_bytes *at = &work.a;
	tl_pieces *pieces = &work.pieces;
	tl_error e = { 0 };

	work.a.n = work.pieces.n = 0;
	memcpy(tl_bytes_room(&work.a, n), text, n);
	work.a.n = n;
	tl_pieces_add(&work.pieces, 0, n, -1);
	tl_split_pieces(s, &work, &at, &pieces, &e);
	for (int64_t i = 0; i < pieces->n; i++) {
		tl_sha_add(sha, at->at + pieces->at[i].at, pieces->at[i].n);
		tl_sha_add(sha, "", 1);
	}
	tl_sha_add(sha, "", 1);
}

static void
every_character(const char *name, const json_t *entry, bool splits)
{
	tl_normalizer *z = NULL;
	tl_splitter *s = NULL;
	tl_error e = { 0 };
	tl_bytes out = { 0 };
	tl_sha *sha = tl_sha_new();
	char hex[65];

	if (splits ? tl_splitter_parse(json_object_get(entry, "config"), name, &s, &e) : tl_normalizer_parse(json_object_get(entry, "config"), name, &z, &e))
		ok(false, "%s: %s", name, e.text);
	for (uint32_t c = 1; c <= TL_U_LAST && !e.status; c++) {
		unsigned char text[24] = "a";
		size_t n = 1;
		if (c == 0xD800)
			c = 0xE000;
		n += (size_t)tl_utf8_put(text + n, c);
		if (splits) {
			text[n++] = '1';
			text[n++] = ' ';
			n += (size_t)tl_utf8_put(text + n, c);
			n += (size_t)tl_utf8_put(text + n, c);
			piece_hash(s, sha, text, n);
			continue;
		}
		n += (size_t)tl_utf8_put(text + n, 0x323);
		n += (size_t)tl_utf8_put(text + n, 0x301);
		n += (size_t)tl_utf8_put(text + n, c);
		text[n++] = 'A';
		out.n = 0;
		tl_normalize(z, text, n, &work, &out, &e);
		tl_sha_add(sha, out.at, out.n);
		tl_sha_add(sha, "", 1);
	}
	tl_sha_end(sha, hex);
	ok(!strcmp(hex, tl_json_string(entry, "sha256", "")), "%s: every character comes out as from the reference library", name);
	free(out.at);
	tl_normalizer_free(z);
	tl_splitter_free(s);
}

struct steps { int64_t normalizers, pre_tokenizers, wrong; };

static bool
same_pieces(const json_t *config, const json_t *text, const json_t *want)
{
	tl_splitter *s = NULL;
	tl_error e = { 0 };
	tl_bytes *at = &work.a, mapped = { 0 };
	tl_pieces *pieces = &work.pieces;
	size_t n = json_string_length(text);
	bool same = !tl_splitter_parse(config, "a step", &s, &e);

	work.a.n = work.pieces.n = 0;
	memcpy(tl_bytes_room(&work.a, n), json_string_value(text), n);
	work.a.n = n;
	tl_pieces_add(&work.pieces, 0, n, -1);
	same = same && !tl_split_pieces(s, &work, &at, &pieces, &e) && pieces->n == (int64_t)json_array_size(want);
	for (int64_t i = 0; same && i < pieces->n; i++) {
		const json_t *w = json_array_get(want, (size_t)i);
		const unsigned char *p = at->at + pieces->at[i].at;
		size_t k = pieces->at[i].n;
		if (tl_splitter_maps(s)) { /* the last mapping is the model's */
			mapped.n = 0;
			tl_map_bytes(p, k, &mapped);
			p = mapped.at;
			k = mapped.n;
		}
		same = k == json_string_length(w) && !memcmp(p, json_string_value(w), k);
	}
	free(mapped.at);
	tl_splitter_free(s);
	return same;
}

static bool
same_text(const json_t *config, const json_t *text, const json_t *want)
{
	tl_normalizer *z = NULL;
	tl_error e = { 0 };
	tl_bytes out = { 0 };
	bool same = !tl_normalizer_parse(config, "a step", &z, &e) && !tl_normalize(z, (const unsigned char *)json_string_value(text), json_string_length(text), &work, &out, &e) &&
	            out.n == json_string_length(want) && (!out.n || !memcmp(out.at, json_string_value(want), out.n));

	free(out.at);
	tl_normalizer_free(z);
	return same;
}

static void
one_step(void *arg, const json_t *row, int64_t number)
{
	struct steps *s = arg;
	const json_t *text = json_object_get(row, "text"), *out = json_object_get(row, "out"), *z = json_object_get(row, "normalizer"), *p = json_object_get(row, "pre_tokenizer");
	bool same = z ? same_text(z, text, out) : same_pieces(p, text, out);

	s->normalizers += z != NULL;
	s->pre_tokenizers += z == NULL;
	if (!same) {
		char *d = json_dumps(z ? z : p, JSON_COMPACT);
		printf("# row %lld: %s\n", (long long)number, d);
		free(d);
		s->wrong++;
	}
}

static void
utf8(void)
{
	static const struct { const char *bytes; size_t valid, ill; } cases[] = { { "ab", 2, 0 }, { "a\xff", 1, 1 }, { "\xc3", 0, 1 }, { "\xe2\x82", 0, 2 }, { "\xe2\x28\xa1", 0, 1 }, { "\xed\xa0\x80", 0, 1 },
		{ "\xf0\x9f\x98", 0, 3 }, { "\xf4\x90\x80\x80", 0, 1 }, { "\xc0\x80", 0, 1 }, { "\xe0\x80\x80", 0, 1 }, { "12345678\xc3\xa9x\x80", 11, 1 } };
	bool good = true;

	for (int i = 0; i < TL_COUNT(cases); i++) {
		const unsigned char *s = (const unsigned char *)cases[i].bytes;
		size_t n = strlen(cases[i].bytes), valid = tl_utf8_valid(s, n);
		good = good && valid == cases[i].valid && (valid == n || tl_utf8_ill(s + valid, n - valid) == cases[i].ill);
	}
	ok(good, "ill-formed UTF-8 ends where Python's \"replace\" ends it");
}

int
main(void)
{
	char *path = oracle("hashes.json"), *rows = oracle("steps.jsonl");
	tl_error e = { 0 };
	json_t *j = tl_json_file(path, &e), *entry;
	struct steps s = { 0 };
	const char *name;

	tl_unicode_ready();
	utf8();
	json_object_foreach(json_object_get(j, "normalizers"), name, entry)
		every_character(name, entry, false);
	json_object_foreach(json_object_get(j, "pre_tokenizers"), name, entry)
		every_character(name, entry, true);
	each_row(rows, 0, one_step, &s);
	ok(s.normalizers > 300 && s.pre_tokenizers > 400 && !s.wrong, "%lld normalizations and %lld cuts of hostile strings (%lld wrong)", (long long)s.normalizers, (long long)s.pre_tokenizers, (long long)s.wrong);
	free(work.a.at);
	free(work.b.at);
	free(work.shadow.at);
	free(work.pieces.at);
	free(work.other.at);
	free(work.matches.at);
	free(work.chars);
	free(path);
	free(rows);
	json_decref(j);
	return done();
}
