/*
 * registry.c - which plugin files there are, in the order in which they are looked for, loaded when somebody asks for them.
 */
#include "inside.h"

#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct tl_registry {
	tl_candidate **at;
	int64_t n, capacity;
	char **folder;              /* in order of search */
	int64_t n_folders, folder_capacity;
};

/* --- folders ---------------------------------------------------------------------------------------------------------------------------- */
static void
add_folder(tl_registry *r, const char *path)
{
	char full[PATH_MAX];

	if (!path[0] || !realpath(path, full))
		return;
	for (int64_t i = 0; i < r->n_folders; i++)
		if (!strcmp(r->folder[i], full))
			return;
	r->folder = tl_grow(r->folder, r->n_folders, &r->folder_capacity, sizeof *r->folder);
	r->folder[r->n_folders++] = tl_strdup(full);
}

/* exe: the program's path, cut at its last slash. */
static void
add_folders_beside(tl_registry *r, char *exe, char *slash)
{
	char *path;

	*slash = 0;
	path = tl_format("%s/../lib/tagloom/plugins", exe); /* installed under another root */
	if (tl_ends(exe, "/bin"))
		add_folder(r, path);
	free(path);
	path = tl_format("%s/build/plugins", exe);
	add_folder(r, path);
	free(path);
	if ((slash = strstr(exe, "/build/tests/"))) { /* a test program of the build tree */
		*slash = 0;
		path = tl_format("%s/build/plugins", exe);
		add_folder(r, path);
		free(path);
	}
}

static void
add_folders(tl_registry *r)
{
	const char *env = getenv("TAGLOOM_PLUGIN_PATH");
	char *copy = tl_strdup(env ? env : ""), *save = NULL, exe[PATH_MAX] = "", *slash;
	ssize_t n;

	for (char *s = strtok_r(copy, ":", &save); s; s = strtok_r(NULL, ":", &save))
		add_folder(r, s);
	free(copy);
	/* What belongs to this very program comes before what is installed: a build tree must not run the plugins of an earlier version. */
	n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	exe[n > 0 ? n : 0] = 0;
	if ((slash = strrchr(exe, '/')))
		add_folders_beside(r, exe, slash);
	add_folder(r, TL_PREFIX "/lib/tagloom/plugins");
}

