/*
 * gemm.cu - matrix products by cuBLASLt. What was prepared for one shape (descriptors and the chosen algorithm) is kept, so that a warm
 * step prepares nothing. The library sees column-major matrices: a row-major C = A B is its C' = B' A', so A and B change places.
 * Sums are split at most in ways that end in a fixed order (no reduction in place, no atomics), and every product has the workspace of
 * its device to itself, because all work of a device is done in one order: the same bits on every run.
 * A bias, relu, or the sums that are a bias's gradient are left to the library's epilogues, where its heuristic has one for the shape; it is asked once.
 */
#include "tensor/cuda/inside.h"

#include <cublasLt.h>
#include <stdlib.h>

#ifdef TL_EMULATED
enum { WORKSPACE = 256 };
#else
enum { WORKSPACE = 32 << 20 };
#endif
enum { SLOTS = 4096 };

struct shape { /* all that an algorithm depends on; compared as bytes */
	int64_t m, n, k, lda, ldb, ldc, stride_a, stride_b, stride_c, batch;
	int32_t ta, tb, in, out, epilogue, beta, align;
	int32_t spare;
};

struct prepared {
	struct shape shape;
	bool used, refused;        /* refused: the library has no such epilogue for the shape; the answer is kept, too */
	cublasLtMatmulDesc_t operation;
	cublasLtMatrixLayout_t a, b, c;
	cublasLtMatmulAlgo_t algorithm;
};

struct products {
	cublasLtHandle_t handle;
	cublasLtMatmulPreference_t preference;
	void *workspace;
	struct prepared *slot; /* [SLOTS], open addressing */
	int used;
};

static const char *
words(cublasStatus_t s)
{
	return s == CUBLAS_STATUS_NOT_SUPPORTED ? "not supported" : s == CUBLAS_STATUS_INVALID_VALUE ? "invalid value" : "failed";
}

int
tl_products_open(tl_device *d)
{
	struct products *p = (struct products *)calloc(1, sizeof *p);
	size_t version = cublasLtGetVersion(), room = WORKSPACE;
	uint32_t schemes = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;

	d->inside = p;
	snprintf(d->library, sizeof d->library, "cublasLt %zu.%zu.%zu", version / 10000, version / 100 % 100, version % 100);
	if (cublasLtCreate(&p->handle) != CUBLAS_STATUS_SUCCESS || cublasLtMatmulPreferenceCreate(&p->preference) != CUBLAS_STATUS_SUCCESS ||
	    cublasLtMatmulPreferenceSetAttribute(p->preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &room, sizeof room) != CUBLAS_STATUS_SUCCESS ||
	    cublasLtMatmulPreferenceSetAttribute(p->preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &schemes, sizeof schemes) != CUBLAS_STATUS_SUCCESS) {
		snprintf(d->error, sizeof d->error, "cuBLASLt cannot be started");
		return -1;
	}
	p->slot = (struct prepared *)calloc(SLOTS, sizeof *p->slot);
	return (p->workspace = d->alloc(d, WORKSPACE)) ? 0 : -1;
}

static void
forget(struct prepared *x)
{
	if (!x->used)
		return;
	if (x->operation)
		cublasLtMatmulDescDestroy(x->operation);
	if (x->a)
		cublasLtMatrixLayoutDestroy(x->a);
	if (x->b)
		cublasLtMatrixLayoutDestroy(x->b);
	if (x->c)
		cublasLtMatrixLayoutDestroy(x->c);
	memset(x, 0, sizeof *x);
}

void
tl_products_close(tl_device *d)
{
	struct products *p = (struct products *)d->inside;

	for (int i = 0; p->slot && i < SLOTS; i++)
		forget(&p->slot[i]);
	free(p->slot);
	if (p->workspace)
		d->release(d, p->workspace);
	if (p->preference)
		cublasLtMatmulPreferenceDestroy(p->preference);
	if (p->handle)
		cublasLtDestroy(p->handle);
	free(p);
	d->inside = NULL;
}

static cudaDataType_t
type_of(int32_t dtype)
{
	return dtype == TL_BF16 ? CUDA_R_16BF : CUDA_R_32F;
}

