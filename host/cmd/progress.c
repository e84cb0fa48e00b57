/* progress.c - how a sweep looks while it runs: a bar per run on a terminal, a line per epoch elsewhere. */
#include "sweep.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool terminal, silent;
static int drawn;            /* bars on the screen, below which the cursor stands */
static double last;

void
tl_progress_start(bool quiet)
{
	const char *term = getenv("TERM");

	silent = quiet;
	terminal = isatty(2) && !(term && !strcmp(term, "dumb"));
	drawn = 0;
	last = 0;
}

void
tl_progress_clear(void)
{
	for (; drawn > 0; drawn--)
		fputs("\033[1A\033[2K", stderr);
	fflush(stderr);
}

static int
columns(void)
{
	struct winsize w;

	return !ioctl(2, TIOCGWINSZ, &w) && w.ws_col > 20 ? w.ws_col : 80;
}

static void
rate(tl_text *t, double v, const char *unit)
{
	if (v >= 10000)
		tl_text_add(t, "  %.0fk %s", v / 1000, unit);
	else
		tl_text_add(t, "  %.0f %s", v, unit);
}

static void
duration(tl_text *t, double seconds)
{
	long s = lround(seconds);

	if (s >= 3600)
		tl_text_add(t, "  ETA %ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
	else
		tl_text_add(t, "  ETA %ld:%02ld", s / 60, s % 60);
}

static const char *
loss_text(double loss, char text[32])
{
	snprintf(text, 32, fabs(loss) < 1e6 ? "%.4f" : "%.4g", loss);
	return text;
}

/* "cnn, seed 1  [####....]  50 %  ETA 0:12  epoch 5/10  loss 0.0812  ndcg@5 0.6120  900 docs/s  98k tokens/s"; a narrow terminal loses the end */
static void
bar(tl_text *t, const tl_job *j)
{
	enum { WIDTH = 12 };
	double part = j->steps > 0 ? (double)j->step / (double)j->steps : 0, since = tl_seconds() - j->first_beat;
	int64_t here = j->step - j->first_step;
	int full = (int)(part * WIDTH);
	char loss[32];

	tl_text_add(t, "%s  [", j->label);
	for (int i = 0; i < WIDTH; i++)
		tl_text_add(t, "%c", i < full ? '#' : '.');
	tl_text_add(t, "]");
	if (!j->steps) {
		tl_text_add(t, "  %.0f s", tl_seconds() - j->started);
		return;
	}
	tl_text_add(t, " %3.0f %%", 100 * part);
	if (here > 0 && since > 0)
		duration(t, since / (double)here * (double)(j->steps - j->step));
	tl_text_add(t, "  epoch %lld/%lld  loss %s", (long long)TL_MIN(j->epoch, TL_MAX(j->epochs, 1)), (long long)TL_MAX(j->epochs, 1), loss_text(j->loss, loss));
	if (j->metric[0])
		tl_text_add(t, "  %s %.4f", j->metric, j->value);
	if (here > 0 && since > 0) {
		rate(t, (double)here / since * (double)(j->n_documents * j->epochs) / (double)j->steps, "docs/s");
		if (j->tokens_per_second > 0)
			rate(t, j->tokens_per_second, "tokens/s");
	}
}

void
tl_progress_draw(tl_sweep *s, bool now)
{
	int width;

	if (silent || !terminal || (!now && tl_seconds() - last < 0.1))
		return;
	last = tl_seconds();
	width = columns();
	tl_progress_clear();
	for (int64_t i = 0; i < s->n; i++) {
		tl_text t = { 0 };
		if (s->job[i].pid <= 0)
			continue;
		bar(&t, &s->job[i]);
		fprintf(stderr, "%.*s\n", width - 1, t.s);
		tl_text_free(&t);
		drawn++;
	}
	fflush(stderr);
}

void
tl_progress_line(const tl_job *j, const char *format, ...)
{
	va_list ap;

	if (silent && j && !strcmp(j->last_status, "done"))
		return;
	tl_progress_clear();
	if (j)
		fprintf(stderr, "%s: ", j->label);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void
tl_progress_epoch(const tl_job *j, const char *text)
{
	char loss[32];

	if (silent || terminal)
		return;
	if (j->steps) { /* "epoch 2" of the text gets its total: "epoch 2 of 6  p@1 ..." */
		size_t head = strcspn(text, " ");
		head += text[head] ? 1 + strcspn(text + head + 1, " ") : 0;
		fprintf(stderr, "%s: %.*s of %lld%s  loss %s  %.0f tokens/s\n", j->label, (int)head, text, (long long)j->epochs, text + head, loss_text(j->loss, loss), j->tokens_per_second);
	} else
		fprintf(stderr, "%s: %s\n", j->label, text);
}
