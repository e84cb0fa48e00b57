/* register.c - experiments, arms and runs of a plan as rows of the store, in one transaction; where the script comes from. */
#include "sweep.h"
#include "tensor/core.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

char *
tl_run_folder(const char *db, const char *identity)
{
	return tl_format("%s.d/%s", db, identity);
}

/* --- git ----------------------------------------------------------------------------------------------------------------------- */
/* What a program prints, at most `most` bytes and `seconds`; NULL where it fails or is not there. malloc'd. */
static char *
capture(char *const *argv, size_t most, double seconds)
{
	int fd[2], status = 0;
	double until = tl_seconds() + seconds;
	tl_text out = { 0 };
	bool good = true;
	pid_t pid;

	if (pipe2(fd, O_CLOEXEC))
		return NULL;
	pid = fork();
	if (!pid) {
		int null = open("/dev/null", O_RDWR);
		if (null >= 0) {
			dup2(null, 0);
			dup2(null, 2);
		}
		dup2(fd[1], 1);
		setenv("GIT_OPTIONAL_LOCKS", "0", 1);
		setenv("GIT_TERMINAL_PROMPT", "0", 1);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(fd[1]);
	while (pid > 0) {
		struct pollfd p = { fd[0], POLLIN, 0 };
		char buffer[4096];
		double left = until - tl_seconds();
		int ready = left > 0 ? poll(&p, 1, (int)(left * 1000) + 1) : 0;
		ssize_t got;
		if (ready < 0 && errno == EINTR)
			continue;
		got = ready > 0 ? read(fd[0], buffer, sizeof buffer) : -1;
		if (got == 0)
			break;
		if (got < 0 || out.n + (size_t)got > most) {
			good = false;
			kill(pid, SIGKILL);
			break;
		}
		tl_text_bytes(&out, buffer, (size_t)got);
	}
	close(fd[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid < 0 || !good || status || tl_utf8_bad(out.n ? out.s : "", out.n) >= 0) {
		tl_text_free(&out);
		return NULL;
	}
	return out.s ? out.s : tl_strdup("");
}

void
tl_git_state(const char *folder, char **commit, char **diff)
{
	char *const head[] = { "git", "-c", "core.fsmonitor=false", "-C", (char *)(uintptr_t)folder, "rev-parse", "HEAD", NULL };
	char *const changes[] = { "git", "-c", "core.fsmonitor=false", "-C", (char *)(uintptr_t)folder, "diff", "--no-color", "--no-ext-diff", "--no-textconv", "HEAD", "--", ".", NULL };

	*diff = NULL;
	*commit = capture(head, 200, 5);
	if (!*commit)
		return;
	(*commit)[strcspn(*commit, "\n")] = 0;
	*diff = capture(changes, 1 << 20, 10);
}

/* What is measured on a split: its documents, and the labels that they may have. NULL where there is none. */
static char *
measured_on(const tl_dataset *d, int split)
{
	const tl_split *x = &d->split[split];
	char *hex = tl_alloc(65);
	tl_sha *h;

	if (!x->present || !x->n) {
		free(hex);
		return NULL;
	}
	h = tl_sha_new();
	tl_sha_add(h, x->sha256, 64);
	for (int64_t i = 0; i < d->n_labels; i++)
		tl_sha_add(h, d->label_key[i], strlen(d->label_key[i]) + 1);
	tl_sha_end(h, hex);
	return hex;
}

/* --- rows ------------------------------------------------------------------------------------------------------------------------ */
static int64_t
register_dataset(tl_store *s, const tl_dataset *d, tl_error *e)
{
	const tl_split *train = &d->split[TL_TRAIN];
	json_t *labels = json_array(), *row;
	char *valid = measured_on(d, TL_VALID), *test = measured_on(d, TL_TEST);
	int64_t id;

	for (int64_t i = 0; i < d->n_labels; i++)
		json_array_append_new(labels, json_pack("{s:s, s:s?, s:s?, s:I}", "key", d->label_key[i], "name", d->label_name[i], "description", d->label_description[i], "train_count",
		                                        (json_int_t)(d->statistics.count ? d->statistics.count[i] : 0)));
	row = json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:I, s:I, s:I, s:I, s:f, s:o}", "name", d->name, "path", d->path, "sha256", d->sha256, "valid_sha256", valid, "test_sha256", test, "n_train", (json_int_t)train->n, "n_valid",
	                (json_int_t)d->split[TL_VALID].n, "n_test", (json_int_t)d->split[TL_TEST].n, "n_labels", (json_int_t)d->n_labels, "labels_per_doc",
	                train->n ? (double)train->label_offsets[train->n] / (double)train->n : 0., "labels", labels);
	free(valid);
	free(test);
	if (!row)
		return tl_error_set(e, TL_ENVIRONMENT, "dataset %s: a name is not UTF-8", d->path);
	id = tl_store_dataset(s, row, e);
	json_decref(row);
	if (id > 0 && tl_store_statistics(s, id, &d->statistics, d->propensity_a, d->propensity_b, e))
		return -1;
	return id;
}

