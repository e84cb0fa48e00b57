/*
 * safetensors.c - reads the format: 8 bytes n (little endian), n bytes of JSON, data. Nothing in the file is believed: every number is
 * checked against the file's size, its dtype and the other tensors before anything points into the data.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "core.h"
#include "safetensors.h"

struct tl_safetensors {
	void *map;                 /* NULL: the bytes are the caller's */
	size_t mapped;
	json_t *header;            /* owns names */
	json_t *metadata;
	int n;
	tl_st_entry *entry;        /* in the order of their data */
	int *by_name;              /* [n] sorted */
};

static const struct tl_st_dtype dtypes[] = {
	{ "BOOL", 1 }, { "U8", 1 }, { "I8", 1 }, { "F8_E5M2", 1 }, { "F8_E4M3", 1 }, { "I16", 2 }, { "U16", 2 }, { "F16", 2 }, { "BF16", 2 }, { "I32", 4 }, { "U32", 4 }, { "F32", 4 },
	{ "F64", 8 }, { "I64", 8 }, { "U64", 8 },
};

const struct tl_st_dtype *
tl_st_dtype_of(const char *name)
{
	for (int64_t i = 0; i < TL_COUNT(dtypes); i++)
		if (tl_streq(dtypes[i].name, name))
			return &dtypes[i];
	return NULL;
}

static int
refuse_dtype(const char *what, const char *name, const char *dtype, tl_error *e)
{
	const char *all[TL_COUNT(dtypes)], *near;

	for (int64_t i = 0; i < TL_COUNT(dtypes); i++)
		all[i] = dtypes[i].name;
	near = tl_nearest(dtype, all, TL_COUNT(dtypes));
	return tl_error_set(e, TL_ENVIRONMENT, "%s: tensor %s has dtype \"%s\", which safetensors does not know%s%s%s", what, name, dtype, near ? " (" : "", near ? near : "", near ? "?)" : "");
}

/* One entry of the header. size: bytes of data behind it. */
static int
read_entry(tl_st_entry *x, const char *name, const json_t *v, const char *data, size_t size, const char *what, tl_error *e)
{
	const json_t *dtype = json_object_get(v, "dtype"), *shape = json_object_get(v, "shape"), *at = json_object_get(v, "data_offsets");
	const struct tl_st_dtype *d;
	json_int_t from, to;
	int64_t bytes;

	if (!json_is_string(dtype) || !json_is_array(shape) || !json_is_array(at) || json_array_size(at) != 2 || !json_is_integer(json_array_get(at, 0)) ||
	    !json_is_integer(json_array_get(at, 1)))
		return tl_error_set(e, TL_ENVIRONMENT, "%s: tensor %s lacks one of dtype (text), shape (list) and data_offsets (two integers)", what, name);
	if (!(d = tl_st_dtype_of(json_string_value(dtype))))
		return refuse_dtype(what, name, json_string_value(dtype), e);
	if (json_array_size(shape) > TL_COUNT(x->dim))
		return tl_error_set(e, TL_ENVIRONMENT, "%s: tensor %s has rank %zu; the most that is read is %lld", what, name, json_array_size(shape), (long long)TL_COUNT(x->dim));
	*x = (tl_st_entry){ .name = name, .dtype = d->name, .rank = (int)json_array_size(shape), .count = 1 };
	for (int i = 0; i < x->rank; i++) {
		const json_t *dim = json_array_get(shape, (size_t)i);
		x->dim[i] = json_is_integer(dim) ? (int64_t)json_integer_value(dim) : -1;
		if (x->dim[i] < 0)
			return tl_error_set(e, TL_ENVIRONMENT, "%s: tensor %s: dimension %d is no integer of 0 or more", what, name, i);
		if (__builtin_mul_overflow(x->count, x->dim[i], &x->count))
			return tl_error_set(e, TL_ENVIRONMENT, "%s: tensor %s: its dimensions multiply beyond 2^63", what, name);
	}
	from = json_integer_value(json_array_get(at, 0));
	to = json_integer_value(json_array_get(at, 1));
	if (from < 0 || to < from || (uint64_t)to > size)
		return tl_error_set(e, TL_ENVIRONMENT, "%s: tensor %s lies at bytes %lld to %lld; the file has data 0 to %zu%s", what, name, (long long)from, (long long)to, size,
		                    to > from && from >= 0 ? " (is it cut off?)" : "");
	if (__builtin_mul_overflow(x->count, (int64_t)d->bytes, &bytes) || bytes != to - from)
		return tl_error_set(e, TL_ENVIRONMENT, "%s: tensor %s has %lld bytes; %lld numbers of %s need %d bytes each", what, name, (long long)(to - from), (long long)x->count, d->name, d->bytes);
	x->data = data + from;
	x->bytes = (size_t)bytes;
	return 0;
}

