/*
 * threads.c - the one pool of worker threads.
 *
 * A region is open while its caller works; a worker joins it if it comes in time, and the caller waits only for those that joined.
 * So a region never waits for a thread that the system has not scheduled, and more threads than CPUs cost little.
 */
#include "threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base.h"

#define CLOSED ((uint64_t)1 << 31)
#define JOINED(s) ((s) & (CLOSED - 1))
#define GENERATION(s) ((s) >> 32)

struct worker { tl_pool *pool; pthread_t thread; int index; int cpu; };

struct tl_pool {
	int size, spins;
	bool stop, bound;
	cpu_set_t before;                 /* the caller's mask, given back at the end */
	struct worker *worker;            /* [size]; worker 0 is the caller */
	/* one region: written by the caller while closed and empty, read by those that joined */
	int64_t n;
	void (*fn)(void *arg, int64_t i);
	void *arg;
	_Alignas(64) atomic_uint_least64_t state; /* generation << 32 | CLOSED | joined */
	_Alignas(64) atomic_int_least64_t next;
	_Alignas(64) atomic_int sleepers;
	pthread_mutex_t lock;
	pthread_cond_t wake;
};

static _Thread_local int worker_index;
static _Thread_local bool inside;

static inline void
pause_cpu(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#endif
}

static void
work(tl_pool *p)
{
	int64_t i;

	while ((i = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed)) < p->n)
		p->fn(p->arg, i);
}

static bool
is_new(uint64_t s, uint64_t seen)
{
	return GENERATION(s) != seen && !(s & CLOSED);
}

/* Waits for a region that is open and not the last one seen. */
static uint64_t
wait_for_region(tl_pool *p, uint64_t seen)
{
	uint64_t s;

	for (int i = 0; i < p->spins; i++) {
		s = atomic_load_explicit(&p->state, memory_order_acquire);
		if (is_new(s, seen))
			return s;
		pause_cpu();
	}
	pthread_mutex_lock(&p->lock);
	atomic_fetch_add(&p->sleepers, 1);
	while (s = atomic_load(&p->state), !is_new(s, seen) && !p->stop)
		pthread_cond_wait(&p->wake, &p->lock);
	atomic_fetch_sub(&p->sleepers, 1);
	if (p->stop)
		s = CLOSED;
	pthread_mutex_unlock(&p->lock);
	return s;
}

static void *
worker_main(void *arg)
{
	struct worker *w = arg;
	tl_pool *p = w->pool;
	uint64_t seen = 0, s;

	worker_index = w->index;
	inside = true;
	for (;;) {
		s = wait_for_region(p, seen);
		if (s == CLOSED)
			return NULL;
		while (is_new(s, seen))
			if (atomic_compare_exchange_weak_explicit(&p->state, &s, s + 1, memory_order_acq_rel, memory_order_acquire)) {
				seen = GENERATION(s);
				work(p);
				atomic_fetch_sub_explicit(&p->state, 1, memory_order_release);
			}
	}
}

static void
bind(pthread_t thread, int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	pthread_setaffinity_np(thread, sizeof one, &one);
}

tl_pool *
tl_pool_new(int n)
{
	tl_pool *p = aligned_alloc(64, (sizeof *p + 63) / 64 * 64);
	int cpus;

	if (!p)
		p = tl_alloc(SIZE_MAX); /* reports and ends */
	*p = (tl_pool){ .size = n < 1 ? 1 : n };
	p->worker = tl_alloc((size_t)p->size * sizeof *p->worker);
	atomic_init(&p->state, CLOSED);
	atomic_init(&p->next, 0);
	atomic_init(&p->sleepers, 0);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->wake, NULL);
	CPU_ZERO(&p->before);
	cpus = pthread_getaffinity_np(pthread_self(), sizeof p->before, &p->before) ? 0 : CPU_COUNT(&p->before);
	p->bound = p->size > 1 && p->size <= cpus;
	p->spins = p->size <= cpus ? 4000 : 0;
	for (int i = 0, cpu = 0; i < p->size; i++, cpu++) {
		while (p->bound && !CPU_ISSET(cpu, &p->before))
			cpu++;
		p->worker[i] = (struct worker){ .pool = p, .index = i, .cpu = cpu, .thread = pthread_self() };
		if (i > 0 && pthread_create(&p->worker[i].thread, NULL, worker_main, &p->worker[i])) {
			p->size = i; /* the system gives no more threads: the numbers stay the same with fewer */
			break;
		}
	}
	if (p->bound)
		for (int i = 0; i < p->size; i++)
			bind(p->worker[i].thread, p->worker[i].cpu);
	return p;
}

int
tl_pool_size(const tl_pool *p)
{
	return p ? p->size : 1;
}

int
tl_pool_worker(void)
{
	return worker_index;
}

void
tl_pool_run(tl_pool *p, int64_t n, void (*fn)(void *arg, int64_t i), void *arg)
{
	uint64_t s;

	if (n <= 0)
		return;
	if (!p || p->size == 1 || inside || n == 1) {
		bool before = inside;
		inside = true;
		for (int64_t i = 0; i < n; i++)
			fn(arg, i);
		inside = before;
		return;
	}
	inside = true;
	p->n = n;
	p->fn = fn;
	p->arg = arg;
	atomic_store_explicit(&p->next, 0, memory_order_relaxed);
	s = atomic_load_explicit(&p->state, memory_order_relaxed);
	s = GENERATION(s) + 1 > UINT32_MAX ? 1 : GENERATION(s) + 1;
	atomic_store(&p->state, s << 32);
	if (atomic_load(&p->sleepers)) {
		pthread_mutex_lock(&p->lock);
		pthread_cond_broadcast(&p->wake);
		pthread_mutex_unlock(&p->lock);
	}
	work(p);
	atomic_fetch_or_explicit(&p->state, CLOSED, memory_order_acq_rel);
	for (int64_t i = 0; JOINED(atomic_load_explicit(&p->state, memory_order_acquire)); i++)
		if (i < p->spins)
			pause_cpu();
		else
			sched_yield();
	inside = false;
}

void
tl_pool_free(tl_pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->wake);
	pthread_mutex_unlock(&p->lock);
	for (int i = 1; i < p->size; i++)
		pthread_join(p->worker[i].thread, NULL);
	if (p->bound)
		pthread_setaffinity_np(pthread_self(), sizeof p->before, &p->before);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->wake);
	free(p->worker);
	free(p);
}
