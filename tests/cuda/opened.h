/* opened.h - the device that a test tries: the emulated one, or with --device DEVICE one of this machine. */
#ifndef TESTS_CUDA_OPENED_H
#define TESTS_CUDA_OPENED_H

#include "tap.h"
#include "tensor/core.h"
#include "tensor/device.h"

static bool emulated = true;

/* Takes --device DEVICE from the arguments. NULL after it was said why there is none. */
static tl_device *
opened(int *argc, char ***argv, const char *what)
{
	const char *build = getenv("BUILD"), *which = "cuda:0";
	tl_device *d = NULL;
	tl_error e = { 0 };
	char path[2000];

	if (*argc > 2 && !strcmp((*argv)[1], "--device")) {
		emulated = false;
		which = (*argv)[2];
		*argc -= 2;
		*argv += 2;
	} else {
		snprintf(path, sizeof path, "%s/build/tests/cuda/tagloom-cuda-emulated.so", build ? build : ".");
		if (!tl_exists(path)) {
			skip(what, "no C++ compiler was found when it was configured");
			return NULL;
		}
		setenv("TAGLOOM_CUDA", path, 1);
	}
	if (!ok((d = tl_device_open(which, &e)) != NULL, "the device opens"))
		printf("# %s\n", e.text);
	return d;
}

#endif
