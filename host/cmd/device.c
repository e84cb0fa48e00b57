/*
 * device.c - which device a sweep's runs will use. Programs that start runs start no CUDA: a process of its own (hidden verb) opens the
 * device, says what it is, and ends.
 */
#include "sweep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tensor/core.h"
#include "tensor/device.h"

int
tl_device_look(const char *device, tl_device_words *out, tl_error *e)
{
	tl_device *d;
	size_t unused = 0, total = 0;

	*out = (tl_device_words){ .column = "cpu", .identity = "cpu" };
	if (!strcmp(device, "cpu"))
		return 0;
	if (!(d = tl_device_open(device, e)))
		return -1;
	d->memory(d, &unused, &total);
	snprintf(out->column, sizeof out->column, "%s:%d", d->kind, d->index);
	snprintf(out->identity, sizeof out->identity, "%s, %s", d->name, d->library);
	snprintf(out->memory, sizeof out->memory, "%.1f of %.1f GB free", (double)unused * 1e-9, (double)total * 1e-9);
	tl_device_close(d);
	return 0;
}

/* Three lines, or "error STATUS" and the sentence. */
static int
say(const tl_args *a, tl_error *e)
{
	tl_device_words w;

	(void)e;
	tl_error why = { 0 };
	if (tl_device_look(a->operand[0], &w, &why))
		printf("error %d\n%s\n\n", why.status, why.text);
	else
		printf("%s\n%s\n%s\n", w.column, w.identity, w.memory);
	return 0;
}

static int
read_words(FILE *f, tl_device_words *out, tl_error *e)
{
	char line[3][700] = { "", "", "" };

	for (int i = 0; i < 3; i++)
		if (fgets(line[i], sizeof line[i], f))
			line[i][strcspn(line[i], "\n")] = 0;
	if (tl_starts(line[0], "error "))
		return tl_error_set(e, atoi(line[0] + 6), "%s", line[1]);
	if (!line[0][0] || !line[1][0])
		return tl_error_set(e, TL_ENVIRONMENT, "the device cannot be asked: the process that was to look at it said nothing");
	snprintf(out->column, sizeof out->column, "%.60s", line[0]);
	snprintf(out->identity, sizeof out->identity, "%.250s", line[1]);
	snprintf(out->memory, sizeof out->memory, "%.60s", line[2]);
	return 0;
}

static int
ask(const char *device, tl_device_words *out, tl_error *e)
{
	char *const argv[] = { "tagloom", "device", (char *)(uintptr_t)device, NULL };
	int fd[2], status;
	pid_t pid;
	FILE *f;

	if (pipe(fd))
		return tl_error_set(e, TL_ENVIRONMENT, "no pipe: %s", strerror(errno));
	fflush(stdout);
	fflush(stderr);
	pid = fork();
	if (!pid) {
		dup2(fd[1], 1);
		close(fd[0]);
		close(fd[1]);
		execv("/proc/self/exe", argv);
		_exit(127);
	}
	close(fd[1]);
	f = pid > 0 ? fdopen(fd[0], "r") : NULL;
	status = f ? read_words(f, out, e) : tl_error_set(e, TL_ENVIRONMENT, "no process to look at the device: %s", strerror(errno));
	if (f)
		fclose(f);
	else
		close(fd[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return status;
}

int
tl_device_ask(const char *device, tl_device_words *out, tl_error *e)
{
	bool automatic = !device || !strcmp(device, "auto");
	tl_error why = { 0 };

	*out = (tl_device_words){ .column = "cpu", .identity = "cpu" };
	if (automatic && access("/dev/nvidia0", F_OK)) /* where there is no card nobody is asked */
		return 0;
	if (!automatic && !strcmp(device, "cpu"))
		return 0;
	if (!automatic && strcmp(device, "cuda") && !tl_starts(device, "cuda:") && !tl_starts(device, "cuda-emulated:"))
		return tl_error_set(e, TL_USAGE, "--device %s: wanted cpu, cuda, cuda:0 or auto", device);
	if (!automatic)
		return ask(device, out, e);
	/* A card that cannot be used is no error where nobody asked for it; the emulated one is never meant. */
	if (ask("cuda:0", out, &why) || !tl_starts(out->column, "cuda:"))
		*out = (tl_device_words){ .column = "cpu", .identity = "cpu" };
	return 0;
}

const tl_verb tl_verb_device = {
	.name = "device", .synopsis = "DEVICE", .summary = "what a device is, in three lines", .least = 1, .most = 1, .run = say, .hidden = true,
};
