/* The aapd reader on arbitrary bytes. */
#include "../../plugins/readers/aapd.c"
#include "sink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	read_memory(tagloom_plugin.reader, data, n);
	return 0;
}
