/* main.c - finds the verb, reads its options, prints help and the manual from the same rows. */
#include "cmd.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/watch.h"
#include "plugin/host.h"

#define TL_VERB(name) extern const tl_verb tl_verb_##name;
#include "verbs.def"
#undef TL_VERB

static const tl_verb *const verbs[] = {
#define TL_VERB(name) &tl_verb_##name,
#include "verbs.def"
#undef TL_VERB
	NULL
};

static const char about[] = "a workbench for research on multi-label text classification";

const char *
tl_arg_value(const tl_args *a, const char *name, const char *fallback)
{
	const char *found = fallback;

	for (int i = 0; i < a->n_given; i++)
		if (!strcmp(a->given[i].option->name, name))
			found = a->given[i].value;
	return found;
}

bool
tl_arg_flag(const tl_args *a, const char *name)
{
	for (int i = 0; i < a->n_given; i++)
		if (!strcmp(a->given[i].option->name, name))
			return true;
	return false;
}

int64_t
tl_arg_int(const tl_args *a, const char *name, int64_t fallback, tl_error *e)
{
	const char *text = tl_arg_value(a, name, NULL);
	char *end;
	long long v;

	if (!text)
		return fallback;
	errno = 0;
	v = strtoll(text, &end, 10);
	if (!*text || *end)
		tl_error_set(e, TL_USAGE, "%s %s: wanted a whole number", name, text);
	else if (errno)
		tl_error_set(e, TL_USAGE, "%s %s: wanted a whole number from %lld to %lld", name, text, LLONG_MIN, LLONG_MAX);
	return v;
}

const char *
tl_db_path(const tl_args *a)
{
	const char *path = tl_arg_value(a, "--db", getenv("TAGLOOM_DB"));

	return path && *path ? path : "results/tagloom.db";
}

static const tl_verb *
find_verb(const char *name)
{
	for (int i = 0; verbs[i]; i++)
		if (!strcmp(verbs[i]->name, name))
			return verbs[i];
	return NULL;
}

/* Every run of blanks and line ends becomes one blank. */
static char *
one_line(const char *s, size_t n)
{
	char *out = tl_alloc(n + 1);
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		if (s[i] != ' ' && s[i] != '\n')
			out[k++] = s[i];
		else if (k && out[k - 1] != ' ')
			out[k++] = ' ';
	}
	out[k - (k && out[k - 1] == ' ')] = 0;
	return out;
}

/* The bytes of the next word; what stands in brackets is kept together in a synopsis. */
static size_t
word_of(const char *s, bool brackets)
{
	size_t n = 0;
	int depth = 0;

	for (; s[n] && (s[n] != ' ' || depth > 0); n++)
		depth += brackets ? (s[n] == '[') - (s[n] == ']') : 0;
	return n;
}

/* Prints the words of `s` from column `column` on in lines of 80; those that follow begin in column `indent`. */
static void
fold(const char *s, int column, int indent, bool brackets, FILE *f)
{
	bool first = true;

	for (size_t n; *s; s += n, s += *s == ' ', first = false) {
		int width = 0;

		n = word_of(s, brackets);
		for (size_t i = 0; i < n; i++)
			width += ((unsigned char)s[i] & 0xc0) != 0x80; /* UTF-8: one column a character */
		if (!first && column + 1 + width > 80) {
			fprintf(f, "\n%*s", indent, "");
			column = indent;
		} else if (!first) {
			putc(' ', f);
			column++;
		}
		fwrite(s, 1, n, f);
		column += width;
	}
	putc('\n', f);
}

static void roff(const char *s);

/* A paragraph, or (with `left`) a row of a list whose text begins in column `at`. */
static void
print_part(const char *left, size_t n_left, const char *text, size_t n, int at, bool man, FILE *f)
{
	char *head = one_line(left ? left : "", n_left), *body = one_line(text, n);

	if (man) {
		fputs(left ? ".TP\n" : ".PP\n", f);
		if (left)
			roff(head);
		roff(body);
	} else {
		fprintf(f, "%-*s", at, head);
		fold(body, at, at, false, f);
	}
	free(head);
	free(body);
}

/* A description: paragraphs, and rows of two columns: words, two blanks or more, text that may go on in lines that begin with blanks. */
static void
describe(const char *s, bool man, FILE *f)
{
	while (*s) {
		size_t line = strcspn(s, "\n"), n = line;
		const char *gap = memmem(s, line, "  ", 2);
		size_t left = gap ? (size_t)(gap - s) : 0, at = left;

		if (!line) {
			if (!man)
				putc('\n', f);
			s++;
			continue;
		}
		while (gap && s[at] == ' ')
			at++;
		while (s[n] == '\n' && s[n + 1] && s[n + 1] != '\n') { /* the lines that belong to it */
			size_t next = strcspn(s + n + 1, "\n");
			if (gap ? s[n + 1] != ' ' : memmem(s + n + 1, next, "  ", 2) != NULL)
				break;
			n += 1 + next;
		}
		print_part(gap ? s : NULL, left, s + at, n - at, (int)at, man, f);
		s += n + (s[n] == '\n');
	}
}

