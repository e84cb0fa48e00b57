/* kernel.h - what kernels of the core may ask the host, beside tensor.h; those of the CPU (cpu/cpu.h) and of devices (cuda/cuda.h). */
#ifndef HOST_TENSOR_KERNEL_H
#define HOST_TENSOR_KERNEL_H

#include "tensor/device.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A place in which a kernel may write the row of its op (any nonzero) where data does not fit that only the device has seen; the host
 * tells it when it next looks. */
TL_API int32_t *tl_device_flag(tl_ctx *ctx);
TL_API tl_device *tl_device_of(tl_ctx *ctx);
/* Memory of the host until the op returns, for what tl_upload sends. */
TL_API void *tl_host_scratch(tl_ctx *ctx, size_t bytes);
/* precision = "bf16": n numbers at x as a product reads them, NULL after an error. What belongs to an input, or in the backward to the output's
 * gradient or to what was saved, is rounded once; other memory in every call. */
TL_API const void *tl_op_half(tl_op_call *c, const float *x, int64_t n);
/* Where a forward that said so (tl_device_kernels) writes its result in bf16; NULL: not wanted. alone: it writes nothing else, and whoever wants floats gets what was rounded. */
TL_API void *tl_op_half_out(tl_op_call *c, bool alone);
TL_API int tl_op_refuse(tl_op_call *c, const char *format, ...) __attribute__((format(printf, 2, 3))); /* "linear: ..." */
/* Offsets [n + 1] are data: ascending from 0 to `total`. Index values: all in [low, high). On a device both look at the host's copy;
 * values that the device itself computed are not looked at here. */
TL_API int tl_check_offsets(tl_op_call *c, int input, int64_t total);
TL_API int tl_check_index(tl_op_call *c, int input, int64_t low, int64_t high);
TL_API int64_t tl_rows(const tl_view *v, int last);       /* product of all axes but the `last` last ones */
TL_API int64_t tl_tail(const tl_view *v, int last);       /* product of the `last` last axes */

#ifdef __cplusplus
}
#endif
#endif
