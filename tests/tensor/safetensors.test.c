/* safetensors: written and read back; every lie of a file is refused with a sentence that names it. */
#include <math.h>
#include <sys/resource.h>
#include <signal.h>

#include "tap.h"
#include "tensor/core.h"

/* A file in memory: header text and n bytes of data behind it. */
static tl_safetensors *
open_text(const char *header, size_t data, tl_error *e)
{
	size_t n = strlen(header);
	char *bytes = calloc(1, 8 + n + data + 1);
	tl_safetensors *s;

	for (int i = 0; i < 8; i++)
		bytes[i] = (char)((uint64_t)n >> 8 * i);
	memcpy(bytes + 8, header, n);
	*e = (tl_error){ 0 };
	s = tl_st_parse(bytes, 8 + n + data, "x.safetensors", e);
	if (!s)
		free(bytes); /* what was accepted points into it until the program ends */
	return s;
}

static void
refused(const char *header, size_t data, const char *words)
{
	tl_error e;
	tl_safetensors *s = open_text(header, data, &e);

	if (s)
		ok(false, "refused: %s", words);
	else
		says(e.text, words, words);
	tl_st_close(s);
}

static void
lies(void)
{
	tl_error e = { 0 };

	refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4, "lies at bytes 0 to 8; the file has data 0 to 4");
	refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}", 8, "lies at bytes -8 to 0");
	refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8, "has 8 bytes; 3 numbers of F32 need 4 bytes each");
	refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2,6]}}", 6, "a and b overlap");
	refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, "4 bytes before tensor a belong to no tensor");
	refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 8, "the last 4 bytes belong to no tensor");
	refused("{\"a\":{\"dtype\":\"F33\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "\"F33\", which safetensors does not know (F32?)");
	refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,4]}}", 4, "multiply beyond 2^63");
	refused("{\"a\":{\"dtype\":\"F64\",\"shape\":[2305843009213693952],\"data_offsets\":[0,0]}}", 0, "need 8 bytes each");
	refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "dimension 0 is no integer of 0 or more");
	refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}", 4, "dimension 0 is no integer of 0 or more");
	refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, "has rank 9");
	refused("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "lacks one of dtype");
	refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", 4, "not valid JSON: duplicate");
	refused("[]", 0, "no JSON object");
	refused("{\"a\":1", 0, "not valid JSON");
	refused("{\"__metadata__\":{\"k\":1}}", 0, "__metadata__ \"k\" is no text");
	refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,4]}}", 4, "not valid JSON: too big integer");
	ok(!tl_st_parse("abc", 3, "y", &e) && strstr(e.text, "y: not a safetensors file: 3 bytes"), "a file of three bytes");
	e.status = 0;
	ok(!tl_st_parse("\377\377\377\377\377\377\377\177{}", 10, "y", &e) && strstr(e.text, "its header should have 9223372036854775807 bytes"), "a header of 2^63 bytes");
	e.status = 0;
	ok(!tl_st_open("/no/such/file", &e) && strstr(e.text, "/no/such/file: cannot be opened"), "a missing file");
	e.status = 0;
	ok(!tl_st_open("/tmp", &e) && strstr(e.text, "no file"), "a folder");
}

