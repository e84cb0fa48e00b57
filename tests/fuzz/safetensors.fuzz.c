/* The safetensors reader on arbitrary bytes: whatever it accepts can be read to its last element. */
#include <stdlib.h>
#include <string.h>

#include "tensor/core.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	tl_error e = { 0 };
	uint8_t *own = malloc(n + 1); /* of exactly this size: reading past it is seen */
	tl_safetensors *s;

	memcpy(own, data, n);
	s = tl_st_parse(own, n, "memory", &e);
	if (!s && !e.status)
		abort(); /* a refusal without a sentence */
	for (int i = 0; s && i < tl_st_count(s); i++) {
		const tl_st_entry *x = tl_st_at(s, i);
		double *reals = malloc((size_t)(x->count + 1) * sizeof *reals);
		int64_t *ints = malloc((size_t)(x->count + 1) * sizeof *ints);
		tl_error ignored = { 0 };
		tl_st_reals(x, reals, &ignored);
		ignored.status = 0;
		tl_st_ints(x, ints, &ignored);
		if (tl_st_find(s, x->name) == NULL)
			abort();
		free(reals);
		free(ints);
	}
	if (s)
		tl_st_close(s);
	free(own);
	return 0;
}
