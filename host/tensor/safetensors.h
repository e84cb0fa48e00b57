/* safetensors.h - what reader and writer share. */
#ifndef HOST_TENSOR_SAFETENSORS_H
#define HOST_TENSOR_SAFETENSORS_H

struct tl_st_dtype { const char *name; int bytes; };
const struct tl_st_dtype *tl_st_dtype_of(const char *name); /* NULL: no such dtype */

#endif
