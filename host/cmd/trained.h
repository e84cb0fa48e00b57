/* trained.h - a run of the database found by its number or identity, opened for use: predict and export. */
#ifndef HOST_CMD_TRAINED_H
#define HOST_CMD_TRAINED_H

#include "cmd.h"
#include "sweep.h"
#include "train/train.h"

typedef struct tl_used {
	tl_trained *trained;
	tl_registry *registry;
	bool planned;          /* the run has modules written in Lua: its script is loaded, and the registry is the plan's */
	tl_plan_set plan;
} tl_used;
/* Opens the run that --run of the arguments names: a number, or the first letters of its identity. 0, or -1; tl_used_free either way. */
int tl_used_open(tl_used *u, const tl_args *a, tl_error *e);
void tl_used_free(tl_used *u);

#endif