static int
by_place(const void *a, const void *b)
{
	const tl_st_entry *x = a, *y = b;

	if (x->data != y->data)
		return (const char *)x->data < (const char *)y->data ? -1 : 1;
	return x->bytes != y->bytes ? x->bytes < y->bytes ? -1 : 1 : strcmp(x->name, y->name);
}

/* Every byte of the data belongs to one tensor. */
static int
check_places(const tl_safetensors *s, const char *data, size_t size, const char *what, tl_error *e)
{
	const char *end = data;

	for (int i = 0; i < s->n; i++) {
		const tl_st_entry *x = &s->entry[i];
		if ((const char *)x->data < end)
			return tl_error_set(e, TL_ENVIRONMENT, "%s: tensors %s and %s overlap", what, s->entry[i - 1].name, x->name);
		if ((const char *)x->data > end)
			return tl_error_set(e, TL_ENVIRONMENT, "%s: %lld bytes before tensor %s belong to no tensor", what, (long long)((const char *)x->data - end), x->name);
		end = (const char *)x->data + x->bytes;
	}
	if (end != data + size)
		return tl_error_set(e, TL_ENVIRONMENT, "%s: the last %lld bytes belong to no tensor", what, (long long)(data + size - end));
	return 0;
}

static int
compare_names(const void *a, const void *b, void *arg)
{
	const tl_st_entry *x = arg;

	return strcmp(x[*(const int *)a].name, x[*(const int *)b].name);
}

static int
read_header(tl_safetensors *s, const char *bytes, size_t n, const char *what, tl_error *e)
{
	const unsigned char *u = (const unsigned char *)bytes;
	const char *name, *data;
	json_t *v;
	uint64_t length = 0;

	if (n < 8)
		return tl_error_set(e, TL_ENVIRONMENT, "%s: not a safetensors file: %zu bytes; it begins with 8 that tell its header's length", what, n);
	for (int i = 0; i < 8; i++)
		length |= (uint64_t)u[i] << 8 * i;
	if (length > n - 8)
		return tl_error_set(e, TL_ENVIRONMENT, "%s: not a safetensors file, or cut off: its header should have %llu bytes, and the file has %zu more", what, (unsigned long long)length, n - 8);
	if (!(s->header = tl_json_parse(bytes + 8, (size_t)length, what, e)))
		return -1;
	if (!json_is_object(s->header))
		return tl_error_set(e, TL_ENVIRONMENT, "%s: the safetensors header is no JSON object", what);
	data = bytes + 8 + length;
	n -= 8 + (size_t)length;
	s->entry = tl_alloc((json_object_size(s->header) + 1) * sizeof *s->entry);
	s->by_name = tl_alloc((json_object_size(s->header) + 1) * sizeof *s->by_name);
	json_object_foreach(s->header, name, v)
	{
		if (!strcmp(name, "__metadata__")) {
			const char *key;
			json_t *text;
			if (!json_is_object(v))
				return tl_error_set(e, TL_ENVIRONMENT, "%s: __metadata__ is no JSON object", what);
			json_object_foreach(v, key, text)
				if (!json_is_string(text))
					return tl_error_set(e, TL_ENVIRONMENT, "%s: __metadata__ \"%s\" is no text; safetensors allows texts only", what, key);
			s->metadata = v;
		} else if (read_entry(&s->entry[s->n], name, v, data, n, what, e))
			return -1;
		else
			s->n++;
	}
	qsort(s->entry, (size_t)s->n, sizeof *s->entry, by_place);
	if (check_places(s, data, n, what, e))
		return -1;
	for (int i = 0; i < s->n; i++)
		s->by_name[i] = i;
	qsort_r(s->by_name, (size_t)s->n, sizeof *s->by_name, compare_names, s->entry);
	return 0;
}

tl_safetensors *
tl_st_parse(const void *bytes, size_t n, const char *what, tl_error *e)
{
	tl_safetensors *s = tl_alloc(sizeof *s);

	if (read_header(s, bytes, n, what, e)) {
		tl_st_close(s);
		return NULL;
	}
	return s;
}

