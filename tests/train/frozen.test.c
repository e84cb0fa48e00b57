/*
 * Outputs of a frozen encoder, computed once and kept: the same bits as without, from any state of the cache folder, for every reader; and what is said of it.
 */
#include "world.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENCODER(more) "{'kind': 'encoder', 'plugin': 'transformer', 'params': {'dim': 12, 'layers': 2, 'heads': 3, 'ffn': 20, 'vocab': 120, 'max_positions': 64, 'freeze': 'all'" more "}}"
#define CLASSIFIER "{'kind': 'label', 'plugin': 'classifier', 'params': {'lr': 0.02}}"
#define LAN "{'kind': 'label', 'plugin': 'label_embedding', 'params': {}}, {'kind': 'label', 'plugin': 'lan', 'params': {'attention_dim': 4}}"
#define GUIDE "{'kind': 'label', 'plugin': 'guide', 'params': {'feature': false, 'link': false, 'feature_dim': 8, 'layers_text': 2, 'layers_label': 2}}"
#define WIDE(dim, more) "{'kind': 'encoder', 'plugin': 'transformer', 'params': {'dim': " dim ", 'layers': 1, 'heads': 3, 'ffn': 20, 'vocab': 120, 'max_positions': 64, 'freeze': 'all'" more "}}, " LAN
#define TRAIN "'epochs': 3, 'batch': 8, 'lr': 0.005, 'select': 'p@1'"
#define METRICS "'p@1', 'ndcg@3', 'micro_f1'"

static char *dir, *cache;

/* Kept outputs in the cache folder: their number, and the path of one. */
static int
kept_files(char path[600])
{
	DIR *d = opendir(cache);
	struct dirent *x;
	int n = 0;

	while (d && (x = readdir(d)))
		if (tl_starts(x->d_name, "frozen-")) {
			n++;
			if (path)
				snprintf(path, 600, "%s/%s", cache, x->d_name);
		}
	if (d)
		closedir(d);
	return n;
}

static void
empty_cache(void)
{
	char path[600];

	while (kept_files(path))
		unlink(path);
}

static world_log
run_of(const char *model, int threads)
{
	world_log l = { 0 };
	tl_error e;

	if (world_run(&l, dir, model, TRAIN, METRICS, 1, threads, NULL, false, NULL, &e))
		printf("# %s\n", e.text);
	return l;
}

static bool
told(const world_log *l, const char *what)
{
	return l->messages.s && strstr(l->messages.s, what);
}

static void
same_as_without(const char *what, const char *without, const char *with)
{
	world_log none = run_of(without, 2), made, again;

	empty_cache();
	made = run_of(with, 1);
	again = run_of(with, 3);
	ok(none.n_test == 3 && !told(&none, "outputs of the frozen"), "%s: a run that keeps nothing", what);
	ok(log_same(&none, &made) && told(&made, "computed once and kept") && kept_files(NULL) == 3, "%s: outputs of three splits are kept, the numbers are the same to the bit", what);
	ok(log_same(&none, &again) && told(&again, "from the cache") && !told(&again, "computed"), "%s: the next run takes them, with other threads", what);
	log_free(&none);
	log_free(&made);
	log_free(&again);
}

/* A file that is cut or changed is made anew. */
static void
damaged(void)
{
	static const char *const model = ENCODER("") ", " CLASSIFIER;
	world_log good = run_of(model, 1), l;
	char path[600];
	struct stat st;
	FILE *f;

	kept_files(path);
	ok(stat(path, &st) == 0 && truncate(path, st.st_size / 2) == 0, "a kept file is cut");
	l = run_of(model, 1);
	ok(log_same(&good, &l) && told(&l, "computed once"), "it is made again, and the numbers are the same");
	log_free(&l);
	f = fopen(path, "r+");
	fseek(f, 200, SEEK_SET);
	fputc(77, f);
	fclose(f);
	l = run_of(model, 1);
	ok(log_same(&good, &l) && told(&l, "computed once"), "so is one with a changed byte");
	log_free(&l);
	l = run_of(model, 1);
	ok(log_same(&good, &l) && told(&l, "from the cache"), "and then believed");
	log_free(&l);
	log_free(&good);
}

static void
half(void)
{
	world_log full = run_of(ENCODER(",'cache':'f32'") ", " CLASSIFIER, 1), bf16 = run_of(ENCODER(",'cache':'bf16'") ", " CLASSIFIER, 1), again = run_of(ENCODER(",'cache':'bf16'") ", " CLASSIFIER, 2);
	double most = 0;

	ok(log_same(&bf16, &again), "bf16: the same bits again");
	for (int64_t i = 0; i < full.n_logits; i++)
		most = fmax(most, fabs((double)full.test_logits[i] - (double)bf16.test_logits[i]));
	ok(bf16.n_logits == full.n_logits && most > 0 && most < 0.02, "near f32's logits (%.2g)", most);
	log_free(&full);
	log_free(&bf16);
	log_free(&again);
}