/* --- candidates --------------------------------------------------------------------------------------------------------------------------- */
static tl_candidate *
add_candidate(tl_registry *r, const char *path, const char *kind, const char *name)
{
	tl_candidate *c = tl_alloc(sizeof *c);

	c->path = tl_strdup(path);
	c->kind = kind ? tl_strdup(kind) : NULL;
	c->name = tl_strdup(name);
	r->at = tl_grow(r->at, r->n, &r->capacity, sizeof *r->at);
	r->at[r->n++] = c;
	return c;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The files NAME.so of one folder, sorted: the order of a folder's entries decides nothing. */
static void
add_files(tl_registry *r, const char *folder, const char *kind)
{
	DIR *d = opendir(folder);
	struct dirent *entry;
	char **names = NULL;
	int64_t n = 0, capacity = 0;

	while (d && (entry = readdir(d))) {
		size_t length = strlen(entry->d_name);
		if (length <= 3 || strcmp(entry->d_name + length - 3, ".so") || entry->d_name[0] == '.')
			continue;
		names = tl_grow(names, n, &capacity, sizeof *names);
		names[n++] = tl_strndup(entry->d_name, length - 3);
	}
	if (d)
		closedir(d);
	if (n)
		qsort(names, (size_t)n, sizeof *names, by_text);
	for (int64_t i = 0; i < n; i++) {
		char *path = tl_format("%s/%s.so", folder, names[i]);
		add_candidate(r, path, kind, names[i]);
		free(path);
		free(names[i]);
	}
	free(names);
}

tl_registry *
tl_registry_new(void)
{
	tl_registry *r = tl_alloc(sizeof *r);

	add_folders(r);
	for (int64_t i = 0; i < r->n_folders; i++) {
		for (int k = 0; tl_kind_names[k]; k++) {
			char *one = tl_path_join(r->folder[i], tl_kind_names[k]), *many = tl_path_join(r->folder[i], tl_kind_folders[k]);
			add_files(r, many, tl_kind_names[k]);
			add_files(r, one, tl_kind_names[k]);
			free(one);
			free(many);
		}
		add_files(r, r->folder[i], NULL);
	}
	return r;
}

void
tl_registry_free(tl_registry *r)
{
	if (!r)
		return;
	for (int64_t i = 0; i < r->n; i++) {
		/* Files stay loaded: their rows may still be in somebody's hands, and unloading saves nothing. */
		free(r->at[i]->path);
		free(r->at[i]->kind);
		free(r->at[i]->name);
		free(r->at[i]->why);
		free(r->at[i]);
	}
	for (int64_t i = 0; i < r->n_folders; i++)
		free(r->folder[i]);
	free(r->folder);
	free(r->at);
	free(r);
}

int64_t
tl_registry_count(const tl_registry *r)
{
	return r->n;
}

const tl_candidate *
tl_registry_at(const tl_registry *r, int64_t i)
{
	return i >= 0 && i < r->n ? r->at[i] : NULL;
}

int
tl_registry_scan(tl_registry *r)
{
	for (int64_t i = 0; i < r->n; i++)
		tl_plugin_load(r->at[i]);
	for (int64_t i = 0; i < r->n; i++) {
		tl_candidate *c = r->at[i];
		for (int64_t j = 0; j < i && c->plugin && !c->why; j++) {
			const tl_candidate *first = r->at[j];
			/* A refused file also hides: falling back to another one silently would run something else than the user put there. */
			if (!first->shadowed && first->kind && !strcmp(first->kind, c->kind) && !strcmp(first->name, c->name)) {
				c->shadowed = true;
				c->why = tl_format("%s: shadowed by %s, which is found first", c->path, first->path);
			}
		}
	}
	return 0;
}

static const char *
article(const char *kind)
{
	return kind[0] == 'e' ? "an" : "a";
}

static const tl_candidate *
not_there(const tl_registry *r, const char *kind, const char *name, tl_error *e)
{
	const char **names = tl_alloc((size_t)(r->n + 1) * sizeof *names), *near, *other = NULL;
	tl_text all = { 0 };
	int64_t n = 0;

	for (int64_t i = 0; i < r->n; i++) {
		if (r->at[i]->kind && !strcmp(r->at[i]->kind, kind))
			names[n++] = r->at[i]->name;
		else if (!strcmp(r->at[i]->name, name))
			other = r->at[i]->kind;
	}
	near = tl_nearest(name, names, n);
	for (int64_t i = 0; i < n && all.n < 300; i++)
		tl_text_add(&all, "%s%s", i ? ", " : "", names[i]);
	if (near)
		tl_error_set(e, TL_USAGE, "%s/%s: no such plugin; did you mean %s?", kind, name, near);
	else if (other)
		tl_error_set(e, TL_USAGE, "%s/%s: no such plugin; %s is %s %s", kind, name, name, article(other), other);
	else
		tl_error_set(e, TL_USAGE, "%s/%s: no such plugin; there %s %s (tagloom plugins --why tells where was looked)", kind, name, n ? "are" : "is", n ? all.s : "none of this kind");
	tl_text_free(&all);
	free(names);
	return NULL;
}

const tl_candidate *
tl_registry_find(tl_registry *r, const char *kind, const char *name, tl_error *e)
{
	for (int64_t i = 0; i < r->n; i++) {
		tl_candidate *c = r->at[i];
		if (strcmp(c->name, name) || (c->kind && strcmp(c->kind, kind)))
			continue;
		tl_plugin_load(c);
		if (c->plugin && !strcmp(c->kind, kind))
			return c;
		if (!c->plugin) {
			tl_error_set(e, TL_ENVIRONMENT, "%s/%s was refused: %s", kind, name, c->why);
			return NULL;
		}
	}
	return not_there(r, kind, name, e);
}

const tl_candidate *
tl_registry_load_file(tl_registry *r, const char *path, tl_error *e)
{
	char full[PATH_MAX], *name;
	const char *slash;
	tl_candidate *c;

	if (!realpath(path, full))
		snprintf(full, sizeof full, "%s", path);
	for (int64_t i = 0; i < r->n; i++)
		if (!strcmp(r->at[i]->path, full)) {
			tl_plugin_load(r->at[i]);
			if (!r->at[i]->plugin)
				tl_error_set(e, TL_ENVIRONMENT, "%s", r->at[i]->why);
			return r->at[i]->plugin ? r->at[i] : NULL;
		}
	slash = strrchr(full, '/');
	name = tl_strdup(slash ? slash + 1 : full);
	if (tl_ends(name, ".so"))
		name[strlen(name) - 3] = 0;
	c = add_candidate(r, full, NULL, name);
	free(name);
	tl_plugin_load(c);
	if (!c->plugin)
		tl_error_set(e, TL_ENVIRONMENT, "%s", c->why);
	/* It is found first from now on. */
	memmove(&r->at[1], &r->at[0], (size_t)(r->n - 1) * sizeof *r->at);
	r->at[0] = c;
	return c->plugin ? c : NULL;
}

const tl_candidate *
tl_registry_add(tl_registry *r, const tl_plugin *p, const char *sha256, const char *where, tl_error *e)
{
	tl_candidate *c;

	if (p->magic != TL_MAGIC || tl_plugin_declared(p, false, e) < 0) {
		tl_error_set(e, TL_USAGE, "the declaration has no header");
		tl_error_who(e, "%s", where);
		return NULL;
	}
	c = add_candidate(r, where, tl_kind_name(p->kind), p->name);
	c->plugin = p;
	snprintf(c->sha256, sizeof c->sha256, "%s", sha256);
	memmove(&r->at[1], &r->at[0], (size_t)(r->n - 1) * sizeof *r->at);
	r->at[0] = c;
	return c;
}

const tl_metric *
tl_registry_metric(tl_registry *r, const char *name, const tl_candidate **where, tl_error *e)
{
	const char *names[512] = { NULL }, *near;
	int64_t n = 0;

	for (int64_t i = 0; i < r->n; i++) {
		tl_candidate *c = r->at[i];
		if (c->kind && strcmp(c->kind, "metric"))
			continue;
		tl_plugin_load(c);
		if (!c->plugin || strcmp(c->kind, "metric"))
			continue;
		for (const tl_metric *m = c->plugin->metrics; m->name; m++) {
			if (!strcmp(m->name, name)) {
				if (where)
					*where = c;
				return m;
			}
			if (n < TL_COUNT(names))
				names[n++] = m->name;
		}
	}
	near = tl_nearest(name, names, n);
	tl_error_set(e, TL_USAGE, "%s: no such metric%s%s%s", name, near ? "; did you mean " : n ? "; tagloom plugins lists them" : "; no metric plugin was found", near ? near : "", near ? "?" : "");
	return NULL;
}

const char *
tl_plugin_hash(const tl_candidate *c, tl_error *e)
{
	tl_candidate *mutable = (tl_candidate *)(uintptr_t)c;

	if (!c->sha256[0] && tl_sha_file(c->path, mutable->sha256, e) < 0)
		return NULL;
	return c->sha256;
}