tl_safetensors *
tl_st_open(const char *path, tl_error *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	tl_safetensors *s;
	void *map = NULL;

	if (fd < 0 || fstat(fd, &st)) {
		tl_error_set(e, TL_ENVIRONMENT, "%s: cannot be opened: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	if (!S_ISREG(st.st_mode)) {
		tl_error_set(e, TL_ENVIRONMENT, "%s: no file; wanted a .safetensors file", path);
		close(fd);
		return NULL;
	}
	if (st.st_size > 0)
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (map == MAP_FAILED) {
		tl_error_set(e, TL_ENVIRONMENT, "%s: cannot be mapped: %s", path, strerror(errno));
		return NULL;
	}
	s = tl_st_parse(map ? map : "", (size_t)st.st_size, path, e);
	if (s) {
		s->map = map;
		s->mapped = (size_t)st.st_size;
	} else if (map)
		munmap(map, (size_t)st.st_size);
	return s;
}

void
tl_st_close(tl_safetensors *s)
{
	if (!s)
		return;
	if (s->map)
		munmap(s->map, s->mapped);
	json_decref(s->header);
	free(s->entry);
	free(s->by_name);
	free(s);
}

int
tl_st_count(const tl_safetensors *s)
{
	return s->n;
}

const tl_st_entry *
tl_st_at(const tl_safetensors *s, int i)
{
	return i >= 0 && i < s->n ? &s->entry[i] : NULL;
}

const tl_st_entry *
tl_st_find(const tl_safetensors *s, const char *name)
{
	int low = 0, high = s->n;

	while (low < high) {
		int middle = (low + high) / 2, order = strcmp(name, s->entry[s->by_name[middle]].name);
		if (order == 0)
			return &s->entry[s->by_name[middle]];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const char *
tl_st_metadata(const tl_safetensors *s, const char *key)
{
	return s->metadata ? json_string_value(json_object_get(s->metadata, key)) : NULL;
}

/* --- numbers: the data may lie at any address, so each is copied out --- */

static double
half(uint16_t h)
{
	int exponent = h >> 10 & 31, fraction = h & 1023;
	double v = exponent == 31 ? fraction ? NAN : INFINITY : exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);

	return h >> 15 ? -v : v;
}

static float
bfloat(uint16_t h)
{
	uint32_t bits = (uint32_t)h << 16;
	float f;

	memcpy(&f, &bits, sizeof f);
	return f;
}

#define EACH(T, expression) \
	for (int64_t i = 0; i < x->count; i++) { \
		T v; \
		memcpy(&v, (const char *)x->data + (size_t)i * sizeof v, sizeof v); \
		out[i] = (expression); \
	}

int
tl_st_reals(const tl_st_entry *x, double *out, tl_error *e)
{
	if (tl_streq(x->dtype, "F64")) {
		if (x->bytes)
			memcpy(out, x->data, x->bytes);
	} else if (tl_streq(x->dtype, "F32"))
		EACH(float, (double)v)
	else if (tl_streq(x->dtype, "F16"))
		EACH(uint16_t, half(v))
	else if (tl_streq(x->dtype, "BF16"))
		EACH(uint16_t, (double)bfloat(v))
	else
		return tl_error_set(e, TL_ENVIRONMENT, "tensor %s holds %s; wanted real numbers (F64, F32, F16 or BF16)", x->name, x->dtype);
	return 0;
}

int
tl_st_floats(const tl_st_entry *x, float *out, tl_error *e)
{
	if (tl_streq(x->dtype, "F32")) {
		if (x->bytes)
			memcpy(out, x->data, x->bytes);
	} else if (tl_streq(x->dtype, "F64"))
		EACH(double, (float)v)
	else if (tl_streq(x->dtype, "F16"))
		EACH(uint16_t, (float)half(v))
	else if (tl_streq(x->dtype, "BF16"))
		EACH(uint16_t, bfloat(v))
	else
		return tl_error_set(e, TL_ENVIRONMENT, "tensor %s holds %s; wanted real numbers (F64, F32, F16 or BF16)", x->name, x->dtype);
	return 0;
}

int
tl_st_ints(const tl_st_entry *x, int64_t *out, tl_error *e)
{
	if (tl_streq(x->dtype, "I64")) {
		if (x->bytes)
			memcpy(out, x->data, x->bytes);
	} else if (tl_streq(x->dtype, "I32"))
		EACH(int32_t, v)
	else if (tl_streq(x->dtype, "U32"))
		EACH(uint32_t, v)
	else if (tl_streq(x->dtype, "I16"))
		EACH(int16_t, v)
	else if (tl_streq(x->dtype, "U16"))
		EACH(uint16_t, v)
	else if (tl_streq(x->dtype, "I8"))
		EACH(int8_t, v)
	else if (tl_streq(x->dtype, "U8") || tl_streq(x->dtype, "BOOL"))
		EACH(uint8_t, v)
	else if (tl_streq(x->dtype, "U64")) {
		EACH(uint64_t, (int64_t)v)
		for (int64_t i = 0; i < x->count; i++)
			if (out[i] < 0)
				return tl_error_set(e, TL_ENVIRONMENT, "tensor %s: number %lld is 2^63 or more", x->name, (long long)i);
	} else
		return tl_error_set(e, TL_ENVIRONMENT, "tensor %s holds %s; wanted integers", x->name, x->dtype);
	return 0;
}
