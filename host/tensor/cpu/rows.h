/*
 * rows.h - the inner loops of the kernels: one row, one thread. They are written once (rows_body.h) and compiled for float in plain C,
 * with AVX2 and with AVX-512, and for double in plain C with the C library's functions, which are the reference.
 */
#ifndef HOST_TENSOR_ROWS_H
#define HOST_TENSOR_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#define TL_ROWS(T) { \
	/* y = act(x + bias); bias may be NULL; slope (gelu only, may be NULL) receives the derivative. x, y and slope may be the same. */ \
	void (*act)(int act, int64_t n, const T *x, const T *bias, T *y, T *slope); \
	/* gx = (or +=) g act'(x), from y = act(x); x is read for gelu only */ \
	void (*act_back)(int act, int64_t n, const T *x, const T *y, const T *g, T *gx, bool fresh); \
	void (*exp)(int64_t n, const T *x, T *y); \
	/* y = softmax(x); returns ln sum e^x */ \
	T (*softmax)(int64_t n, const T *x, T *y); \
	/* gx = (or +=) y (g - y . g) */ \
	void (*softmax_back)(int64_t n, const T *y, const T *g, T *gx, bool fresh); \
	/* s: scores -> weights that were used; dp: their gradient -> gradient of the unscaled scores. f: dropout factors or NULL */ \
	void (*attention_back)(int64_t n, T *s, T lse, T *dp, T scale, const T *f); \
	void (*times)(int64_t n, const T *f, T *y);                       /* y *= f */ \
	/* factors 0 or `keep` of elements e0 .. e0+n-1 (see the row `dropout` of ops.def) */ \
	void (*drop)(uint64_t key, uint64_t step, uint64_t e0, int64_t n, uint32_t threshold, T keep, T *f); \
	/* y = gain normalise(r + x f) + bias; r, f may be NULL */ \
	void (*norm)(int64_t n, const T *x, const T *r, const T *f, const T *gain, const T *bias, T eps, T *y, T *mean, T *rstd); \
	/* z [n] scratch; dgain and dbias are added to; dx and dr may be NULL, = or += */ \
	void (*norm_back)(int64_t n, const T *x, const T *r, const T *f, const T *gain, T mean, T rstd, const T *g, T *z, T *dgain, T *dbias, T *dx, bool dx_fresh, T *dr, bool dr_fresh); \
	/* additive_scores, see rows_additive.h */ \
	void (*additive_two)(int64_t n, const T *v, const T *x, const T *y0, const T *y1, T *out); \
	void (*additive_back)(int64_t n, const T *v, const T *x, const T *y0, const T *y1, T g0, T g1, T *dv, T *dx, T *dy0, T *dy1); \
}
struct tl_rows_f32 TL_ROWS(float);
struct tl_rows_f64 TL_ROWS(double);

extern const struct tl_rows_f32 tl_rows_plain_f32, tl_rows_avx2_f32, tl_rows_avx512_f32;
extern const struct tl_rows_f64 tl_rows_plain_f64;
const struct tl_rows_f32 *tl_rows_of_f32(void);
const struct tl_rows_f64 *tl_rows_of_f64(void);

#endif
