/* threads.h - the one thread pool. Work is cut by shape alone, so that results do not depend on the number of threads. */
#ifndef HOST_THREADS_H
#define HOST_THREADS_H

#include <stdint.h>

typedef struct tl_pool tl_pool;
/* n >= 1 threads including the caller's; threads are bound inside the inherited CPU mask only when n > 1 and n <= CPUs in it. */
tl_pool *tl_pool_new(int n);
int tl_pool_size(const tl_pool *p);
/* fn(arg, i) for i in [0, n), in any order, on all threads; returns when all are done. Nested calls run serially in the calling worker.
 * Worker index (0 .. size-1) of the current thread: tl_pool_worker(). */
void tl_pool_run(tl_pool *p, int64_t n, void (*fn)(void *arg, int64_t i), void *arg);
int tl_pool_worker(void);
void tl_pool_free(tl_pool *p);

#endif