static cublasStatus_t
layout(cublasLtMatrixLayout_t *l, int32_t dtype, int64_t rows, int64_t columns, int64_t ld, int64_t batch, int64_t stride)
{
	cublasStatus_t s = cublasLtMatrixLayoutCreate(l, type_of(dtype), (uint64_t)rows, (uint64_t)columns, ld);
	int32_t count = (int32_t)batch;

	if (s == CUBLAS_STATUS_SUCCESS && batch > 1)
		s = cublasLtMatrixLayoutSetAttribute(*l, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof count);
	if (s == CUBLAS_STATUS_SUCCESS && batch > 1)
		s = cublasLtMatrixLayoutSetAttribute(*l, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride, sizeof stride);
	return s;
}

/* The alignment that all operands share, in bytes: an algorithm is chosen for it, and not for the addresses. */
static int32_t
alignment(const tl_product *p, const void *vector)
{
	uintptr_t all = (uintptr_t)p->a | (uintptr_t)p->b | (uintptr_t)p->c | (uintptr_t)vector;
	int32_t align = 4;

	if (p->in == TL_BF16 || p->out == TL_BF16)
		align = 2;
	while (align < 16 && !(all & (uintptr_t)(2 * align - 1)))
		align *= 2;
	return align;
}

static cublasStatus_t
prepare(struct products *p, struct prepared *x, const struct shape *s, int tf32, const void *bias)
{
	cublasLtMatmulHeuristicResult_t found;
	cublasOperation_t ta = s->tb ? CUBLAS_OP_T : CUBLAS_OP_N, tb = s->ta ? CUBLAS_OP_T : CUBLAS_OP_N;
	uint32_t epilogue = (uint32_t)s->epilogue, align = (uint32_t)s->align;
	int32_t bias_type = (int32_t)type_of(s->out);
	static const cublasLtMatmulPreferenceAttributes_t operand[] = { CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES,
		CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES };
	cublasStatus_t e;
	int n = 0;

	x->shape = *s;
	x->used = true;
	if ((e = cublasLtMatmulDescCreate(&x->operation, tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F, CUDA_R_32F)) != CUBLAS_STATUS_SUCCESS ||
	    (e = cublasLtMatmulDescSetAttribute(x->operation, CUBLASLT_MATMUL_DESC_TRANSA, &ta, sizeof ta)) != CUBLAS_STATUS_SUCCESS ||
	    (e = cublasLtMatmulDescSetAttribute(x->operation, CUBLASLT_MATMUL_DESC_TRANSB, &tb, sizeof tb)) != CUBLAS_STATUS_SUCCESS ||
	    (e = cublasLtMatmulDescSetAttribute(x->operation, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue)) != CUBLAS_STATUS_SUCCESS)
		return e;
	if (bias && ((e = cublasLtMatmulDescSetAttribute(x->operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias)) != CUBLAS_STATUS_SUCCESS ||
	             (e = cublasLtMatmulDescSetAttribute(x->operation, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, &bias_type, sizeof bias_type)) != CUBLAS_STATUS_SUCCESS))
		return e;
	/* The library's A is our B. */
	if ((e = layout(&x->a, s->in, s->tb ? s->k : s->n, s->tb ? s->n : s->k, s->ldb, s->batch, s->stride_b)) != CUBLAS_STATUS_SUCCESS ||
	    (e = layout(&x->b, s->in, s->ta ? s->m : s->k, s->ta ? s->k : s->m, s->lda, s->batch, s->stride_a)) != CUBLAS_STATUS_SUCCESS ||
	    (e = layout(&x->c, s->out, s->n, s->m, s->ldc, s->batch, s->stride_c)) != CUBLAS_STATUS_SUCCESS)
		return e;
	for (int i = 0; i < 4; i++)
		if ((e = cublasLtMatmulPreferenceSetAttribute(p->preference, operand[i], &align, sizeof align)) != CUBLAS_STATUS_SUCCESS)
			return e;
	e = cublasLtMatmulAlgoGetHeuristic(p->handle, x->operation, x->a, x->b, x->c, x->c, p->preference, 1, &found, &n);
	if (e == CUBLAS_STATUS_SUCCESS && n < 1)
		e = CUBLAS_STATUS_NOT_SUPPORTED;
	if (e == CUBLAS_STATUS_SUCCESS)
		x->algorithm = found.algo;
	return e;
}

static struct prepared *
slot_of(struct products *p, const struct shape *s)
{
	const unsigned char *bytes = (const unsigned char *)s;
	uint64_t h = 1469598103934665603u;

	for (size_t i = 0; i < sizeof *s; i++)
		h = (h ^ bytes[i]) * 1099511628211u;
	for (uint64_t i = h % SLOTS;; i = (i + 1) % SLOTS)
		if (!p->slot[i].used || !memcmp(&p->slot[i].shape, s, sizeof *s))
			return &p->slot[i];
}

