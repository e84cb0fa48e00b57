/* Arbitrary bytes as text, through a WordPiece tokenizer: every id is in range and a cut keeps the special tokens. */
#include <stdlib.h>
#include <string.h>

#include "data/data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static tl_tokenizer *t;
	tl_error e = { 0 };
	tl_ids ids = { 0 };

	if (!t) {
		static const char *texts[] = { "the quick brown fox jumps over the lazy dog", "caf\xc3\xa9 na\xc3\xafve \xe4\xb8\xad\xe6\x96\x87 1234", "don't stop" };
		uint32_t lengths[3];
		for (int i = 0; i < 3; i++)
			lengths[i] = (uint32_t)strlen(texts[i]);
		t = tl_tokenizer_train(texts, lengths, 3, 200, &e);
		if (!t)
			abort();
	}
	if (tl_tokenizer_encode(t, (const char *)data, n, true, 8, &ids, &e) < 0 || ids.n > 8 || ids.n < 2)
		abort();
	for (int64_t i = 0; i < ids.n; i++)
		if (ids.at[i] < 0 || ids.at[i] >= tl_tokenizer_size(t))
			abort();
	if (ids.at[0] != tl_tokenizer_special(t, "cls") || ids.at[ids.n - 1] != tl_tokenizer_special(t, "sep"))
		abort();
	free(ids.at);
	return 0;
}
