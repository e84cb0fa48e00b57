/* error.c - one sentence per failure, the first one kept. */
#include "base.h"

#include <string.h>

int
tl_error_vset(tl_error *e, int status, const char *format, va_list ap)
{
	if (e && !e->status) {
		e->status = status ? status : TL_FAILED;
		vsnprintf(e->text, sizeof e->text, format, ap);
	}
	return -1;
}

int
tl_error_set(tl_error *e, int status, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	tl_error_vset(e, status, format, ap);
	va_end(ap);
	return -1;
}

int
tl_error_who(tl_error *e, const char *format, ...)
{
	char who[300], text[sizeof e->text];
	va_list ap;

	if (!e || !e->status)
		return -1;
	va_start(ap, format);
	vsnprintf(who, sizeof who, format, ap);
	va_end(ap);
	snprintf(text, sizeof text, "%s: %.*s", who, (int)(sizeof text - sizeof who - 3), e->text);
	memcpy(e->text, text, sizeof text);
	return -1;
}
