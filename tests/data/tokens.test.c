/* The token cache: the same ids with and without it, from many processes at once; a damaged file is made anew; the folder stays bounded. */
#include "tokenizers.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { N = 600 };
static const char *text[N];
static uint32_t length[N];

static uint64_t
print_of(const tl_tokens *t)
{
	return tl_hash_bytes(tl_hash_bytes(TL_HASH_START, t->offsets, (size_t)(t->n + 1) * sizeof *t->offsets), t->ids, (size_t)t->offsets[t->n] * sizeof *t->ids);
}

static int
files(const char *folder, char *one, size_t room)
{
	DIR *d = opendir(folder);
	struct dirent *x;
	int n = 0;

	while (d && (x = readdir(d)))
		if (x->d_name[0] != '.') {
			snprintf(one, room, "%.200s/%.200s", folder, x->d_name);
			n++;
		}
	if (d)
		closedir(d);
	return n;
}

/* Opens the ids of one length; were they in the folder "small" before? */
static bool
kept(const tl_split *split, const tl_tokenizer *t, int64_t most)
{
	char file[512];
	tl_error e = { 0 };
	tl_tokens tokens;
	int before = files("small", file, sizeof file);

	if (tl_tokens_open(&tokens, split, t, most, 1, &e))
		return false;
	tl_tokens_close(&tokens);
	usleep(20000); /* the clock of a file system is coarse */
	return files("small", file, sizeof file) == before;
}

int
main(void)
{
	char *path = oracle("wordpiece-uncased.json"), file[512] = "";
	tl_error e = { 0 };
	tl_tokenizer *t = tl_tokenizer_load(path, &e);
	tl_split split = { .present = true, .n = N, .text = text, .text_length = length };
	tl_tokens tokens;
	uint64_t want;
	int good = 0;

	for (int i = 0; i < N; i++) {
		text[i] = tl_format("Document %d of many, with words of its own: %d %x.", i, i * 7919, i * 104729);
		length[i] = (uint32_t)strlen(text[i]);
	}
	memset(split.sha256, 'a', 64);
	setenv("TAGLOOM_CACHE", "cache", 1);
	ok(!tl_tokens_open(&tokens, &split, t, 16, 1, &e) && tokens.n == N, "made%s%s", e.status ? ": " : "", e.text);
	want = print_of(&tokens);
	{
		tl_ids ids = { 0 };
		bool same = true;
		for (int i = 0; i < N; i++)
			tl_tokenizer_encode(t, text[i], length[i], true, 16, &ids, &e);
		same = ids.n == tokens.offsets[N] && !memcmp(ids.at, tokens.ids, (size_t)ids.n * sizeof *ids.at);
		ok(same, "the ids are the tokenizer's, cut to the length");
		free(ids.at);
	}
	tl_tokens_close(&tokens);
	ok(files("cache", file, sizeof file) == 1, "one file is kept");
	ok(!tl_tokens_open(&tokens, &split, t, 16, 2, &e) && print_of(&tokens) == want && tokens.map_size, "mapped the second time");
	tl_tokens_close(&tokens);
	ok(!tl_tokens_open(&tokens, &split, t, 8, 2, &e) && print_of(&tokens) != want && files("cache", file, sizeof file) == 2, "another length is another file");
	tl_tokens_close(&tokens);
	/* Every byte region damaged in turn: header, offsets, ids, the length of the file. */
	for (int i = 0; i < 5; i++) {
		struct stat st;
		FILE *f;
		char c = 0;
		files("cache", file, sizeof file);
		stat(file, &st);
		if (i == 4) {
			if (truncate(file, st.st_size / 2))
				break;
		} else if ((f = fopen(file, "r+b"))) {
			long at = i == 0 ? 3 : i == 1 ? 12 : i == 2 ? 200 : (long)st.st_size - 3;
			fseek(f, at, SEEK_SET);
			c = (char)fgetc(f);
			fseek(f, at, SEEK_SET);
			fputc(c ^ 0x55, f);
			fclose(f);
		}
		for (int64_t most = 16; most >= 8; most -= 8) {
			bool opened = !tl_tokens_open(&tokens, &split, t, most, 1, &e);
			good += opened && (most == 8 || print_of(&tokens) == want);
			tl_tokens_close(&tokens);
		}
	}
	ok(good == 10, "a damaged file is made anew, never believed");
	/* Many processes at once on an empty folder. */
	setenv("TAGLOOM_CACHE", "crowd", 1);
	good = 0;
	for (int i = 0; i < 24; i++)
		if (!fork()) {
			int bad = tl_tokens_open(&tokens, &split, t, 16, 1, &e) < 0 || print_of(&tokens) != want;
			_exit(bad);
		}
	for (int i = 0, status; i < 24; i++)
		good += wait(&status) > 0 && WIFEXITED(status) && !WEXITSTATUS(status);
	ok(good == 24 && files("crowd", file, sizeof file) == 1, "24 processes at once all get the ids, and one file is left (%d good)", good);
	/* A bound that holds two of three files: what was unused for longest goes. */
	setenv("TAGLOOM_CACHE", "small", 1);
	ok(!kept(&split, t, 16) && !kept(&split, t, 15) && kept(&split, t, 16), "two files, the first one used again");
	{
		struct stat st;
		char bytes[32];
		files("small", file, sizeof file);
		stat(file, &st);
		snprintf(bytes, sizeof bytes, "%lld", (long long)(5 * st.st_size / 2));
		setenv("TAGLOOM_CACHE_BYTES", bytes, 1);
		kept(&split, t, 14);
		unsetenv("TAGLOOM_CACHE_BYTES");
	}
	ok(files("small", file, sizeof file) == 2, "with a third one the bound is passed, and one goes");
	ok(kept(&split, t, 14) && kept(&split, t, 16) && !kept(&split, t, 15), "the one that was unused for longest");
	/* A folder that cannot be written. */
	setenv("TAGLOOM_CACHE", "/proc/no/such/folder", 1);
	ok(!tl_tokens_open(&tokens, &split, t, 16, 1, &e) && print_of(&tokens) == want, "without a usable folder they are made in memory");
	tl_tokens_close(&tokens);
	for (int i = 0; i < N; i++)
		free((char *)text[i]);
	tl_tokenizer_free(t);
	free(path);
	return done();
}
