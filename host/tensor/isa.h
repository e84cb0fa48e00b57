/* isa.h - which instructions run: chosen once at run time, lowered by TAGLOOM_ISA. */
#ifndef HOST_TENSOR_ISA_H
#define HOST_TENSOR_ISA_H

enum { TL_ISA_PLAIN = 0, TL_ISA_AVX2 = 1, TL_ISA_AVX512 = 2 };
int tl_isa_level(void);
/* For tests: runs with at most this level from now on; returns the level that runs. Not while kernels run. */
int tl_isa_lower(int level);

#endif