/* Who decides the key: the seed's random weights do, a parameter of the pooling does, the classifier does not. */
static void
keys(void)
{
	world_log l = { 0 };
	tl_error e;

	empty_cache();
	l = run_of(ENCODER("") ", " CLASSIFIER, 1);
	log_free(&l);
	l = run_of(ENCODER("") ", {'kind': 'label', 'plugin': 'classifier', 'params': {'hidden': 5}}", 1);
	ok(told(&l, "from the cache"), "another classifier over the same encoder: nothing is computed again");
	log_free(&l);
	l = run_of(ENCODER(",'pooled':'cls'") ", " CLASSIFIER, 1);
	ok(told(&l, "computed once"), "another pooling: other outputs");
	log_free(&l);
	world_run(&l, dir, ENCODER("") ", " CLASSIFIER, TRAIN, METRICS, 2, 1, NULL, false, NULL, &e);
	ok(told(&l, "computed once"), "other weights: other outputs");
	log_free(&l);
}

static void
not_kept(void)
{
	world_log l = run_of("{'kind': 'label', 'plugin': 'joint', 'params': {'max_length': 40}}, " ENCODER("") ", " CLASSIFIER, 1);

	ok(l.n_test == 3 && told(&l, "are not kept: joint rewrites its input"), "an input that changes in every step: nothing is kept, and that is said");
	log_free(&l);
}

static void
bounded(void)
{
	static const char *const automatic = WIDE("120", "");
	world_log l = { 0 };
	tl_error e;
	int status, before;

	setenv("TAGLOOM_CACHE_BYTES", "1048576", 1);
	l = run_of(automatic, 1);
	ok(l.n_test == 3 && told(&l, "more than half of the cache's 1 MiB"), "too large for half of the bound: computed in every step, and said");
	log_free(&l);
	unsetenv("TAGLOOM_CACHE_BYTES");
	l = run_of(WIDE("240", ""), 1);
	ok(told(&l, "computed once"), "within the bound they are kept");
	log_free(&l);
	setenv("TAGLOOM_CACHE_BYTES", "1048576", 1);
	before = kept_files(NULL);
	tl_cache_evict(cache);
	ok(kept_files(NULL) < before, "the folder is brought under its bound, kept outputs too (%d left)", kept_files(NULL));
	status = world_run(&l, dir, WIDE("240", ",'cache':'f32'"), TRAIN, METRICS, 1, 1, NULL, false, NULL, &e);
	ok(status == -1 && e.status == TL_USAGE && strstr(e.text, "the cache is bounded to 1 MiB") && strstr(e.text, "TAGLOOM_CACHE_BYTES"), "asked for and over the bound: refused with the cure: %s", e.text);
	unsetenv("TAGLOOM_CACHE_BYTES");
	log_free(&l);
}

/* Runs that start together: one computes, the others wait for it. */
static void
together(void)
{
	enum { N = 4 };
	int fd[2], computed = 0, taken = 0, good = 0;
	world_log first;
	char word[65];

	empty_cache();
	if (pipe(fd))
		return;
	fflush(stdout);
	for (int i = 0; i < N; i++) {
		if (fork() == 0) {
			world_log l = run_of(ENCODER("") ", " CLASSIFIER, 1);
			char text[66];
			snprintf(text, sizeof text, "%c%s", told(&l, "computed once") ? 'c' : told(&l, "from the cache") ? 't' : '?', l.predictions[1]);
			_exit(write(fd[1], text, 65) != 65);
		}
	}
	close(fd[1]);
	first = run_of(ENCODER(",'cache':'none'") ", " CLASSIFIER, 1);
	for (int i = 0; i < N && read(fd[0], word, 65) == 65; i++) {
		computed += word[0] == 'c';
		taken += word[0] == 't';
		good += !memcmp(word + 1, first.predictions[1], 64);
	}
	while (wait(NULL) > 0)
		;
	close(fd[0]);
	ok(computed == 1 && taken == N - 1, "of %d runs at once one computes, the others take (%d, %d)", N, computed, taken);
	ok(good == N, "all with the same scores");
	log_free(&first);
}

int
main(void)
{
	dir = world_make("frozen-world", true);
	cache = tl_path_join(getenv("TMP") ? getenv("TMP") : "/tmp", "frozen-cache");
	tl_make_dirs(cache, NULL);
	setenv("TAGLOOM_CACHE", cache, 1);
	same_as_without("pooled", ENCODER(",'cache':'none'") ", " CLASSIFIER, ENCODER("") ", " CLASSIFIER);
	same_as_without("mean", ENCODER(",'cache':'none','pooled':'mean'") ", " CLASSIFIER, ENCODER(",'pooled':'mean'") ", " CLASSIFIER);
	same_as_without("hidden", ENCODER(",'cache':'none'") ", " LAN, ENCODER(",'cache':'f32'") ", " LAN);
	same_as_without("layers", ENCODER(",'cache':'none'") ", " GUIDE, ENCODER("") ", " GUIDE);
	empty_cache();
	damaged();
	half();
	keys();
	not_kept();
	bounded();
	together();
	return done();
}