/* Nothing to sum: C = beta C + bias, then relu. */
static int
empty_sum(tl_op_call *c, const tl_product *p)
{
	tl_product q = *p;
	float *out = (float *)p->c;
	const float *bias = (const float *)p->bias;

	if (p->out == TL_BF16) { /* nothing is added to such a result */
		tl_bf16 *half = (tl_bf16 *)p->c;
		return tl_each(c, q.batch * q.m * q.n, [=] __device__ (int64_t i) { tl_set(half, i / (q.m * q.n) * q.stride_c + i / q.n % q.m * q.ldc + i % q.n, 0); });
	}
	return tl_each(c, q.batch * q.m * q.n, [=] __device__ (int64_t i) {
		int64_t at = i / (q.m * q.n) * q.stride_c + i / q.n % q.m * q.ldc + i % q.n;
		float v = (q.beta == 0 ? 0 : q.beta * out[at]) + (bias ? bias[i % q.n] : 0);
		out[at] = q.relu && v < 0 ? 0 : v;
	});
}

/* What the product reads in place of the floats at x, which `count` matrices of [rows, columns] take up. NULL after an error. */
static const void *
halved(tl_op_call *c, tl_device *d, const void *x, int64_t rows, int64_t columns, int64_t ld, int64_t stride, int64_t count)
{
	const tl_bf16 *half;

	if (tl_shadow_at(d, (const float *)x, &half)) {
		tl_op_refuse(c, "a weight in bf16: %s", d->error);
		return NULL;
	}
	return half ? half : tl_op_half(c, (const float *)x, (count - 1) * stride + (rows - 1) * ld + columns);
}

/* The product as it was prepared for such shapes before, or is now. NULL after an error, or where the library has no such epilogue. */
static struct prepared *
prepared_for(tl_op_call *c, struct products *all, const tl_product *p, int epilogue, const void *vector)
{
	struct shape s;
	struct prepared *x;
	cublasStatus_t e;

	memset(&s, 0, sizeof s);
	s.m = p->m, s.n = p->n, s.k = p->k, s.lda = p->lda, s.ldb = p->ldb, s.ldc = p->ldc, s.stride_a = p->stride_a, s.stride_b = p->stride_b, s.stride_c = p->stride_c, s.batch = p->batch;
	s.ta = p->ta, s.tb = p->tb, s.in = p->in, s.out = p->out, s.beta = p->beta != 0, s.align = alignment(p, vector), s.epilogue = epilogue;
	x = slot_of(all, &s);
	if (!x->used) {
		if (all->used > SLOTS / 2) { /* batches of ever new sizes: begin again */
			for (int i = 0; i < SLOTS; i++)
				forget(&all->slot[i]);
			all->used = 0;
			x = slot_of(all, &s);
		}
		if ((e = prepare(all, x, &s, tl_device_of(c->ctx)->tf32, vector)) != CUBLAS_STATUS_SUCCESS && epilogue == CUBLASLT_EPILOGUE_DEFAULT) {
			forget(x);
			tl_op_refuse(c, "cuBLASLt has no product of [%lld, %lld] with [%lld, %lld] (%s)", (long long)p->m, (long long)p->k, (long long)p->k, (long long)p->n, words(e));
			return NULL;
		}
		x->refused = e != CUBLAS_STATUS_SUCCESS;
		all->used++;
	}
	return x->refused ? NULL : x;
}

/* vector: what the epilogue reads (a bias) or writes (sums). */
static int
start(tl_op_call *c, struct prepared *x, const tl_product *p, const void *vector)
{
	tl_device *d = (tl_device *)tl_device_of(c->ctx);
	struct products *all = (struct products *)d->inside;
	cublasStatus_t e = CUBLAS_STATUS_SUCCESS;

	if (vector)
		e = cublasLtMatmulDescSetAttribute(x->operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &vector, sizeof vector);
	if (e == CUBLAS_STATUS_SUCCESS)
		e = cublasLtMatmul(all->handle, x->operation, &p->alpha, p->b, x->a, p->a, x->b, &p->beta, p->c, x->c, p->c, x->c, &x->algorithm, all->workspace, WORKSPACE, (cudaStream_t)d->stream);
	return e == CUBLAS_STATUS_SUCCESS ? 0 : tl_op_refuse(c, "a product of [%lld, %lld] with [%lld, %lld] failed (%s)", (long long)p->m, (long long)p->k, (long long)p->k, (long long)p->n, words(e));
}

