/*
 * crowd.h - how many processes and threads a process group has, and may have. A plugin that starts processes without end would take
 * the machine down with it.
 */
#ifndef HOST_CMD_CROWD_H
#define HOST_CMD_CROWD_H

#include <stdbool.h>
#include <stdint.h>

typedef struct tl_crowd {
	int group, bound;                /* processes and threads that the group may have */
	int64_t before;                  /* what the machine had when the group began */
	double counted;                  /* when */
} tl_crowd;

/* $TAGLOOM_PROCESSES, else 512, beside `threads` of the group's own. */
int tl_crowd_bound(int threads);
/* In the group's first process, before anything of a plugin is there: what the kernel itself holds against a user who is not root.
 * Twice the bound above what the user has, for the user may start something else meanwhile; the parent's count is the exact one. */
void tl_crowd_limit(int bound);
/* In the parent, once the group is there. */
tl_crowd tl_crowd_watch(int group, int bound);
/* Has the group more than it may have? To be asked often: it counts where the machine has many more than before, else every two seconds. */
bool tl_crowded(tl_crowd *c);

#endif
