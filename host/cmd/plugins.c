/* plugins.c - tagloom plugins: which plugins there are, what one declares, and why a file was not taken. */
#include "cmd.h"
#include "plugin/host.h"

#include <stdlib.h>
#include <string.h>

static void
list(tl_registry *r)
{
	static const char *const kinds[] = { "encoder", "label", "metric", "reader" };

	for (int k = 0; k < 4; k++) {
		for (int64_t i = 0; i < tl_registry_count(r); i++) {
			const tl_candidate *c = tl_registry_at(r, i);
			char name[80];
			if (!c->plugin || c->shadowed || strcmp(c->kind, kinds[k]))
				continue;
			snprintf(name, sizeof name, "%s/%s", c->kind, c->name);
			printf("%-28s %-8s %s\n", name, c->plugin->version, c->plugin->summary);
		}
	}
}

static void
list_json(tl_registry *r)
{
	json_t *all = json_array();
	char *text;

	for (int64_t i = 0; i < tl_registry_count(r); i++)
		json_array_append_new(all, tl_plugin_json(tl_registry_at(r, i)));
	text = json_dumps(all, JSON_INDENT(1) | JSON_REAL_PRECISION(15));
	puts(text);
	free(text);
	json_decref(all);
}

static void
why(tl_registry *r)
{
	for (int64_t i = 0; i < tl_registry_count(r); i++) {
		const tl_candidate *c = tl_registry_at(r, i);
		if (c->why)
			printf("%s %s\n", c->shadowed ? "shadowed" : "refused ", c->why);
		else
			printf("loaded   %s: %s/%s %s\n", c->path, c->kind, c->name, c->plugin->version);
	}
}

static int
show(tl_registry *r, const char *what, bool json, tl_error *e)
{
	const char *slash = strchr(what, '/');
	const tl_candidate *c;
	tl_text out = { 0 };
	char *kind;

	if (tl_ends(what, ".so")) {
		c = tl_registry_load_file(r, what, e);
	} else if (slash) {
		kind = tl_strndup(what, (size_t)(slash - what));
		if (tl_ends(kind, "s"))
			kind[strlen(kind) - 1] = 0;
		c = tl_registry_find(r, kind, slash + 1, e);
		free(kind);
	} else {
		return tl_error_set(e, TL_USAGE, "%s: wanted KIND/NAME, such as label/classifier, or a file NAME.so", what);
	}
	if (!c)
		return -1;
	if (json) {
		json_t *v = tl_plugin_json(c);
		char *text = json_dumps(v, JSON_INDENT(1) | JSON_REAL_PRECISION(15));
		puts(text);
		free(text);
		json_decref(v);
	} else {
		tl_plugin_show(c, &out);
		fputs(out.s, stdout);
		tl_text_free(&out);
	}
	return 0;
}

static int
run(const tl_args *a, tl_error *e)
{
	const char *format = tl_arg_value(a, "--format", "text");
	bool json = !strcmp(format, "json"), showing = a->n && !strcmp(a->operand[0], "show");
	tl_registry *r;
	int status = 0;

	if (!json && strcmp(format, "text"))
		return tl_error_set(e, TL_USAGE, "--format %s: wanted text or json", format);
	if ((a->n && !showing && strcmp(a->operand[0], "list")) || a->n != (showing ? 2 : a->n ? 1 : 0))
		return tl_error_set(e, TL_USAGE, "usage: tagloom plugins [list|show KIND/NAME|show FILE.so|--why]");
	r = tl_registry_new();
	if (showing) {
		status = show(r, a->operand[1], json, e);
	} else {
		tl_registry_scan(r);
		if (tl_arg_flag(a, "--why"))
			why(r);
		else if (json)
			list_json(r);
		else
			list(r);
	}
	tl_registry_free(r);
	return status;
}

static const tl_option options[] = {
	{ "--why", NULL, "every file that was looked at: loaded, shadowed by, refused because", 0, false },
	{ "--format", "text|json", "for people, or the declarations as data", 0, false },
	{ 0 }
};

const tl_verb tl_verb_plugins = {
	.name = "plugins",
	.synopsis = "[list|show KIND/NAME|show FILE.so|--why]",
	.summary = "list plugins, or show what one declares",
	.description = "Plugins are looked for in the folders of TAGLOOM_PLUGIN_PATH (KIND/NAME.so or NAME.so), beside the program (its installation or build tree), and in the folder of --prefix.",
	.options = options,
	.least = 0,
	.most = 2,
	.run = run,
};