static void
print_options(const tl_option *o, FILE *f)
{
	for (; o && o->name; o++) {
		char left[80];
		snprintf(left, sizeof left, "%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
		if (o->letter)
			snprintf(left, sizeof left, "-%c%s%s", o->letter, o->value ? " " : "", o->value ? o->value : "");
		fold(o->doc, fprintf(f, "  %-22s ", left), 25, false, f);
	}
}

static void
help_verb(const tl_verb *v, FILE *f)
{
	fold(v->synopsis, fprintf(f, "usage: tagloom %s ", v->name), 15, true, f);
	putc('\n', f);
	fold(v->summary, 0, 0, false, f);
	if (v->description) {
		putc('\n', f);
		describe(v->description, false, f);
	}
	if (v->options && v->options->name) {
		fprintf(f, "\noptions:\n");
		print_options(v->options, f);
	}
}

static void
help(FILE *f)
{
	fprintf(f, "tagloom " TL_VERSION ": %s\n\nusage: tagloom VERB [options]      tagloom VERB --help tells more\n\n", about);
	for (int i = 0; verbs[i]; i++)
		if (!verbs[i]->hidden)
			fold(verbs[i]->summary, fprintf(f, "  %-10s ", verbs[i]->name), 13, false, f);
	putc('\n', f);
	fold("exit status: 0 done; 1 some run failed; 2 usage, script or wiring error; 3 file, database or device; 130 interrupted (resumable)", 0, 13, false, f);
}

static void
roff(const char *s)
{
	bool start = true;

	for (; *s; s++) {
		if (start && (*s == '.' || *s == '\''))
			fputs("\\&", stdout);
		if (*s == '\\')
			fputs("\\e", stdout);
		else if (*s == '-')
			fputs("\\-", stdout);
		else
			putchar(*s);
		start = *s == '\n';
	}
	putchar('\n');
}

static void
manual(void)
{
	printf(".TH TAGLOOM 1 \"\" \"tagloom " TL_VERSION "\"\n.SH NAME\ntagloom \\- %s\n.SH SYNOPSIS\n.B tagloom\n.I verb\n[options]\n.SH VERBS\n", about);
	for (int i = 0; verbs[i]; i++) {
		if (verbs[i]->hidden)
			continue;
		printf(".SS tagloom %s ", verbs[i]->name);
		roff(verbs[i]->synopsis);
		roff(verbs[i]->summary);
		if (verbs[i]->description)
			describe(verbs[i]->description, true, stdout);
		for (const tl_option *o = verbs[i]->options; o && o->name; o++) {
			printf(".TP\n");
			if (o->letter)
				printf("\\-%c", o->letter);
			else
				printf("\\-\\-%s", o->name + 2);
			printf("%s%s\n", o->value ? " " : "", o->value ? o->value : "");
			roff(o->doc);
		}
	}
	printf(".SH EXIT STATUS\n0 done; 1 some run failed; 2 usage, script or wiring error (nothing was started); 3 environment (file, database, device); 130 interrupted (resumable).\n"
	       ".SH ENVIRONMENT\n.TP\nTAGLOOM_DB\nthe database used without \\-\\-db\n.TP\nTAGLOOM_PLUGIN_PATH\nfolders with plugins, separated by colons, looked through first\n"
	       ".TP\nTAGLOOM_CACHE\nfolder of the cache of parsed datasets, token ids and outputs of frozen encoders\n.TP\nTAGLOOM_CACHE_BYTES\nits size (4 GiB); what was unused for longest goes first\n.TP\nTAGLOOM_ISA\nplain, avx2 or avx512: the fastest kernels that may be used\n"
	       ".TP\nTAGLOOM_PROCESSES\nprocesses and threads that a run may have beside its own (512); one that starts more is ended\n.TP\nTAGLOOM_PATIENCE\nseconds (60) that one call of a plugin may last before anything is trained, and that a reader, or a metric of stored scores, may be silent\n.TP\nNO_COLOR\nno colours on a terminal\n");
}

static const tl_option *
option_named(const tl_verb *v, const char *name, size_t n)
{
	for (const tl_option *o = v->options; o && o->name; o++)
		if ((strlen(o->name) == n && !strncmp(o->name, name, n)) || (o->letter && n == 2 && name[0] == '-' && name[1] == o->letter))
			return o;
	return NULL;
}

/* The option given last: an earlier one of the same name, with another value, would be lost. */
static int
given_once(const tl_args *a, tl_error *e)
{
	int last = a->n_given - 1;
	const tl_option *o = a->given[last].option;
	const char *value = a->given[last].value;

	for (int i = 0; i < last && !o->many; i++)
		if (a->given[i].option == o && strcmp(a->given[i].value, value))
			return tl_error_set(e, TL_USAGE, "%s %s and %s %s: wanted one of them; %s is given once", o->name, a->given[i].value, o->name, value, o->name);
	return 0;
}

/* Reads the words after the verb. 0, 1 where help was asked for, -1 after an error. */
static int
read_args(const tl_verb *v, int n, char **word, tl_args *a, tl_error *e)
{
	bool operands_only = false;

	a->operand = tl_alloc((size_t)(n + 1) * sizeof *a->operand);
	a->given = tl_alloc((size_t)(n + 1) * sizeof *a->given);
	for (int i = 0; i < n; i++) {
		char *w = word[i], *equals = strchr(w, '=');
		const tl_option *o;
		bool is_long = w[0] == '-' && w[1] == '-';

		if (operands_only || w[0] != '-' || !w[1]) {
			a->operand[a->n++] = w;
			continue;
		}
		if (!strcmp(w, "--")) {
			operands_only = true;
			continue;
		}
		if (!strcmp(w, "--help") || !strcmp(w, "-h"))
			return 1;
		o = option_named(v, w, is_long && equals ? (size_t)(equals - w) : strlen(w));
		if (!o && !is_long && w[2]) { /* -Dkey=value, -oFILE */
			o = option_named(v, w, 2);
			if (o && o->value) {
				a->given[a->n_given].option = o;
				a->given[a->n_given++].value = w + 2;
				if (given_once(a, e))
					return -1;
				continue;
			}
			o = NULL;
		}
		if (!o) {
			const char *names[64], *near;
			int k = 0;
			for (const tl_option *x = v->options; x && x->name && k < 64; x++)
				names[k++] = x->name;
			near = tl_nearest(w, names, k);
			return tl_error_set(e, TL_USAGE, "%s: no such option%s%s; tagloom %s --help lists them", w, near ? "; did you mean " : "", near ? near : "", v->name);
		}
		a->given[a->n_given].option = o;
		if (!o->value) {
			if (is_long && equals)
				return tl_error_set(e, TL_USAGE, "%s takes no value", o->name);
			a->given[a->n_given++].value = "";
		} else if (is_long && equals) {
			a->given[a->n_given++].value = equals + 1;
		} else if (i + 1 < n) {
			a->given[a->n_given++].value = word[++i];
		} else {
			return tl_error_set(e, TL_USAGE, "%s wants a value: %s", w, o->value);
		}
		if (given_once(a, e))
			return -1;
	}
	if (a->n < v->least || (v->most >= 0 && a->n > v->most))
		return tl_error_set(e, TL_USAGE, "%s; usage: tagloom %s %s", a->n < v->least ? "something is missing" : "too many words", v->name, v->synopsis);
	return 0;
}

void
tl_end_now(int status, const char *sentence)
{
	if (write(2, "tagloom: ", 9) < 0 || write(2, sentence, strlen(sentence)) < 0)
		_exit(TL_ENVIRONMENT);
	_exit(status);
}

static void
call_failed(const char *sentence)
{
	tl_end_now(TL_ENVIRONMENT, sentence);
}

int
main(int argc, char **argv)
{
	tl_args a = { 0 };
	tl_error e = { 0 };
	const tl_verb *v;
	int status;

	if (argc < 2) {
		help(stderr);
		return TL_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		v = argc > 2 ? find_verb(argv[2]) : NULL;
		if (v)
			help_verb(v, stdout);
		else
			help(stdout);
		return 0;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("tagloom " TL_VERSION);
		return 0;
	}
	if (!strcmp(argv[1], "--man")) {
		manual();
		return 0;
	}
	v = find_verb(argv[1]);
	if (!v) {
		const char *names[64] = { NULL }, *near;
		int k = 0;
		for (int i = 0; verbs[i] && k < 64; i++)
			names[k++] = verbs[i]->hidden ? NULL : verbs[i]->name;
		near = tl_nearest(argv[1], names, k);
		fprintf(stderr, "tagloom: %s: no such verb%s%s; tagloom --help lists them\n", argv[1], near ? "; did you mean " : "", near ? near : "");
		return TL_USAGE;
	}
	a.verb = v->name;
	tl_watch_failed = call_failed;
	status = read_args(v, argc - 2, argv + 2, &a, &e);
	if (status == 1) {
		help_verb(v, stdout);
		status = 0;
	} else if (status < 0) {
		status = TL_USAGE;
	} else {
		status = v->run(&a, &e);
		if (status < 0)
			status = e.status ? e.status : TL_FAILED;
	}
	if (e.status)
		fprintf(stderr, "tagloom %s: %s\n", v->name, e.text);
	free(a.operand);
	free(a.given);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "tagloom %s: standard output could not be written\n", v->name);
		return TL_ENVIRONMENT;
	}
	return status;
}
