/* JSON: what is parsed has a canonical form that parses to the same canonical form. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	tl_error e = { 0 };
	json_t *v = tl_json_parse((const char *)data, n, "memory", &e), *again;
	char *one, *two;

	if (!v) {
		if (!e.status)
			abort();
		return 0;
	}
	one = tl_json_canonical(v);
	again = tl_json_parse(one, strlen(one), "canonical", &e);
	if (!again)
		abort();
	two = tl_json_canonical(again);
	if (strcmp(one, two))
		abort();
	free(one);
	free(two);
	json_decref(v);
	json_decref(again);
	return 0;
}
