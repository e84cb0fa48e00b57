/* tokenizer.c - ids of a split's texts on one thread. usage: tokenizer TOKENIZER TRAIN.jsonl DOCS; prints megabytes of text a second, best of three. */
#include <stdlib.h>
#include <string.h>

#include "data/data.h"
#include "data/load.h"

int
main(int n_args, char **arg)
{
	tl_error e = { 0 };
	tl_tokenizer *t = n_args == 4 ? tl_tokenizer_load(arg[1], &e) : NULL;
	tl_lines *l = t ? tl_lines_open(arg[2], NULL, &e) : NULL;
	int64_t docs = n_args == 4 ? atoll(arg[3]) : 0, n = 0, number, bytes = 0;
	char **text = tl_alloc((size_t)(docs + 1) * sizeof *text);
	size_t *length = tl_alloc((size_t)(docs + 1) * sizeof *length), size;
	const char *line;
	double best = 1e9;
	tl_ids ids = { 0 };

	if (!l) {
		fprintf(stderr, "tokenizer: %s\n", e.status ? e.text : "usage: tokenizer TOKENIZER TRAIN.jsonl DOCS");
		return 3;
	}
	while (n < docs && tl_lines_next(l, &line, &size, &number, &e) > 0) {
		json_t *j = tl_json_parse(line, size, arg[2], &e), *x = json_object_get(j, "text");
		if (json_is_string(x)) {
			length[n] = json_string_length(x);
			text[n] = tl_strndup(json_string_value(x), length[n]);
			bytes += (int64_t)length[n++];
		}
		json_decref(j);
	}
	tl_lines_close(l);
	for (int round = 0; round < 3; round++) {
		double start = tl_seconds();
		ids.n = 0;
		for (int64_t i = 0; i < n; i++)
			tl_tokenizer_encode(t, text[i], length[i], true, 0, &ids, &e);
		best = TL_MIN(best, tl_seconds() - start);
	}
	printf("%lld %.2f\n", (long long)ids.n, (double)bytes / 1e6 / best);
	for (int64_t i = 0; i < n; i++)
		free(text[i]);
	free(text);
	free(length);
	free(ids.at);
	tl_tokenizer_free(t);
	return e.status;
}
