/* trained.h - a run of the database found by its number or identity, opened for use: predict and export. */
#ifndef HOST_CMD_TRAINED_H
#define HOST_CMD_TRAINED_H

#include "cmd.h"
#include "train/train.h"

/* --run of the arguments: a run's number, or the first letters of its identity. NULL after an error. *registry is the caller's. */
tl_trained *tl_cmd_trained(const tl_args *a, tl_registry **registry, tl_error *e);

#endif
