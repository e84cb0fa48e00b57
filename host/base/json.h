/* json.h - jansson with the project's error sentences and a canonical form. */
#ifndef HOST_JSON_H
#define HOST_JSON_H

#include <jansson.h>

#include "base.h"

/* Parses with duplicate keys rejected. what: "config.json" or "data/x.jsonl:17", for the message. NULL after an error. */
json_t *tl_json_parse(const char *text, size_t n, const char *what, tl_error *e);
json_t *tl_json_file(const char *path, tl_error *e);
/* Canonical text: keys sorted, no blanks, reals with 17 digits. malloc'd. The identity of a run is a hash of such texts. */
char *tl_json_canonical(const json_t *v);
const char *tl_json_string(const json_t *object, const char *key, const char *fallback);
double tl_json_number(const json_t *object, const char *key, double fallback);
int64_t tl_json_int(const json_t *object, const char *key, int64_t fallback);
bool tl_json_bool(const json_t *object, const char *key, bool fallback);

#endif
