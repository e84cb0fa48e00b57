/* folder.c - relative paths of a script begin in the folder in which it was started: who runs it again goes there first. */
#include "sweep.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *
tl_folder_of_run(tl_store *s, int64_t run, tl_error *e)
{
	char *now = getcwd(NULL, 0);
	char *folder = tl_store_text(s, e, "SELECT x.folder FROM experiment x JOIN arm a ON a.experiment_id = x.id JOIN arm_run ar ON ar.arm_id = a.id WHERE ar.run_id = ?1 ORDER BY a.id DESC LIMIT 1", "i", run);
	struct stat st;

	if (folder && (tl_streq(folder, now) || stat(folder, &st) || !S_ISDIR(st.st_mode))) {
		free(folder);
		folder = NULL;
	}
	free(now);
	return folder;
}

/* Every folder of a list that is separated by colons. */
static void
make_absolute(const char *name)
{
	const char *value = getenv(name);
	char *now = getcwd(NULL, 0), *list, *save = NULL;
	tl_text out = { 0 };

	if (value && *value && now) {
		list = tl_strdup(value);
		for (char *one = strtok_r(list, ":", &save); one; one = strtok_r(NULL, ":", &save)) {
			char *path = tl_path_join(now, one);
			tl_text_add(&out, "%s%s", out.n ? ":" : "", path);
			free(path);
		}
		if (out.n)
			setenv(name, out.s, 1);
		free(list);
	}
	tl_text_free(&out);
	free(now);
}

void
tl_go_to(const char *folder)
{
	make_absolute("TAGLOOM_PLUGIN_PATH");
	make_absolute("TAGLOOM_CACHE");
	make_absolute("TMPDIR");
	if (chdir(folder))
		tl_warning("%s: the script was started there, but the folder cannot be entered; relative paths begin here", folder);
}
