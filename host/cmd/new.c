/* new.c - tagloom new: one C file that builds, loads and passes `tagloom check`; what is left to write is the idea. */
#include "cmd.h"
#include "plugin/host.h"

#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = { "encoder", "label", "metric", "reader" };

static int
kind_of(const char *text, tl_error *e)
{
	for (int k = 0; k < TL_COUNT(kinds); k++)
		if (!strcmp(text, kinds[k]) || (tl_starts(text, kinds[k]) && !strcmp(text + strlen(kinds[k]), "s")))
			return k;
	const char *near = tl_nearest(text, kinds, TL_COUNT(kinds));
	return tl_error_set(e, TL_USAGE, "%s: no such kind of plugin; wanted encoder, label, metric or reader%s%s%s", text, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static int
good_name(const char *name, tl_error *e)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";

	if (!name[0] || strspn(name, letters) != strlen(name) || (name[0] >= '0' && name[0] <= '9') || strlen(name) > 60)
		return tl_error_set(e, TL_USAGE, "%s: wanted a name of letters, digits and _ that begins with a letter", name);
	if (!strcmp(name, "total"))
		return tl_error_set(e, TL_USAGE, "total is the name of the sum of all losses; call the plugin something else");
	return 0;
}

/* The template with its name filled in. */
static void
fill(const char *template, const char *name, tl_text *out)
{
	static const char mark[] = "@NAME@";

	for (const char *s = template, *at; *s; s = at) {
		at = strstr(s, mark);
		tl_text_bytes(out, s, at ? (size_t)(at - s) : strlen(s));
		if (!at)
			break;
		tl_text_bytes(out, name, strlen(name));
		at += strlen(mark);
	}
}

static int
run(const tl_args *a, tl_error *e)
{
	int kind = kind_of(a->operand[0], e);
	const char *name = a->operand[1], *folder = a->n > 2 ? a->operand[2] : ".", *template;
	char *path, *embedded;
	tl_text text = { 0 };
	int status;

	if (kind < 0 || good_name(name, e) < 0)
		return -1;
	embedded = tl_format("plugins/%ss/template.c.in", kinds[kind]);
	template = tl_embedded_text(embedded);
	free(embedded);
	if (!template)
		return tl_error_set(e, TL_ENVIRONMENT, "this build carries no template for a plugin of kind %s", kinds[kind]);
	if (tl_make_dirs(folder, e) < 0)
		return -1;
	path = tl_format(tl_ends(folder, "/") ? "%s%s.c" : "%s/%s.c", folder, name);
	if (tl_exists(path)) {
		tl_error_set(e, TL_USAGE, "%s: there is a file of that name; it stays as it is. Choose another name or folder", path);
		free(path);
		return -1;
	}
	fill(template, name, &text);
	status = tl_write_file(path, text.s, text.n, e);
	if (!status)
		printf("%s\n\n  cc $(pkg-config --cflags tagloom) -shared -fPIC %s -o %.*s.so\n  tagloom check %s%.*s.so\n", path, path, (int)strlen(path) - 2, path, strchr(path, '/') ? "" : "./",
		       (int)strlen(path) - 2, path);
	tl_text_free(&text);
	free(path);
	return status;
}

const tl_verb tl_verb_new = {
	.name = "new",
	.synopsis = "encoder|label|metric|reader NAME [DIR]",
	.summary = "write a plugin that passes check",
	.description = "Writes DIR/NAME.c (default: here), a small working plugin of that kind, and prints the two commands that build and check it. A file that is there\n"
	               "already is left alone.",
	.least = 2,
	.most = 3,
	.run = run,
};
