/* Base layer: the first error is kept, arenas keep their blocks, names find their neighbours. */
#include "base/base.h"
#include "base/json.h"
#include "tap.h"

int
main(void)
{
	tl_error e = { 0 };
	const char *names[] = { "gamma", "alpha", "heads" };
	tl_arena *a = tl_arena_new(0);
	char hex[65], number[32], *c;
	int bad = 0;
	json_t *v;
	void *first;

	ok(tl_error_set(&e, TL_USAGE, "one %d", 1) == -1 && e.status == TL_USAGE, "an error returns -1 and has its status");
	tl_error_set(&e, TL_FAILED, "two");
	says(e.text, "one 1", "the first error is kept");
	tl_error_who(&e, "corank");
	says(e.text, "corank: one 1", "who is put before it");
	ok(!strcmp(tl_number_text(0.8, number), "0.8") && !strcmp(tl_number_text(5, number), "5") && !strcmp(tl_number_text(1. / 3, number), "0.3333333333333333"), "as few digits as tell a number");
	for (int i = 0; i < 100000; i++) {
		uint64_t bits = (uint64_t)i * 0x9E3779B97F4A7C15u;
		double x;
		memcpy(&x, &bits, sizeof x);
		bad += x == x && strtod(tl_number_text(x, number), NULL) != x;
	}
	ok(!bad, "and never another one");
	ok(tl_streq(tl_nearest("gama", names, 3), "gamma"), "gama is nearest to gamma");
	ok(!tl_nearest("zzz", names, 3), "zzz is near to nothing");
	first = tl_arena_alloc(a, 100);
	for (int i = 0; i < 1000; i++)
		tl_arena_alloc(a, 1000);
	ok((uintptr_t)tl_arena_alloc(a, 1) % 64 == 0, "arena memory is aligned");
	tl_arena_reset(a);
	ok(tl_arena_alloc(a, 100) == first, "a reset arena starts over in the same memory");
	tl_arena_free(a);
	tl_sha_of("abc", 3, hex);
	ok(!strcmp(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"), "SHA-256 of abc (FIPS 180-2)");
	e.status = 0;
	v = tl_json_parse("{\"b\":1.0,\"a\":[true,null,\"x\\n\"]}", 31, "test", &e);
	c = v ? tl_json_canonical(v) : NULL;
	ok(c && !strcmp(c, "{\"a\":[true,null,\"x\\n\"],\"b\":1}"), "canonical JSON: sorted keys, 1.0 is 1");
	free(c);
	json_decref(v);
	v = tl_json_parse("[-0e3]", 6, "test", &e);
	c = v ? tl_json_canonical(v) : NULL;
	ok(c && !strcmp(c, "[0]"), "canonical JSON: minus zero is 0");
	free(c);
	json_decref(v);
	ok(!tl_json_parse("{\"a\":1,\"a\":2}", 13, "twice.json", &e), "duplicate keys are refused");
	says(e.text, "twice.json: not valid JSON", "and the sentence names the file");
	ok(tl_utf8_bad("a\xc3\xa9", 3) == -1, "good UTF-8");
	ok(tl_utf8_bad("a\xc3", 2) == 1 && tl_utf8_bad("\xed\xa0\x80", 3) == 0 && tl_utf8_bad("\xc0\x80", 2) == 0, "bad UTF-8 is found where it is");
	ok(tl_utf8_bad("\xf0\x9f\x98\x80", 4) == -1 && tl_utf8_bad("\xf4\x90\x80\x80", 4) == 0, "four bytes");
	return done();
}
