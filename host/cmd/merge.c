/* merge.c - several results databases into one, with the files of their runs. */
#include "cmd.h"
#include "store/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Copies one file beside its place and renames it over: nobody sees half of it. */
static int
copy_file(const char *from, const char *to, tl_error *e)
{
	char *temporary = tl_format("%s.%ld.tmp", to, (long)getpid()), buffer[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC), out = in < 0 ? -1 : open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), bad = in < 0 || out < 0;
	ssize_t n = 0;

	while (!bad && (n = read(in, buffer, sizeof buffer)) > 0)
		for (ssize_t at = 0, wrote; at < n && !bad; at += wrote) {
			wrote = write(out, buffer + at, (size_t)(n - at));
			bad = wrote <= 0;
		}
	bad = bad || n < 0 || fsync(out) || close(out) || rename(temporary, to);
	if (in >= 0)
		close(in);
	if (bad) {
		tl_error_set(e, TL_ENVIRONMENT, "%s: cannot be copied to %s: %s; the rows are merged, run the same command again for the files", from, to, strerror(errno));
		unlink(temporary);
	}
	free(temporary);
	return bad ? -1 : 0;
}

static int
copy_folder(const char *from, const char *to, int64_t *files, tl_error *e)
{
	DIR *d = opendir(from);
	struct dirent *x;
	int bad = 0;

	if (!d)
		return 0;
	bad = tl_make_dirs(to, e);
	while (!bad && (x = readdir(d))) {
		char *a, *b;
		struct stat here, there;
		if (!strcmp(x->d_name, ".") || !strcmp(x->d_name, "..") || tl_ends(x->d_name, ".tmp"))
			continue;
		a = tl_path_join(from, x->d_name);
		b = tl_path_join(to, x->d_name);
		if (stat(a, &here) == 0 && S_ISDIR(here.st_mode)) {
			bad = copy_folder(a, b, files, e);
		} else if (stat(a, &here) == 0 && S_ISREG(here.st_mode) && (stat(b, &there) || there.st_size != here.st_size)) {
			bad = copy_file(a, b, e);
			*files += !bad;
		}
		free(a);
		free(b);
	}
	closedir(d);
	return bad;
}

/* FROM.db.d/IDENTITY goes to INTO.db.d/IDENTITY for the runs that INTO has done; what is there already stays. */
static int
copy_artifacts(tl_store *into, const char *from, int64_t *files, tl_error *e)
{
	char *a = tl_format("%s.d", from), *b = tl_format("%s.d", tl_store_path(into));
	DIR *d = opendir(a);
	struct dirent *x;
	int bad = 0;

	while (d && !bad && (x = readdir(d))) {
		if (*x->d_name == '.' || !tl_store_int(into, e, 0, "SELECT count(*) FROM run WHERE identity = ?1", "s", x->d_name))
			continue;
		char *source = tl_path_join(a, x->d_name), *target = tl_path_join(b, x->d_name);
		bad = copy_folder(source, target, files, e);
		free(source);
		free(target);
	}
	if (d)
		closedir(d);
	if (!bad) /* the files of every run lie beside this database now */
		bad = tl_store_run(into, e,
		                   "UPDATE OR REPLACE artifact SET path = ?1 || substr(path, instr(path, '/' || (SELECT identity FROM run WHERE id = run_id) || '/')) "
		                   "WHERE instr(path, '/' || (SELECT identity FROM run WHERE id = run_id) || '/') > 0 AND substr(path, 1, length(?1) + 1) <> ?1 || '/'", "s", b);
	free(a);
	free(b);
	return bad;
}

static int
run(const tl_args *a, tl_error *e)
{
	tl_store *into = NULL;
	int bad = 0;

	for (int i = 1; i < a->n && !bad; i++)
		if (!tl_exists(a->operand[i]))
			bad = tl_error_set(e, TL_ENVIRONMENT, "%s: there is no such file; nothing was merged", a->operand[i]);
	if (!bad)
		into = tl_store_open(a->operand[0], false, e);
	for (int i = 1; i < a->n && into && !bad; i++) {
		int64_t added = 0, replaced = 0, files = 0;
		bad = tl_store_merge(into, a->operand[i], &added, &replaced, e) || copy_artifacts(into, a->operand[i], &files, e);
		if (!bad)
			printf("%s: %lld runs added, %lld brought up to date, %lld files copied\n", a->operand[i], (long long)added, (long long)replaced, (long long)files);
	}
	tl_store_close(into);
	return bad || !into ? -1 : 0;
}

const tl_verb tl_verb_merge = {
	.name = "merge",
	.synopsis = "INTO.db FROM.db...",
	.summary = "merge results databases",
	.description = "Copies what INTO.db lacks: experiments, arms, runs with all their numbers and scores, and the files of the runs beside the\n"
	               "databases. Runs are known by their identity: merging again changes nothing, a finished run replaces an unfinished one, and\n"
	               "nothing finished is ever replaced. The sources may be in use; INTO.db is made where it does not exist.",
	.least = 2,
	.most = -1,
	.run = run,
};
