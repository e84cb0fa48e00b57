/* safetensors_write.c - writes the format: beside the file first, synced, then renamed over it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "core.h"
#include "safetensors.h"

static int
write_all(int fd, const void *bytes, size_t n)
{
	for (const char *at = bytes; n;) {
		ssize_t wrote = write(fd, at, TL_MIN(n, (size_t)1 << 30));
		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0)
			return -1;
		at += wrote;
		n -= (size_t)wrote;
	}
	return 0;
}

/* One tensor's entry; NULL after an error. */
static json_t *
entry(const tl_st_out *x, size_t from, const char *path, tl_error *e)
{
	const struct tl_st_dtype *d = tl_st_dtype_of(x->dtype);
	json_t *shape;
	size_t count = 1;

	if (!d || x->rank < 0 || x->rank > TL_COUNT(x->dim)) {
		tl_error_set(e, TL_FAILED, "%s: tensor %s: dtype %s of rank %d cannot be written", path, x->name, x->dtype ? x->dtype : "(none)", x->rank);
		return NULL;
	}
	shape = json_array();
	for (int i = 0; i < x->rank; i++) {
		json_array_append_new(shape, json_integer(x->dim[i]));
		count *= (size_t)x->dim[i];
	}
	if (count * (size_t)d->bytes != x->bytes) {
		json_decref(shape);
		tl_error_set(e, TL_FAILED, "%s: tensor %s: %zu bytes were given; its shape needs %zu", path, x->name, x->bytes, count * (size_t)d->bytes);
		return NULL;
	}
	return json_pack("{s:s, s:o, s:[I,I]}", "dtype", x->dtype, "shape", shape, "data_offsets", (json_int_t)from, (json_int_t)(from + x->bytes));
}

/* The header's text, filled with blanks so that the data begins at a multiple of 64. malloc'd; NULL after an error. */
static char *
header(int n, const tl_st_out *tensors, const char *const *metadata, const char *path, size_t *length, tl_error *e)
{
	json_t *h = json_object();
	size_t from = 0;
	char *text = NULL, *padded = NULL;

	if (metadata && metadata[0]) {
		json_t *m = json_object();
		json_object_set_new(h, "__metadata__", m);
		for (int i = 0; metadata[i]; i += 2)
			if (!metadata[i + 1] || json_object_set_new(m, metadata[i], json_string(metadata[i + 1]))) {
				tl_error_set(e, TL_FAILED, "%s: the metadata \"%s\" is not valid UTF-8", path, metadata[i]);
				goto end;
			}
	}
	for (int i = 0; i < n; i++) {
		json_t *v = entry(&tensors[i], from, path, e);
		if (!v)
			goto end;
		if (json_object_get(h, tensors[i].name)) {
			json_decref(v);
			tl_error_set(e, TL_FAILED, "%s: two tensors are named %s", path, tensors[i].name);
			goto end;
		}
		if (json_object_set_new(h, tensors[i].name, v)) {
			tl_error_set(e, TL_FAILED, "%s: the name of tensor %d is not valid UTF-8", path, i);
			goto end;
		}
		from += tensors[i].bytes;
	}
	text = json_dumps(h, JSON_COMPACT);
	if (text) {
		size_t bytes = strlen(text);
		*length = (bytes + 8 + 63) / 64 * 64 - 8;
		padded = tl_alloc(*length + 1);
		memset(padded, ' ', *length);
		memcpy(padded, text, bytes);
	}
end:
	free(text);
	json_decref(h);
	return padded;
}

int
tl_st_write(const char *path, int n, const tl_st_out *tensors, const char *const *metadata, tl_error *e)
{
	size_t length = 0;
	char *text = header(n, tensors, metadata, path, &length, e), *temporary;
	unsigned char prefix[8];
	int fd, bad;

	if (!text)
		return -1;
	for (int i = 0; i < 8; i++)
		prefix[i] = (unsigned char)((uint64_t)length >> 8 * i);
	temporary = tl_format("%s.%ld.tmp", path, (long)getpid());
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	bad = fd < 0 || write_all(fd, prefix, 8) || write_all(fd, text, length);
	for (int i = 0; i < n && !bad; i++)
		bad = write_all(fd, tensors[i].data, tensors[i].bytes);
	bad = bad || fsync(fd) < 0;
	if (bad)
		tl_error_set(e, TL_ENVIRONMENT, "%s: cannot be written: %s; what was there before is untouched", path, strerror(errno));
	if (fd >= 0 && close(fd) < 0 && !bad)
		bad = tl_error_set(e, TL_ENVIRONMENT, "%s: cannot be written: %s; what was there before is untouched", path, strerror(errno));
	if (!bad && rename(temporary, path) < 0)
		bad = tl_error_set(e, TL_ENVIRONMENT, "%s: cannot be put in its place: %s; what was there before is untouched", path, strerror(errno));
	if (bad)
		unlink(temporary);
	free(temporary);
	free(text);
	return bad ? -1 : 0;
}