/* *p with operands in the type in which they are multiplied. */
static int
operands(tl_op_call *c, tl_product *p)
{
	tl_device *d = (tl_device *)tl_device_of(c->ctx);

	if (!d->bf16 || p->in != TL_F32)
		return 0;
	p->in = TL_BF16;
	return (!p->half_a && !(p->a = halved(c, d, p->a, p->ta ? p->k : p->m, p->ta ? p->m : p->k, p->lda, p->stride_a, p->batch))) ||
	       !(p->b = halved(c, d, p->b, p->tb ? p->n : p->k, p->tb ? p->k : p->n, p->ldb, p->stride_b, p->batch)) ? -1 : 0;
}

/* C gets its bias and relu in a pass of its own, where the library does not do it. */
static int
bias_after(tl_op_call *c, const tl_product *p)
{
	tl_product q = *p;
	float *out = (float *)p->c;
	const float *bias = (const float *)p->bias;

	return tl_each(c, q.batch * q.m * q.n, [=] __device__ (int64_t i) {
		int64_t at = i / (q.m * q.n) * q.stride_c + i / q.n % q.m * q.ldc + i % q.n;
		float v = tl_get(out, at) + (bias ? bias[i % q.n] : 0);
		tl_set(out, at, q.relu && v < 0 ? 0 : v);
	});
}

int
tl_multiply(tl_op_call *c, const tl_product *given)
{
	struct products *all = (struct products *)((tl_device *)tl_device_of(c->ctx))->inside;
	tl_product p = *given;
	int epilogue = p.bias ? p.relu ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_BIAS : p.relu ? CUBLASLT_EPILOGUE_RELU : CUBLASLT_EPILOGUE_DEFAULT;
	struct prepared *x;

	if (p.m <= 0 || p.n <= 0 || p.batch <= 0)
		return 0;
	if (p.k <= 0)
		return empty_sum(c, &p);
	if (operands(c, &p))
		return -1;
	if ((x = prepared_for(c, all, &p, epilogue, p.bias)))
		return start(c, x, &p, p.bias);
	if (epilogue == CUBLASLT_EPILOGUE_DEFAULT || p.out != TL_F32 || !(x = prepared_for(c, all, &p, CUBLASLT_EPILOGUE_DEFAULT, NULL)))
		return tl_status(c->ctx) ? -1 : tl_op_refuse(c, "cuBLASLt has no product of [%lld, %lld] with [%lld, %lld] and a bias", (long long)p.m, (long long)p.k, (long long)p.k, (long long)p.n);
	return start(c, x, &p, NULL) || bias_after(c, &p) ? -1 : 0;
}

/* Column sums by the pass that everybody has. */
static int
sums_alone(tl_op_call *c, const tl_product *given, float *to, bool fresh)
{
	return given->half_a ? tl_column_sums(c, given->k, given->m, (const tl_bf16 *)given->a, (const tl_bf16 *)NULL, to, fresh)
	                     : tl_column_sums(c, given->k, given->m, (const float *)given->a, (const float *)NULL, to, fresh);
}

int
tl_multiply_summing(tl_op_call *c, const tl_product *given, float *to, bool fresh)
{
	struct products *all = (struct products *)((tl_device *)tl_device_of(c->ctx))->inside;
	tl_product p = *given;
	struct prepared *x;
	float *sums;

	if (p.m <= 0 || p.n <= 0 || p.k <= 0)
		return tl_multiply(c, given) || sums_alone(c, given, to, fresh) ? -1 : 0;
	if (!(sums = (float *)tl_scratch(c->ctx, (size_t)p.m * sizeof *sums)) || operands(c, &p))
		return -1;
	if (!(x = prepared_for(c, all, &p, CUBLASLT_EPILOGUE_BGRADB, sums)))
		return !(x = prepared_for(c, all, &p, CUBLASLT_EPILOGUE_DEFAULT, NULL)) || start(c, x, &p, NULL) || sums_alone(c, given, to, fresh) ? -1 : 0;
	return start(c, x, &p, sums) ? -1 : tl_each(c, p.m, [=] __device__ (int64_t i) { tl_add_to(to, i, tl_get(sums, i), fresh); });
}
