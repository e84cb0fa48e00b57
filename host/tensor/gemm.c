/*
 * gemm.c - matrix products. Large ones: the blocked product of gemm_own.h over the pool. float products that are small, and such that
 * run within one thread: oneDNN where the build has it.
 */
#include "gemm.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

#include "isa.h"

#ifdef TL_HAVE_DNNL
#include <oneapi/dnnl/dnnl.h>
#include <oneapi/dnnl/dnnl_version.h>
#endif

enum { FEW_ROWS = 48, WIDE_TILE = 384 };

/* --- packing buffers, one per thread --- */

struct memory { void *p; size_t bytes; };
static pthread_key_t memory_key;
static pthread_once_t memory_once = PTHREAD_ONCE_INIT;
static _Thread_local struct memory memory[TL_GEMM_BUFFERS];

static void
memory_free(void *all)
{
	for (struct memory *m = all; m < (struct memory *)all + TL_GEMM_BUFFERS; m++)
		free(m->p);
}

static void
memory_key_new(void)
{
	pthread_key_create(&memory_key, memory_free);
}

void *
tl_gemm_memory(int which, size_t bytes)
{
	struct memory *m = &memory[which];

	if (m->bytes < bytes) {
		pthread_once(&memory_once, memory_key_new);
		free(m->p);
		m->bytes = (bytes + 4095) / 4096 * 4096;
		m->p = aligned_alloc(64, m->bytes);
		if (!m->p)
			m->p = tl_alloc(SIZE_MAX); /* reports and ends */
		pthread_setspecific(memory_key, memory);
	}
	return m->p;
}

/* --- one tile --- */

#ifdef TL_HAVE_DNNL
static pthread_once_t dnnl_once = PTHREAD_ONCE_INIT;
static void (*set_threads)(int);

static void
dnnl_start(void)
{
	int level = tl_isa_level();

	dnnl_set_max_cpu_isa(level == TL_ISA_AVX512 ? dnnl_cpu_isa_avx512_core : level == TL_ISA_AVX2 ? dnnl_cpu_isa_avx2 : dnnl_cpu_isa_sse41);
	/* oneDNN brings an OpenMP runtime; every thread of ours tells it to use no other thread. */
	*(void **)&set_threads = dlsym(RTLD_DEFAULT, "omp_set_num_threads");
}

static bool
dnnl_tile(int ta, int tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
	static _Thread_local bool told;

	if (!told) {
		pthread_once(&dnnl_once, dnnl_start);
		if (set_threads)
			set_threads(1);
		told = true;
	}
	return dnnl_sgemm(ta ? 'T' : 'N', tb ? 'T' : 'N', m, n, k, alpha, a, lda, b, ldb, beta, c, ldc) == dnnl_success;
}
#endif

/* --- the choices --- */

#if defined(__x86_64__)
#define OF(name) (tl_isa_level() == TL_ISA_AVX512 ? &name##_avx512 : tl_isa_level() == TL_ISA_AVX2 ? &name##_avx2 : &name##_plain)
#else
#define OF(name) (&name##_plain)
#endif
#define PRODUCT(name, T) void name(int ta, int tb, int64_t m, int64_t n, int64_t k, T alpha, const T *a, int64_t lda, const T *b, int64_t ldb, T beta, T *c, int64_t ldc)
#define POOLED(name, T) \
	void name(tl_pool *pool, int ta, int tb, int64_t m, int64_t n, int64_t k, T alpha, const T *a, int64_t lda, const T *b, int64_t ldb, T beta, T *c, int64_t ldc)

PRODUCT(tl_gemm1_f32, float)
{
#ifdef TL_HAVE_DNNL
	if (m > 0 && n > 0 && k > 0 && alpha != 0 && dnnl_tile(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc))
		return;
#endif
	OF(tl_own_f32)(NULL, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, NULL, NULL);
}

PRODUCT(tl_gemm1_f64, double)
{
	OF(tl_own_f64)(NULL, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, NULL, NULL);
}

struct wide { int ta, tb; int64_t m, n, k; float alpha; const float *a; int64_t lda; const float *b; int64_t ldb; float beta; float *c; int64_t ldc; tl_gemm_after *after; void *arg; };

static void
wide_tile(void *arg, int64_t t)
{
	const struct wide *w = arg;
	int64_t j = t * WIDE_TILE, n = TL_MIN(WIDE_TILE, w->n - j);

	tl_gemm1_f32(w->ta, w->tb, w->m, n, w->k, w->alpha, w->a, w->lda, w->tb ? w->b + j * w->ldb : w->b + j, w->ldb, w->beta, w->c + j, w->ldc);
	if (w->after)
		w->after(w->arg, 0, j, w->m, n);
}

TL_OWN(tl_gemm_after_f32, float)
{
	struct wide w = { ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, after, arg };

	if (m < FEW_ROWS) /* packing the right factor would cost more than it gives */
		tl_pool_run(pool, (n + WIDE_TILE - 1) / WIDE_TILE, wide_tile, &w);
	else
		OF(tl_own_f32)(pool, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, after, arg);
}

TL_OWN(tl_gemm_after_f64, double)
{
	OF(tl_own_f64)(pool, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, after, arg);
}

POOLED(tl_gemm_f32, float)
{
	tl_gemm_after_f32(pool, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, NULL, NULL);
}

POOLED(tl_gemm_f64, double)
{
	tl_gemm_after_f64(pool, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, NULL, NULL);
}

const struct tl_small_f32 *
tl_small_of_f32(void)
{
	return OF(tl_small_f32);
}

const struct tl_small_f64 *
tl_small_of_f64(void)
{
	return OF(tl_small_f64);
}

const char *
tl_gemm_library(void)
{
#ifdef TL_HAVE_DNNL
	static char name[40];
	const dnnl_version_t *v = dnnl_version();
	snprintf(name, sizeof name, "oneDNN %d.%d.%d", v->major, v->minor, v->patch);
	return name;
#else
	return "own";
#endif
}