static void
numbers(void)
{
	static const uint16_t halves[] = { 0x3C00, 0xC000, 0x0001, 0x7C00, 0x7E00 }, bf[] = { 0x3F80, 0xC049 };
	static const double reals[] = { 1.5, -2, 1e300 };
	static const float floats[] = { 0.25f, -1 };
	static const int64_t longs[] = { 1, -5 };
	static const uint8_t bytes[] = { 200, 7, 0 };
	tl_st_out out[] = {
		{ "half", "F16", 1, { 5 }, halves, 10 }, { "odd", "U8", 1, { 3 }, bytes, 3 }, { "real", "F64", 2, { 1, 3 }, reals, 24 }, { "bf", "BF16", 1, { 2 }, bf, 4 },
		{ "float", "F32", 1, { 2 }, floats, 8 }, { "long", "I64", 1, { 2 }, longs, 16 }, { "none", "F32", 2, { 0, 4 }, "", 0 }, { "one", "F32", 0, { 0 }, floats, 4 },
	};
	char path[300];
	tl_error e = { 0 };
	tl_safetensors *s;
	double r[5];
	float f[5];
	int64_t n[5];

	snprintf(path, sizeof path, "%s/a.safetensors", getenv("TMP") ? getenv("TMP") : "/tmp");
	ok(tl_st_write(path, 8, out, (const char *const[]){ "model", "[\"x\"]", "note", "äöü", NULL }, &e) == 0, "written %s", e.text);
	s = tl_st_open(path, &e);
	if (!ok(s && tl_st_count(s) == 8, "read back %s", e.text))
		return;
	ok(tl_streq(tl_st_metadata(s, "note"), "äöü") && tl_streq(tl_st_metadata(s, "model"), "[\"x\"]") && !tl_st_metadata(s, "no"), "metadata");
	ok(!tl_st_find(s, "nine") && tl_st_find(s, "real")->rank == 2 && tl_st_find(s, "real")->dim[1] == 3 && tl_st_find(s, "none")->count == 0 && tl_st_find(s, "one")->count == 1, "names and shapes");
	ok(!tl_st_reals(tl_st_find(s, "real"), r, &e) && r[0] == 1.5 && r[2] == 1e300, "F64");
	ok(!tl_st_reals(tl_st_find(s, "half"), r, &e) && r[0] == 1 && r[1] == -2 && r[2] == ldexp(1, -24) && isinf(r[3]) && isnan(r[4]), "F16");
	ok(!tl_st_floats(tl_st_find(s, "bf"), f, &e) && f[0] == 1 && f[1] == -3.140625f, "BF16");
	ok(!tl_st_reals(tl_st_find(s, "float"), r, &e) && r[0] == 0.25 && r[1] == -1, "F32");
	ok(!tl_st_ints(tl_st_find(s, "long"), n, &e) && n[1] == -5 && !tl_st_ints(tl_st_find(s, "odd"), n, &e) && n[0] == 200, "I64 and U8");
	ok(tl_st_ints(tl_st_find(s, "real"), n, &e) < 0, "reals are no integers");
	says(e.text, "tensor real holds F64; wanted integers", "and that is said");
	e.status = 0;
	ok(tl_st_floats(tl_st_find(s, "long"), f, &e) < 0, "integers are no reals");
	tl_st_close(s);
}

/* A full disk: the write fails with a sentence and the old file stays. */
static void
full_disk(void)
{
	char path[300];
	static float data[100000];
	tl_st_out small = { "a", "F32", 1, { 1 }, data, 4 }, large = { "a", "F32", 1, { 100000 }, data, sizeof data };
	struct rlimit limit;
	tl_error e = { 0 };
	tl_safetensors *s;

	snprintf(path, sizeof path, "%s/b.safetensors", getenv("TMP") ? getenv("TMP") : "/tmp");
	tl_st_write(path, 1, &small, NULL, &e);
	getrlimit(RLIMIT_FSIZE, &limit);
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 100000, limit.rlim_max });
	ok(tl_st_write(path, 1, &large, NULL, &e) < 0, "a file that does not fit is not written");
	setrlimit(RLIMIT_FSIZE, &limit);
	says(e.text, "what was there before is untouched", "and that is said");
	e.status = 0;
	s = tl_st_open(path, &e);
	ok(s && tl_st_find(s, "a")->count == 1, "the file of before is there");
	tl_st_close(s);
	ok(tl_st_write(path, 2, (tl_st_out[]){ small, small }, NULL, &e) < 0 && strstr(e.text, "two tensors are named a"), "two tensors of one name are not written");
	e.status = 0;
	small.bytes = 8;
	ok(tl_st_write(path, 1, &small, NULL, &e) < 0 && strstr(e.text, "8 bytes were given; its shape needs 4"), "bytes that do not fit the shape are not written");
}

int
main(void)
{
	lies();
	numbers();
	full_disk();
	return done();
}
