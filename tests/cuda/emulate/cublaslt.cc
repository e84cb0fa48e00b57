/* cublaslt.cc - the library's product, plainly: column-major layouts, transposes, batches, bias epilogues; sums in double. */
#include "cublasLt.h"
#include "cuda_bf16.h"

#include <stdlib.h>

extern "C" cublasStatus_t cublasLtCreate(cublasLtHandle_t *h) { *h = (cublasLtHandle_t)malloc(1); return CUBLAS_STATUS_SUCCESS; }
extern "C" cublasStatus_t cublasLtDestroy(cublasLtHandle_t h) { free(h); return CUBLAS_STATUS_SUCCESS; }
extern "C" size_t cublasLtGetVersion(void) { return 0; }

extern "C" cublasStatus_t
cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *d, cublasComputeType_t compute, cudaDataType_t scale)
{
	*d = (cublasLtMatmulDesc_t)calloc(1, sizeof **d);
	(*d)->compute = compute;
	(*d)->scale = scale;
	(*d)->epilogue = CUBLASLT_EPILOGUE_DEFAULT;
	(*d)->bias_type = -1;
	return scale == CUDA_R_32F ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

extern "C" cublasStatus_t
cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t d, cublasLtMatmulDescAttributes_t what, const void *value, size_t size)
{
	if (what == CUBLASLT_MATMUL_DESC_BIAS_POINTER ? size != sizeof(void *) : size != 4)
		return CUBLAS_STATUS_INVALID_VALUE;
	switch (what) {
	case CUBLASLT_MATMUL_DESC_TRANSA: memcpy(&d->ta, value, 4); break;
	case CUBLASLT_MATMUL_DESC_TRANSB: memcpy(&d->tb, value, 4); break;
	case CUBLASLT_MATMUL_DESC_EPILOGUE: memcpy(&d->epilogue, value, 4); break;
	case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE: memcpy(&d->bias_type, value, 4); break;
	case CUBLASLT_MATMUL_DESC_BIAS_POINTER: memcpy(&d->bias, value, sizeof(void *)); break;
	}
	return CUBLAS_STATUS_SUCCESS;
}

extern "C" cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t d) { free(d); return CUBLAS_STATUS_SUCCESS; }

extern "C" cublasStatus_t
cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *l, cudaDataType_t type, uint64_t rows, uint64_t columns, int64_t ld)
{
	*l = (cublasLtMatrixLayout_t)calloc(1, sizeof **l);
	**l = tl_emulated_layout{ type, rows, columns, ld, 1, 0 };
	return rows && columns && ld >= (int64_t)rows ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}

extern "C" cublasStatus_t
cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t l, cublasLtMatrixLayoutAttribute_t what, const void *value, size_t size)
{
	if (what == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT && size == 4)
		memcpy(&l->batch, value, 4);
	else if (what == CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET && size == 8)
		memcpy(&l->stride, value, 8);
	else
		return CUBLAS_STATUS_INVALID_VALUE;
	return CUBLAS_STATUS_SUCCESS;
}

extern "C" cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t l) { free(l); return CUBLAS_STATUS_SUCCESS; }
extern "C" cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *p) { *p = (cublasLtMatmulPreference_t)calloc(1, sizeof **p); return CUBLAS_STATUS_SUCCESS; }
extern "C" cublasStatus_t
cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t p, cublasLtMatmulPreferenceAttributes_t what, const void *value, size_t size)
{
	if (size != (what == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES ? sizeof(size_t) : 4))
		return CUBLAS_STATUS_INVALID_VALUE;
	if (what == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES)
		memcpy(&p->workspace, value, size);
	return CUBLAS_STATUS_SUCCESS;
}
extern "C" cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t p) { free(p); return CUBLAS_STATUS_SUCCESS; }

/* Do the layouts fit each other? m, n, k of the product. */
static bool
fits(const tl_emulated_product *d, const tl_emulated_layout *a, const tl_emulated_layout *b, const tl_emulated_layout *c, const tl_emulated_layout *out)
{
	uint64_t m = d->ta ? a->columns : a->rows, k = d->ta ? a->rows : a->columns, kb = d->tb ? b->columns : b->rows, n = d->tb ? b->rows : b->columns;

	return k == kb && out->rows == m && out->columns == n && c->rows == m && c->columns == n && a->type == b->type && c->type == out->type && a->batch == out->batch && b->batch == out->batch &&
	       c->batch == out->batch;
}

extern "C" cublasStatus_t
cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t d, cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t out,
	cublasLtMatmulPreference_t, int wanted, cublasLtMatmulHeuristicResult_t *results, int *got)
{
	*got = 0;
	if (wanted < 1 || !fits(d, a, b, c, out))
		return CUBLAS_STATUS_INVALID_VALUE;
	if (getenv("TAGLOOM_EMULATE_REFUSE") && d->epilogue & atoi(getenv("TAGLOOM_EMULATE_REFUSE"))) /* epilogues that this library shall not have */
		return CUBLAS_STATUS_NOT_SUPPORTED;
	memset(results, 0, sizeof *results);
	*got = 1;
	return CUBLAS_STATUS_SUCCESS;
}