static char *
build_text(void)
{
	return tl_format("tagloom " TL_VERSION ", %s, numbers %d, %s, %s",
#ifdef __clang__
	                 "clang " __clang_version__,
#else
	                 "gcc " __VERSION__,
#endif
	                 TL_NUMERIC_VERSION, tl_isa(), tl_gemm_library());
}

static int64_t
register_experiment(tl_store *s, tl_plan_set *p, const char *name, const char *commit, const char *diff, const char *argv, tl_error *e)
{
	const json_t *sources = tl_script_sources(p->script);
	const char *slash = strrchr(p->script_path, '/'), *path, *text = json_string_value(json_object_get(sources, slash ? slash + 1 : p->script_path));
	char sha[65], *build = build_text(), *real = realpath(p->script_path, NULL), *folder = getcwd(NULL, 0);
	json_t *v;
	int64_t id;

	tl_sha_of(text, strlen(text), sha);
	id = tl_store_experiment(s, &(tl_experiment_row){ .name = name, .script = real ? real : p->script_path, .script_text = text, .script_sha256 = sha, .git_commit = commit, .git_diff = diff,
	                                                  .host_build = build, .argv = argv, .folder = folder, .sources = sources }, e);
	free(folder);
	free(build);
	free(real);
	json_object_foreach((json_t *)sources, path, v)
		if (id > 0 && tl_store_source(s, id, path, json_string_value(v), e))
			return -1;
	return id;
}

static int
register_run(tl_store *s, tl_plan_set *p, tl_planned *r, const tl_sweep_options *o, tl_error *e)
{
	const tl_plan_arm *arm = &p->arms[r->arm];

	r->run = tl_store_run_for(s, arm->row, p->datasets[arm->data].row, r->seed, r->identity, tl_modules_fit(json_object_get(arm->config, "model"), p->registry) ? "cpu" : o->device.column, o->threads / TL_MAX(o->jobs, 1), &r->status, e);
	if (r->run < 0)
		return -1;
	for (int64_t i = 0; &p->runs[i] != r; i++)
		r->linked |= p->runs[i].run == r->run;
	if (r->linked)
		return 0;
	if (!strcmp(r->status, "done")) {
		if (!o->force) {
			r->linked = true;
			return 0;
		}
		if (tl_store_run(s, e, "UPDATE run SET status = 'queued' WHERE id = ?1", "i", r->run) || tl_store_run_clear(s, r->run, e))
			return -1;
		free(r->status);
		r->status = tl_strdup("failed"); /* from the beginning */
	}
	if (arm->seedless && tl_store_run_seedless(s, r->run, e))
		return -1;
	return tl_store_run_parts(s, r->run, r->parts, e);
}

static int
register_all(tl_store *s, tl_plan_set *p, const tl_sweep_options *o, const char *argv, const char *commit, const char *diff, tl_error *e)
{
	int status = 0;

	if (tl_store_begin(s, e))
		status = -1;
	for (int64_t i = 0; i < p->n_datasets && !status; i++) {
		p->datasets[i].row = register_dataset(s, p->datasets[i].d, e);
		status = p->datasets[i].row < 0 ? -1 : 0;
	}
	for (int64_t i = 0; i < p->n_arms && !status; i++) {
		tl_plan_arm *arm = &p->arms[i];
		int64_t x = register_experiment(s, p, arm->experiment, commit, diff, argv, e);
		arm->row = x < 0 ? -1 : tl_store_arm(s, x, arm->name, arm->is_baseline, arm->stored, e);
		status = arm->row < 0 ? -1 : 0;
	}
	for (int64_t i = 0; i < p->n_runs && !status; i++)
		status = register_run(s, p, &p->runs[i], o, e);
	if (status)
		tl_store_rollback(s);
	else
		status = tl_store_commit(s, e);
	return status;
}

int
tl_plan_register(tl_plan_set *p, const tl_sweep_options *o, const json_t *argv, tl_error *e)
{
	char *words = tl_json_canonical(argv), *commit, *diff;
	const char *slash = strrchr(o->db, '/');
	tl_store *s = NULL;
	int status = -1;

	if (slash && slash != o->db) {
		char *folder = tl_strndup(o->db, (size_t)(slash - o->db));
		tl_make_dirs(folder, e);
		free(folder);
	}
	tl_git_state(p->script_dir, &commit, &diff); /* starts git, so before the database is open */
	if (!e->status)
		s = tl_store_open(o->db, false, e);
	if (s)
		status = register_all(s, p, o, words, commit, diff, e);
	tl_store_close(s);
	free(commit);
	free(diff);
	free(words);
	if (status && e->status == TL_FAILED)
		e->status = TL_ENVIRONMENT;
	return status;
}
