/* data_tokenize.c - token ids of JSON Lines, one array a line. */
#include "datasets.h"
#include "text_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "data/data.h"
#include "data/unicode.h"

/* jansson wants valid UTF-8: what is not becomes U+FFFD first, as everywhere where texts are read for tokens. */
static char *
mend(const char *text, size_t *n)
{
	tl_text out = { 0 };
	size_t i = 0;

	while (i < *n) {
		int64_t bad = tl_utf8_bad(text + i, *n - i);
		size_t good = bad < 0 ? *n - i : (size_t)bad;
		tl_text_bytes(&out, text + i, good);
		i += good;
		if (i < *n) {
			tl_text_bytes(&out, "\xEF\xBF\xBD", 3);
			i += tl_utf8_ill((const unsigned char *)text + i, *n - i);
		}
	}
	*n = out.n;
	return out.s;
}

static int
one(const tl_tokenizer *t, const char *text, size_t n, const tl_text_lines *in, tl_ids *ids, tl_text *line, tl_error *e)
{
	char what[300], *mended = NULL;
	json_t *doc, *body;
	int bad = 0;

	snprintf(what, sizeof what, "%.250s:%lld", in->name, (long long)in->number);
	if (tl_utf8_bad(text, n) >= 0)
		text = mended = mend(text, &n);
	doc = tl_json_parse(text, n, what, e);
	free(mended);
	if (!doc)
		return -1;
	body = json_is_object(doc) ? json_object_get(doc, "text") : doc;
	if (!json_is_string(body)) {
		bad = tl_error_set(e, TL_ENVIRONMENT, "%s: the document has no text; wanted an object with \"text\", or a string", what);
	} else {
		ids->n = 0;
		bad = tl_tokenizer_encode(t, json_string_value(body), json_string_length(body), true, 0, ids, e) < 0 ? tl_error_who(e, "%s", what) : 0;
	}
	json_decref(doc);
	if (bad)
		return -1;
	line->n = 0;
	tl_text_bytes(line, "[", 1);
	for (int64_t i = 0; i < ids->n; i++) {
		char number[16], *at = number + sizeof number;
		uint32_t x = (uint32_t)ids->at[i];
		do
			*--at = (char)('0' + x % 10);
		while (x /= 10);
		if (i)
			tl_text_bytes(line, ", ", 2);
		tl_text_bytes(line, at, (size_t)(number + sizeof number - at));
	}
	tl_text_bytes(line, "]\n", 2);
	if (fwrite(line->s, 1, line->n, stdout) != line->n)
		return tl_error_set(e, TL_ENVIRONMENT, "standard output cannot be written: %s", strerror(errno));
	return 0;
}

int
tl_data_tokenize(const char *tokenizer, const char *file_or_dash, tl_error *e)
{
	tl_text_lines in = { 0 };
	tl_tokenizer *t = tl_tokenizer_load(tokenizer, e);
	tl_ids ids = { 0 };
	tl_text line = { 0 };
	int64_t replaced = 0;
	const char *text;
	size_t n;
	int got = t && !tl_text_lines_open(&in, file_or_dash, &replaced, e) ? 1 : -1;

	while (got > 0 && (got = tl_text_lines_next(&in, &text, &n, e)) > 0)
		if (n && one(t, text, n, &in, &ids, &line, e) < 0)
			got = -1;
	if (!got && fflush(stdout))
		got = tl_error_set(e, TL_ENVIRONMENT, "standard output cannot be written: %s", strerror(errno));
	tl_text_lines_close(&in);
	free(ids.at);
	tl_text_free(&line);
	tl_tokenizer_free(t);
	return got;
}
