/*
 * watch.h - a call of a plugin in this process, for which no other process waits: a reader's, a metric's, the loading of a file. Where it hangs the
 * process can only be ended, with a sentence.
 */
#ifndef HOST_WATCH_H
#define HOST_WATCH_H

#include "base/base.h"

/* Told, in a signal handler (or at exit), a sentence and a newline; it alone may end the process, and must. NULL: nothing is watched, as in a process
 * that another one watches. */
extern void (*tl_watch_failed)(const char *sentence);
/* Seconds that a call may last without a sign of life: $TAGLOOM_PATIENCE, else 60. */
int tl_patience(void);

/* The call begins. The sentence is what is told where it hangs, without the newline. */
void tl_watch_begin(const char *format, ...) TL_PRINTF(1, 2);
/* It lives. From any thread; nothing where nothing is watched. */
void tl_watch_beat(void);
/* It has returned. Between beginning and end no other call is begun. */
void tl_watch_end(void);

#endif
