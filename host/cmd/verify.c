/* verify.c - tagloom verify: reference values held against what this build computes. */
#include "cmd.h"
#include "plugin/host.h"
#include "train/train.h"

#include <stdlib.h>
#include <string.h>

/* Numbers the lines that the checks of one file printed. */
static void
number_lines(const char *text, int *n)
{
	for (const char *s = text, *end; *s; s = end) {
		const char *rest = NULL;
		end = strchr(s, '\n');
		end = end ? end + 1 : s + strlen(s);
		if (tl_starts(s, "ok - "))
			rest = s + 2;
		else if (tl_starts(s, "not ok - "))
			rest = s + 6;
		if (rest)
			printf("%.*s %d%.*s", (int)(rest - s), s, ++*n, (int)(end - rest), rest);
		else
			printf("%.*s", (int)(end - s), s);
	}
	fflush(stdout);
}

static int
verify_file(const char *path, tl_registry *r, const tl_verify_options *o, int *n, int *failed, tl_error *e)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	tl_error why = { 0 };
	int status;

	if (!out)
		return tl_error_set(e, TL_ENVIRONMENT, "no memory for a report");
	status = tl_ends(path, ".json") ? tl_verify_json(path, r, out, o->perturb, failed, &why) : tl_verify_vector(path, r, out, o, failed, &why);
	if (status < 0) {
		fprintf(out, "not ok - %s: %s\n", path, tl_starts(why.text, path) ? why.text + strlen(path) + 2 : why.text);
		++*failed;
		tl_error_set(e, why.status, "%s", why.text);
	}
	fclose(out);
	number_lines(text, n);
	free(text);
	return status < 0 ? -1 : 0;
}

static int
run(const tl_args *a, tl_error *e)
{
	const char *precision = tl_arg_value(a, "--precision", "f64");
	tl_verify_options o = { .perturb = tl_arg_flag(a, "--perturb"), .threads = (int)tl_arg_int(a, "--threads", 1, e) };
	tl_registry *r;
	int n = 0, failed = 0, unreadable = 0;

	if (e->status)
		return -1;
	if (strcmp(precision, "f32") && strcmp(precision, "f64"))
		return tl_error_set(e, TL_USAGE, "--precision %s: wanted f64 (as the file is) or f32", precision);
	o.single = !strcmp(precision, "f32");
	o.device = tl_arg_value(a, "--device", "cpu");
	if (!strcmp(o.device, "cpu"))
		o.device = NULL;
	r = tl_registry_new();
	for (int i = 0; i < a->n; i++)
		unreadable += verify_file(a->operand[i], r, &o, &n, &failed, e) < 0;
	printf("1..%d\n", n);
	if (failed)
		fprintf(stderr, "%d of %d checks failed%s\n", failed, n, o.perturb ? "; one input of each file was changed on purpose (--perturb)" : "");
	tl_registry_free(r);
	return unreadable ? e->status : failed ? TL_FAILED : TL_OK;
}

static const tl_option options[] = {
	{ "--precision", "f64|f32", "compute in float64 where the file holds float64 (default), or in float32 with its tolerance", 0, false },
	{ "--device", "DEVICE", "compute there, in float32: cpu (default), cuda, cuda:0", 0, false },
	{ "--perturb", NULL, "change one given input first, to show that the checks can fail", 0, false },
	{ "--threads", "N", "worker threads (default 1)", 0, false },
	{ 0 }
};

const tl_verb tl_verb_verify = {
	.name = "verify",
	.synopsis = "FILE.safetensors|FILE.json... [--precision f32] [--device cuda:0] [--perturb] [--threads N]",
	.summary = "hold reference values against what this build computes",
	.description = "Prints one TAP line per expected tensor or group of values, with the largest error and where it is. Exit status 1: some value is wrong or could not be computed.",
	.options = options,
	.least = 1,
	.most = -1,
	.run = run,
};
