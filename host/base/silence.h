/*
 * silence.h - how long a process has said nothing although it could have run. On a crowded machine a sound process may be silent for
 * long because others have the cores; that time does not count.
 */
#ifndef HOST_SILENCE_H
#define HOST_SILENCE_H

#include <stdbool.h>

typedef struct tl_silence {
	double since;                    /* when it was heard last (tl_seconds) */
	double waited;                   /* seconds that it had waited for a core until then; negative: not asked yet */
} tl_silence;

/* It has just been heard, or starts. */
tl_silence tl_heard(void);
/* Is process pid silent for more than `bound` seconds in which it did not wait for a core? To be asked again and again. */
bool tl_silent(tl_silence *s, int pid, double bound);

#endif