static int64_t
size_of(cudaDataType_t type)
{
	return type == CUDA_R_32F ? 4 : 2;
}

static float
get(const void *p, cudaDataType_t type, int64_t i)
{
	return type == CUDA_R_32F ? ((const float *)p)[i] : __bfloat162float(((const __nv_bfloat16 *)p)[i]);
}

static void
put(void *p, cudaDataType_t type, int64_t i, float v)
{
	if (type == CUDA_R_32F)
		((float *)p)[i] = v;
	else
		((__nv_bfloat16 *)p)[i] = __float2bfloat16(v);
}

/* When the product's turn in its stream has come. */
static void
multiply(tl_emulated_product d, float al, const void *a, tl_emulated_layout la, const void *b, tl_emulated_layout lb, float be, const void *c, tl_emulated_layout lc, void *out, tl_emulated_layout lout,
	int64_t m, int64_t n, int64_t k, cudaDataType_t bias_type)
{
	double *row = (double *)malloc((size_t)(k + 1) * sizeof *row);
	double *side = (double *)malloc((size_t)(k * n + 1) * sizeof *side);
	tl_emulate_enter();
	for (int g = 0; g < lout.batch; g++) {
		for (int64_t j = 0; j < n; j++)
			for (int64_t p = 0; p < k; p++)
				side[j * k + p] = get(b, lb.type, g * lb.stride + (d.tb ? j + p * lb.ld : p + j * lb.ld));
		for (int64_t i = 0; i < m; i++) {
			double all = 0;
			for (int64_t p = 0; p < k; p++)
				all += row[p] = get(a, la.type, g * la.stride + (d.ta ? p + i * la.ld : i + p * la.ld));
			if (d.epilogue == CUBLASLT_EPILOGUE_BGRADA)
				put(d.bias, bias_type, i, (float)all);
			for (int64_t j = 0; j < n; j++) {
				double sum = 0;
				for (int64_t p = 0; p < k; p++)
					sum += row[p] * side[j * k + p];
				sum *= al;
				if (be != 0)
					sum += be * get(c, lc.type, g * lc.stride + i + j * lc.ld);
				if (d.epilogue & CUBLASLT_EPILOGUE_BIAS)
					sum += get(d.bias, bias_type, i);
				if (d.epilogue & CUBLASLT_EPILOGUE_RELU)
					sum = sum > 0 || sum != sum ? sum : 0;
				put(out, lout.type, g * lout.stride + i + j * lout.ld, (float)sum);
			}
		}
		for (int64_t j = 0; j < n && d.epilogue == CUBLASLT_EPILOGUE_BGRADB; j++) {
			double all = 0;
			for (int64_t p = 0; p < k; p++)
				all += side[j * k + p];
			put(d.bias, bias_type, j, (float)all);
		}
	}
	tl_emulate_leave();
	free(row);
	free(side);
}

extern "C" cublasStatus_t
cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t d, const void *alpha, const void *a, cublasLtMatrixLayout_t la, const void *b, cublasLtMatrixLayout_t lb, const void *beta,
	const void *c, cublasLtMatrixLayout_t lc, void *out, cublasLtMatrixLayout_t lout, const cublasLtMatmulAlgo_t *, void *, size_t, cudaStream_t stream)
{
	int64_t m = (int64_t)lout->rows, n = (int64_t)lout->columns, k = (int64_t)(d->ta ? la->rows : la->columns);
	float al = *(const float *)alpha, be = *(const float *)beta;
	cudaDataType_t bias_type = d->bias_type < 0 ? lout->type : (cudaDataType_t)d->bias_type;

	if (!fits(d, la, lb, lc, lout))
		return CUBLAS_STATUS_INVALID_VALUE;
	if ((d->epilogue & CUBLASLT_EPILOGUE_BIAS) && !d->bias)
		return CUBLAS_STATUS_INVALID_VALUE;
	tl_emulated.products++;
	tl_emulated.product_read += (lb->stride ? lout->batch : 1) * k * n * size_of(lb->type) + (la->stride ? lout->batch : 1) * m * k * size_of(la->type) +
	                              (be != 0 ? lout->batch * m * n * size_of(lout->type) : 0);
	tl_emulated.product_written += lout->batch * m * n * size_of(lout->type);
	tl_emulated_product with = *d;
	tl_emulated_layout at[4] = { *la, *lb, *lc, *lout };
	tl_emulate_on(stream, [=] { multiply(with, al, a, at[0], b, at[1], be, c, at[2], out, at[3], m, n, k, bias_type); });
	return CUBLAS_STATUS_SUCCESS;
}
