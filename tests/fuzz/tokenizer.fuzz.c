/* tokenizer.json on arbitrary bytes; what is accepted encodes a hostile text. */
#include <stdlib.h>
#include <string.h>

#include "data/data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char text[] = "Caf\xc3\xa9 [MASK] \xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd e\xcc\x81 \xe4\xb8\xad\xe6\x96\x87 don't\t\x01 1234 \xff\xc3( <s> x";
	tl_error e = { 0 };
	tl_ids ids = { 0 };
	tl_tokenizer *t = tl_tokenizer_parse((const char *)data, n, "memory", &e);

	if (!t) {
		if (!e.status)
			abort();
		return 0;
	}
	if (tl_tokenizer_encode(t, text, sizeof text - 1, true, 0, &ids, &e) >= 0)
		for (int64_t i = 0; i < ids.n; i++)
			if (ids.at[i] < 0 || ids.at[i] >= tl_tokenizer_size(t))
				abort();
	free(ids.at);
	tl_tokenizer_free(t);
	return 0;
}
