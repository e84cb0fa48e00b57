/* sha.c - SHA-256 by libcrypto: one hash for contents and identities. */
#include "base.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

struct tl_sha { EVP_MD_CTX *md; };

tl_sha *
tl_sha_new(void)
{
	tl_sha *s = tl_alloc(sizeof *s);

	s->md = EVP_MD_CTX_new();
	EVP_DigestInit_ex(s->md, EVP_sha256(), NULL);
	return s;
}

void
tl_sha_add(tl_sha *s, const void *bytes, size_t n)
{
	EVP_DigestUpdate(s->md, bytes, n);
}

void
tl_sha_end(tl_sha *s, char hex[65])
{
	unsigned char raw[32];
	unsigned n = 0;

	EVP_DigestFinal_ex(s->md, raw, &n);
	EVP_MD_CTX_free(s->md);
	free(s);
	for (int i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", raw[i]);
}

void
tl_sha_of(const void *bytes, size_t n, char hex[65])
{
	tl_sha *s = tl_sha_new();

	tl_sha_add(s, bytes, n);
	tl_sha_end(s, hex);
}

int
tl_sha_file(const char *path, char hex[65], tl_error *e)
{
	FILE *f = fopen(path, "rb");
	char buffer[65536];
	size_t got;
	tl_sha *s;

	if (!f)
		return tl_error_set(e, TL_ENVIRONMENT, "%s: cannot be opened: %s", path, strerror(errno));
	s = tl_sha_new();
	while ((got = fread(buffer, 1, sizeof buffer, f)) > 0)
		tl_sha_add(s, buffer, got);
	tl_sha_end(s, hex);
	if (ferror(f)) {
		fclose(f);
		return tl_error_set(e, TL_ENVIRONMENT, "%s: cannot be read: %s", path, strerror(errno));
	}
	fclose(f);
	return 0;
}
