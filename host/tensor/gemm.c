/*
 * gemm.c - matrix products: cut into tiles by shape alone, one thread per tile. float: oneDNN where the build has it, else the
 * blocked product of gemm_own.h; double: always the latter.
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

/* --- packing buffers, one per thread --- */

struct memory { void *p; size_t bytes; };
static pthread_key_t memory_key;
static pthread_once_t memory_once = PTHREAD_ONCE_INIT;
static _Thread_local struct memory memory;

static void
memory_key_new(void)
{
	pthread_key_create(&memory_key, free);
}

void *
tl_gemm_memory(size_t bytes)
{
	if (memory.bytes < bytes) {
		pthread_once(&memory_once, memory_key_new);
		free(memory.p);
		memory.bytes = (bytes + 4095) / 4096 * 4096;
		memory.p = aligned_alloc(64, memory.bytes);
		if (!memory.p)
			memory.p = tl_alloc(SIZE_MAX); /* reports and ends */
		pthread_setspecific(memory_key, memory.p);
	}
	return memory.p;
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

#define TINY(T) \
	if (m <= 0 || n <= 0) \
		return; \
	if (k <= 0 || alpha == 0) { \
		for (int64_t i = 0; i < m; i++) \
			for (int64_t j = 0; j < n && beta != 1; j++) \
				c[i * ldc + j] = beta == 0 ? 0 : beta * c[i * ldc + j]; \
		return; \
	}

void
tl_gemm1_f32(int ta, int tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
	TINY(float)
#ifdef TL_HAVE_DNNL
	if (dnnl_tile(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc))
		return;
#endif
	switch (tl_isa_level()) {
#if defined(__x86_64__)
	case TL_ISA_AVX512: tl_own_f32_avx512(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc); return;
	case TL_ISA_AVX2: tl_own_f32_avx2(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc); return;
#endif
	default: tl_own_f32_plain(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
	}
}

void
tl_gemm1_f64(int ta, int tb, int64_t m, int64_t n, int64_t k, double alpha, const double *a, int64_t lda, const double *b, int64_t ldb, double beta, double *c, int64_t ldc)
{
	TINY(double)
	switch (tl_isa_level()) {
#if defined(__x86_64__)
	case TL_ISA_AVX512: tl_own_f64_avx512(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc); return;
	case TL_ISA_AVX2: tl_own_f64_avx2(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc); return;
#endif
	default: tl_own_f64_plain(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
	}
}

/* --- tiles over the pool --- */

enum { TILE_M = 256, TILE_N = 384 };

#define TILED(suffix, T) \
	struct job_##suffix { int ta, tb; int64_t m, n, k, columns; T alpha; const T *a; int64_t lda; const T *b; int64_t ldb; T beta; T *c; int64_t ldc; }; \
	static void tile_##suffix(void *arg, int64_t t) \
	{ \
		const struct job_##suffix *j = arg; \
		int64_t i0 = t / j->columns * TILE_M, j0 = t % j->columns * TILE_N; \
		tl_gemm1_##suffix(j->ta, j->tb, TL_MIN(TILE_M, j->m - i0), TL_MIN(TILE_N, j->n - j0), j->k, j->alpha, j->ta ? j->a + i0 : j->a + i0 * j->lda, j->lda, \
		                  j->tb ? j->b + j0 * j->ldb : j->b + j0, j->ldb, j->beta, j->c + i0 * j->ldc + j0, j->ldc); \
	} \
	void tl_gemm_##suffix(tl_pool *p, int ta, int tb, int64_t m, int64_t n, int64_t k, T alpha, const T *a, int64_t lda, const T *b, int64_t ldb, T beta, T *c, int64_t ldc) \
	{ \
		struct job_##suffix j = { ta, tb, m, n, k, (n + TILE_N - 1) / TILE_N, alpha, a, lda, b, ldb, beta, c, ldc }; \
		tl_pool_run(p, (m + TILE_M - 1) / TILE_M * j.columns, tile_##suffix, &j); \
	}
TILED(f32, float)
TILED(f64, double)

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
