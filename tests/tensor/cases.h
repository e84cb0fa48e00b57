/*
 * cases.h - for every row of ops.def: how it is called, shapes that work, and shapes and data that are refused. ops.test.c checks that
 * every row has all of these, a case of size 0 and one of odd sizes among them. The words are explained in inputs.h.
 */
#ifndef TESTS_TENSOR_CASES_H
#define TESTS_TENSOR_CASES_H

#include "inputs.h"

#define MOST_IN 6
typedef tl_tensor *(*op_call)(tl_ctx *ctx, tl_tensor **i, int n, const double *a);
typedef struct call_row { const char *op; op_call call; } call_row;
typedef struct test_case { const char *op; const char *in[MOST_IN + 1]; double arg[6]; } test_case;
typedef struct refusal { const char *op; const char *in[MOST_IN + 1]; double arg[6]; const char *words; } refusal;

#define CALL(name, ...) \
	static tl_tensor *call_##name(tl_ctx *c, tl_tensor **i, int n, const double *a) { (void)i, (void)n, (void)a; return tl_##name(c, __VA_ARGS__); }
CALL(add, i[0], i[1])
CALL(sub, i[0], i[1])
CALL(mul, i[0], i[1])
CALL(div, i[0], i[1])
CALL(scale, i[0], a[0], a[1])
CALL(activate, i[0], (int)a[0])
CALL(exp, i[0])
CALL(log, i[0])
CALL(dropout, i[0], a[0])
CALL(mul_rows, i[0], i[1])
CALL(linear, i[0], i[1], i[2], (int)a[0])
CALL(matmul, i[0], i[1], (int)a[0], (int)a[1])
CALL(packed_matmul, i[0], i[1], i[2])
CALL(packed_sum, i[0], i[1], i[2])
CALL(additive_scores, i[0], i[1], i[2], i[3])
CALL(attention, i[0], i[1], i[2], i[3], i[4], (int)a[0], a[1])
CALL(layernorm, i[0], i[1], i[2], i[3], a[0], a[1])
CALL(conv1d, i[0], i[1], i[2], i[3], (int)a[0], (int)a[1], (int)a[2])
CALL(conv2d, i[0], i[1], i[2], i[3], (int)a[0], (int)a[1], (int)a[2])
CALL(gather, i[0], i[1])
CALL(scatter_add, i[0], i[1], (int64_t)a[0])
CALL(replace_rows, i[0], i[1], i[2])
CALL(concat, i, n, (int)a[0])
CALL(slice, i[0], (int)a[0], (int64_t)a[1], (int64_t)a[2])
CALL(reshape, i[0], (int)a[0], (int64_t)a[1], (int64_t)a[2], (int64_t)a[3], (int64_t)a[4])
CALL(transpose, i[0])
CALL(repeat, i[0], (int64_t)a[0])
CALL(sum, i[0])
CALL(mean, i[0])
CALL(row_sum, i[0])
CALL(row_max, i[0])
CALL(softmax, i[0])
CALL(logsumexp, i[0], i[1])
CALL(l2_normalize, i[0])
CALL(segment_sum, i[0], i[1])
CALL(segment_mean, i[0], i[1])
CALL(segment_max, i[0], i[1])
CALL(segment_softmax, i[0], i[1])
CALL(bce, i[0], i[1], i[2], (int)a[0])
CALL(linear_bce, i[0], i[1], i[2], i[3], i[4], (int)a[0])
CALL(softmax_loss, i[0], i[1], i[2])
CALL(bce_dense, i[0], i[1], i[2])
CALL(mse, i[0], i[1])
CALL(topk, i[0], (int64_t)a[0])
CALL(linear_best, i[0], i[1], i[2], (int64_t)a[0])
CALL(corank_select, i[0], i[1], i[2], i[3], i[4], i[5], (int64_t)a[0], a[1], (int)a[2])
#undef CALL

#define ROW(name) { #name, call_##name }
static const call_row calls[] = {
	ROW(add), ROW(sub), ROW(mul), ROW(div), ROW(scale), ROW(activate), ROW(exp), ROW(log), ROW(dropout), ROW(mul_rows),
	ROW(linear), ROW(matmul), ROW(packed_matmul), ROW(packed_sum), ROW(additive_scores), ROW(attention), ROW(layernorm), ROW(conv1d), ROW(conv2d),
	ROW(gather), ROW(scatter_add), ROW(replace_rows), ROW(concat), ROW(slice), ROW(reshape), ROW(transpose), ROW(repeat),
	ROW(sum), ROW(mean), ROW(row_sum), ROW(row_max), ROW(softmax), ROW(logsumexp), ROW(l2_normalize),
	ROW(segment_sum), ROW(segment_mean), ROW(segment_max), ROW(segment_softmax),
	ROW(bce), ROW(linear_bce), ROW(softmax_loss), ROW(bce_dense), ROW(mse), ROW(topk), ROW(linear_best), ROW(corank_select),
};
#undef ROW

static const test_case cases[] = {
	{ "add", { "r5x3", "r5x3" } }, { "add", { "r2x5x3", "r3" } }, { "add", { "r5x3", "r." } }, { "add", { "r0x3", "r3" } }, { "add", { "r.", "r." } },
	{ "add", { "r301x127", "r127" } }, { "add", { "r2x3x5", "r3x5" } }, { "add", { "r1", "r1" } },
	{ "sub", { "r5x3", "r5x3" } }, { "sub", { "r2x5x3", "r3" } }, { "sub", { "r5x3", "r." } }, { "sub", { "r0x3", "r3" } }, { "sub", { "r.", "r." } },
	{ "sub", { "r301x127", "r127" } }, { "sub", { "r2x3x5", "r3x5" } }, { "sub", { "r1", "r1" } },
	{ "mul", { "r5x3", "r5x3" } }, { "mul", { "r2x5x3", "r3" } }, { "mul", { "r5x3", "r." } }, { "mul", { "r0x3", "r3" } }, { "mul", { "r.", "r." } },
	{ "mul", { "r301x127", "r127" } }, { "mul", { "r3x301x127", "r301x127" } }, { "mul", { "r40001", "r." } }, { "mul", { "r1", "r1" } },
	{ "div", { "r5x3", "p5x3" } }, { "div", { "r2x5x3", "p3" } }, { "div", { "r5x3", "p." } }, { "div", { "r0x3", "p3" } }, { "div", { "p.", "p." } },
	{ "div", { "r301x127", "p127" } }, { "div", { "r3x301x127", "p301x127" } }, { "div", { "r1", "p1" } },
	{ "scale", { "r5x3" }, { -2.5, 0.75 } }, { "scale", { "r0" }, { 2, 1 } }, { "scale", { "r." }, { 3, 0 } }, { "scale", { "r200x333" }, { 0.5, -1 } },
	{ "activate", { "r5x3" }, { TL_RELU } }, { "activate", { "r5x3" }, { TL_GELU } }, { "activate", { "r5x3" }, { TL_TANH } }, { "activate", { "r5x3" }, { TL_SIGMOID } },
	{ "activate", { "r5x3" }, { TL_NONE } }, { "activate", { "r0x3" }, { TL_GELU } }, { "activate", { "r." }, { TL_TANH } }, { "activate", { "r301x127" }, { TL_GELU } },
	{ "activate", { "w7x7" }, { TL_SIGMOID } }, { "activate", { "w7x7" }, { TL_TANH } }, { "activate", { "w7x7" }, { TL_GELU } },
	{ "exp", { "r5x3" } }, { "exp", { "r0" } }, { "exp", { "r." } }, { "exp", { "r301x127" } },
	{ "log", { "p5x3" } }, { "log", { "p0" } }, { "log", { "p." } }, { "log", { "p301x127" } },
	{ "dropout", { "r5x3" }, { 0.5 } }, { "dropout", { "r0x3" }, { 0.5 } }, { "dropout", { "r1" }, { 0.3 } }, { "dropout", { "r301x127" }, { 0.1 } }, { "dropout", { "r7x5" }, { 0 } },
	{ "mul_rows", { "r5x3", "r5" } }, { "mul_rows", { "r2x5x3", "r10" } }, { "mul_rows", { "r2x5x3", "r2x5" } }, { "mul_rows", { "r0x3", "r0" } }, { "mul_rows", { "r5x0", "r5" } },
	{ "mul_rows", { "r1x1", "r1" } }, { "mul_rows", { "r301x127", "r301" } }, { "mul_rows", { "r3x2501", "r3" } },

	{ "linear", { "r5x3", "r7x3", "r7" }, { TL_NONE } }, { "linear", { "r5x3", "r7x3", "-" }, { TL_RELU } }, { "linear", { "r2x5x3", "r7x3", "r7" }, { TL_GELU } },
	{ "linear", { "r5x3", "r1x3", "r1" }, { TL_TANH } }, { "linear", { "r1x1", "r1x1", "r1" }, { TL_SIGMOID } }, { "linear", { "r0x3", "r7x3", "r7" }, { TL_GELU } },
	{ "linear", { "r5x3", "r0x3", "r0" }, { TL_NONE } }, { "linear", { "r5x0", "r7x0", "r7" }, { TL_NONE } }, { "linear", { "r333x65", "r129x65", "r129" }, { TL_GELU } },
	{ "linear", { "r70x300", "r500x300", "r500" }, { TL_NONE } },
	{ "matmul", { "r5x3", "r3x7" }, { 0, 0 } }, { "matmul", { "r3x5", "r3x7" }, { 1, 0 } }, { "matmul", { "r5x3", "r7x3" }, { 0, 1 } }, { "matmul", { "r3x5", "r7x3" }, { 1, 1 } },
	{ "matmul", { "r4x5x3", "r4x3x7" }, { 0, 0 } }, { "matmul", { "r4x3x5", "r4x7x3" }, { 1, 1 } }, { "matmul", { "r4x5x3", "r3x7" }, { 0, 0 } }, { "matmul", { "r4x3x5", "r7x3" }, { 1, 1 } },
	{ "matmul", { "r0x3", "r3x7" }, { 0, 0 } }, { "matmul", { "r5x0", "r0x7" }, { 0, 0 } }, { "matmul", { "r0x5x3", "r0x3x7" }, { 0, 0 } }, { "matmul", { "r1x1", "r1x1" }, { 0, 0 } },
	{ "matmul", { "r303x65", "r65x401" }, { 0, 0 } }, { "matmul", { "r65x303", "r401x65" }, { 1, 1 } }, { "matmul", { "r9x33x65", "r9x65x41" }, { 0, 0 } },
	{ "packed_matmul", { "r7x3", "i4:0,2,2,7", "r5x3" } }, { "packed_matmul", { "r7x3", "i4:0,2,2,7", "r3x5x3" } }, { "packed_matmul", { "r0x3", "i1:0", "r5x3" } },
	{ "packed_matmul", { "r0x3", "i3:0,0,0", "r2x5x3" } }, { "packed_matmul", { "r7x3", "i2:0,7", "r0x3" } }, { "packed_matmul", { "r1x1", "i2:0,1", "r1x1x1" } },
	{ "packed_matmul", { "r701x33", "o701/9", "r55x33" } }, { "packed_matmul", { "r701x33", "o701/9", "r9x55x33" } }, { "packed_matmul", { "r7x0", "i2:0,7", "r1x4x0" } },
	{ "packed_sum", { "r7x4", "i4:0,2,2,7", "r7x3" } }, { "packed_sum", { "r0x4", "i2:0,0", "r0x3" } }, { "packed_sum", { "r7x0", "i2:0,7", "r7x3" } }, { "packed_sum", { "r7x4", "i2:0,7", "r7x0" } },
	{ "packed_sum", { "r1x1", "i2:0,1", "r1x1" } }, { "packed_sum", { "r301x601", "o301/5", "r301x33" } }, { "packed_sum", { "r7x3", "i4:0,2,2,7", "r7x3" } },
	{ "additive_scores", { "r7x5", "i4:0,2,2,7", "r3x5", "r5" } }, { "additive_scores", { "r7x5", "i4:0,2,2,7", "r3x4x5", "r5" } }, { "additive_scores", { "r0x5", "i2:0,0", "r3x5", "r5" } },
	{ "additive_scores", { "r7x5", "i2:0,7", "r0x5", "r5" } }, { "additive_scores", { "r7x0", "i2:0,7", "r3x0", "r0" } }, { "additive_scores", { "r1x1", "i2:0,1", "r1x1", "r1" } },
	{ "additive_scores", { "r301x33", "o301/5", "r77x33", "r33" } }, { "additive_scores", { "r301x33", "o301/5", "r5x77x33", "r33" } }, { "additive_scores", { "w5x3", "i2:0,5", "r4x3", "r3" } },
	{ "additive_scores", { "r7x5", "i2:0,7", "r7x5", "r5" } }, { "additive_scores", { "r40x5", "o40/2", "r40x5", "r5" } },

	{ "attention", { "r7x6", "i4:0,2,4,7", "r9x6", "r9x6", "i4:0,1,4,9" }, { 2, 0 } }, { "attention", { "r7x6", "i4:0,2,4,7", "r7x6", "r7x6", "i4:0,2,4,7" }, { 3, 0 } },
	{ "attention", { "r5x4", "i3:0,0,5", "r6x4", "r6x4", "i3:0,3,6" }, { 1, 0.3 } }, { "attention", { "r0x4", "i2:0,0", "r3x4", "r3x4", "i2:0,3" }, { 2, 0 } },
	{ "attention", { "r1x1", "i2:0,1", "r1x1", "r1x1", "i2:0,1" }, { 1, 0 } }, { "attention", { "r161x24", "o161/4", "r161x24", "r161x24", "o161/4" }, { 3, 0.2 } },
	{ "attention", { "r301x32", "o301/7", "r301x32", "r301x32", "o301/7" }, { 4, 0 } },
	{ "attention", { "r90x140", "i3:0,20,90", "r80x140", "r80x140", "i3:0,70,80" }, { 2, 0.1 } }, { "attention", { "r70x130", "i2:0,70", "r70x130", "r70x130", "i2:0,70" }, { 1, 0 } },
	{ "layernorm", { "r5x7", "r5x7", "r7", "r7" }, { 0, 1e-5 } }, { "layernorm", { "r5x7", "-", "r7", "r7" }, { 0, 1e-5 } }, { "layernorm", { "r5x7", "r5x7", "r7", "r7" }, { 0.4, 1e-5 } },
	{ "layernorm", { "r2x3x5", "r2x3x5", "r5", "r5" }, { 0, 1e-3 } }, { "layernorm", { "r0x7", "r0x7", "r7", "r7" }, { 0.1, 1e-5 } }, { "layernorm", { "r1x2", "-", "r2", "r2" }, { 0, 1e-2 } }, { "layernorm", { "r1x1", "r1x1", "r1", "r1" }, { 0, 1e-2 } },
	{ "layernorm", { "r301x67", "r301x67", "r67", "r67" }, { 0.1, 1e-5 } }, { "layernorm", { "r301x67", "-", "r67", "r67" }, { 0.2, 1e-5 } },
	{ "conv1d", { "r7x3", "i4:0,2,2,7", "r4x3x3", "r4" }, { 1, 1, TL_NONE } }, { "conv1d", { "r7x3", "i4:0,2,2,7", "r4x3x4", "-" }, { 1, 2, TL_TANH } },
	{ "conv1d", { "r7x3", "i4:0,2,2,7", "r4x3x3", "r4" }, { 2, 2, TL_RELU } }, { "conv1d", { "r7x3", "i3:0,3,7", "r4x3x3", "r4" }, { 0, 0, TL_GELU } },
	{ "conv1d", { "r7x3", "i3:0,3,7", "r4x3x1", "r4" }, { 0, 0, TL_SIGMOID } }, { "conv1d", { "r0x3", "i2:0,0", "r4x3x3", "r4" }, { 1, 1, TL_GELU } }, { "conv1d", { "r0x3", "i1:0", "r4x3x3", "r4" }, { 1, 1, 0 } },
	{ "conv1d", { "r7x0", "i2:0,7", "r4x0x3", "r4" }, { 1, 1, 0 } }, { "conv1d", { "r7x3", "i2:0,7", "r0x3x3", "r0" }, { 1, 1, 0 } }, { "conv1d", { "r1x1", "i2:0,1", "r1x1x1", "r1" }, { 0, 0, 0 } },
	{ "conv1d", { "r2501x57", "o2501/6", "r31x57x10", "r31" }, { 4, 5, TL_RELU } }, { "conv1d", { "r331x30", "o331/4", "r20x30x5", "r20" }, { 4, 4, TL_GELU } },
	{ "conv2d", { "r7x5", "i4:0,2,2,7", "r4x1x3x3", "r4" }, { 1, 1, TL_NONE } }, { "conv2d", { "r7x5", "i4:0,2,2,7", "r4x1x2x2", "-" }, { 0, 1, TL_RELU } },
	{ "conv2d", { "r7x5", "i3:0,3,7", "r2x1x4x4", "r2" }, { 1, 2, TL_GELU } }, { "conv2d", { "r0x5", "i2:0,0", "r4x1x3x3", "r4" }, { 1, 1, 0 } }, { "conv2d", { "r5x0", "i2:0,5", "r4x1x3x3", "r4" }, { 1, 1, 0 } },
	{ "conv2d", { "r1x1", "i2:0,1", "r1x1x1x1", "r1" }, { 0, 0, TL_TANH } }, { "conv2d", { "r501x29", "o501/5", "r3x1x10x10", "r3" }, { 4, 5, TL_RELU } },

	{ "gather", { "r5x3", "i4:4,0,-1,4" } }, { "gather", { "r5x3", "i2x3:0,1,2,-1,4,4" } }, { "gather", { "r5", "i3:1,1,4" } }, { "gather", { "r5x2x3", "i2:3,0" } }, { "gather", { "r5x3", "i0:" } },
	{ "gather", { "r0x3", "i2:-1,-1" } }, { "gather", { "r1x1", "i1:0" } }, { "gather", { "r401x33", "x3001<401" } }, { "gather", { "r20001x5", "x5001<20001" } },
	{ "scatter_add", { "r5x3", "i5:2,0,2,2,6" }, { 7 } }, { "scatter_add", { "r5", "i5:2,0,2,2,1" }, { 3 } }, { "scatter_add", { "r0x3", "i0:" }, { 4 } }, { "scatter_add", { "r0x3", "i0:" }, { 0 } },
	{ "scatter_add", { "r2x3x5", "i2:1,1" }, { 2 } }, { "scatter_add", { "r1x1", "i1:0" }, { 1 } }, { "scatter_add", { "r3001x33", "x3001<4001" }, { 4001 } },
	{ "replace_rows", { "r5x3", "i2:4,1", "r2x3" } }, { "replace_rows", { "r5x3", "i0:", "r0x3" } }, { "replace_rows", { "r0x3", "i0:", "r0x3" } }, { "replace_rows", { "r5", "i1:2", "r1" } },
	{ "replace_rows", { "r5x2x3", "i3:0,3,2", "r3x2x3" } }, { "replace_rows", { "r1x1", "i1:0", "r1x1" } }, { "replace_rows", { "r1501x33", "u700<1501", "r700x33" } },
	{ "concat", { "r5x3", "r5x4" }, { 1 } }, { "concat", { "r5x3", "r2x3", "r1x3" }, { 0 } }, { "concat", { "r5x3" }, { -1 } }, { "concat", { "r2x3x5", "r2x4x5" }, { -2 } }, { "concat", { "r0x3", "r0x3" }, { 0 } },
	{ "concat", { "r5x0", "r5x3", "r5x0" }, { 1 } }, { "concat", { "r1", "r1" }, { 0 } }, { "concat", { "r1001x33", "r1001x17", "r1001x1" }, { 1 } }, { "concat", { "r5x3", "r5x3" }, { 1 } },
	{ "slice", { "r5x3" }, { 0, 1, 4 } }, { "slice", { "r5x3" }, { 1, 0, 2 } }, { "slice", { "r5x3" }, { -1, 2, 3 } }, { "slice", { "r5x3" }, { 0, 2, 2 } }, { "slice", { "r2x5x3" }, { 1, 1, 3 } },
	{ "slice", { "r0x3" }, { 1, 0, 2 } }, { "slice", { "r1" }, { 0, 0, 1 } }, { "slice", { "r1001x67" }, { 1, 33, 60 } },
	{ "reshape", { "r5x6" }, { 3, 5, 2, 3, 0 } }, { "reshape", { "r5x6" }, { 2, 3, -1, 0, 0 } }, { "reshape", { "r5x6" }, { 1, 30, 0, 0, 0 } }, { "reshape", { "r1" }, { 0, 0, 0, 0, 0 } },
	{ "reshape", { "r0x6" }, { 2, 6, 0, 0, 0 } }, { "reshape", { "r301x127" }, { 1, -1, 0, 0, 0 } },
	{ "transpose", { "r5x3" } }, { "transpose", { "r2x5x3" } }, { "transpose", { "r0x3" } }, { "transpose", { "r5x0" } }, { "transpose", { "r1x1" } }, { "transpose", { "r301x127" } }, { "transpose", { "r2x3x35x37" } },
	{ "repeat", { "r5x3" }, { 4 } }, { "repeat", { "r." }, { 3 } }, { "repeat", { "r5" }, { 0 } }, { "repeat", { "r0x3" }, { 2 } }, { "repeat", { "r1" }, { 1 } }, { "repeat", { "r301x127" }, { 3 } },

	{ "sum", { "r5x3" } }, { "sum", { "r0x3" } }, { "sum", { "r." } }, { "sum", { "r301x127" } },
	{ "mean", { "r5x3" } }, { "mean", { "r0x3" } }, { "mean", { "r." } }, { "mean", { "r301x127" } },
	{ "row_sum", { "r5x3" } }, { "row_sum", { "r2x5x3" } }, { "row_sum", { "r0x3" } }, { "row_sum", { "r5x0" } }, { "row_sum", { "r1" } }, { "row_sum", { "r301x127" } }, { "row_sum", { "r3x2501" } },
	{ "row_max", { "r5x3" } }, { "row_max", { "r2x5x3" } }, { "row_max", { "r0x3" } }, { "row_max", { "r1" } }, { "row_max", { "r301x127" } },
	{ "softmax", { "r5x3" } }, { "softmax", { "r2x5x3" } }, { "softmax", { "r0x3" } }, { "softmax", { "r5x0" } }, { "softmax", { "r1" } }, { "softmax", { "w5x7" } }, { "softmax", { "r301x127" } }, { "softmax", { "r2x2501" } },
	{ "logsumexp", { "r5x3", "-" } }, { "logsumexp", { "r5x3", "c5x3" } }, { "logsumexp", { "r5x3", "z5x3" } }, { "logsumexp", { "r4x1", "z4x1" } }, { "logsumexp", { "r0x3", "-" } }, { "logsumexp", { "r5x0", "-" } },
	{ "logsumexp", { "r2x5x3", "c2x5x3" } }, { "logsumexp", { "r1", "-" } }, { "logsumexp", { "w5x7", "z5x7" } }, { "logsumexp", { "r301x127", "c301x127" } }, { "logsumexp", { "r2x2501", "z2x2501" } },
	{ "l2_normalize", { "r5x3" } }, { "l2_normalize", { "r2x5x3" } }, { "l2_normalize", { "r0x3" } }, { "l2_normalize", { "r5x0" } }, { "l2_normalize", { "r2" } }, { "l2_normalize", { "r1" } }, { "l2_normalize", { "r301x127" } }, { "l2_normalize", { "r2x2501" } },
	{ "segment_sum", { "r7x3", "i4:0,2,2,7" } }, { "segment_sum", { "r7", "i4:0,2,2,7" } }, { "segment_sum", { "r7x2x3", "i2:0,7" } }, { "segment_sum", { "r0x3", "i3:0,0,0" } }, { "segment_sum", { "r0x3", "i1:0" } },
	{ "segment_sum", { "r1x1", "i2:0,1" } }, { "segment_sum", { "r701x301", "o701/9" } },
	{ "segment_mean", { "r7x3", "i4:0,2,2,7" } }, { "segment_mean", { "r7", "i4:0,2,2,7" } }, { "segment_mean", { "r7x2x3", "i2:0,7" } }, { "segment_mean", { "r0x3", "i3:0,0,0" } },
	{ "segment_mean", { "r1x1", "i2:0,1" } }, { "segment_mean", { "r701x301", "o701/9" } },
	{ "segment_max", { "r7x3", "i4:0,2,2,7" } }, { "segment_max", { "r7", "i4:0,2,2,7" } }, { "segment_max", { "r7x2x3", "i2:0,7" } }, { "segment_max", { "r0x3", "i3:0,0,0" } },
	{ "segment_max", { "r1x1", "i2:0,1" } }, { "segment_max", { "r701x301", "o701/9" } },
	{ "segment_softmax", { "r7x3", "i4:0,2,2,7" } }, { "segment_softmax", { "r7", "i4:0,2,2,7" } }, { "segment_softmax", { "w7x3", "i2:0,7" } }, { "segment_softmax", { "r0x3", "i3:0,0,0" } },
	{ "segment_softmax", { "r1x1", "i2:0,1" } }, { "segment_softmax", { "r701x301", "o701/9" } },

	{ "bce", { "r4x5", "i5:0,2,2,3,5", "i5:0,3,4,1,2" }, { TL_MEAN } }, { "bce", { "r4x5", "i5:0,2,2,3,5", "i5:0,3,4,1,2" }, { TL_SUM_LABELS } }, { "bce", { "r4x5", "i5:0,2,2,3,5", "i5:0,3,4,1,2" }, { TL_SUM } },
	{ "bce", { "w4x5", "i5:0,2,2,3,5", "i5:0,3,4,1,2" }, { TL_SUM } }, { "bce", { "r0x5", "i1:0", "i0:" }, { TL_MEAN } }, { "bce", { "r2x0", "i3:0,0,0", "i0:" }, { TL_SUM_LABELS } },
	{ "bce", { "r1x1", "i2:0,1", "i1:0" }, { TL_MEAN } }, { "bce", { "r16x2501", "l16<2501", "m16<2501" }, { TL_MEAN } }, { "bce", { "r3x20001", "l3<20001", "m3<20001" }, { TL_SUM_LABELS } },
	{ "linear_bce", { "r4x3", "r5x3", "r5", "i5:0,2,2,3,5", "i5:0,3,4,1,2" }, { TL_MEAN } }, { "linear_bce", { "r4x3", "r5x3", "-", "i5:0,2,2,3,5", "i5:0,3,4,1,2" }, { TL_SUM_LABELS } },
	{ "linear_bce", { "w4x3", "r5x3", "r5", "i5:0,2,2,3,5", "i5:0,3,4,1,2" }, { TL_SUM } }, { "linear_bce", { "r0x3", "r5x3", "r5", "i1:0", "i0:" }, { TL_MEAN } },
	{ "linear_bce", { "r2x3", "r0x3", "r0", "i3:0,0,0", "i0:" }, { TL_SUM_LABELS } }, { "linear_bce", { "r1x1", "r1x1", "r1", "i2:0,1", "i1:0" }, { TL_MEAN } },
	{ "linear_bce", { "r2x0", "r5x0", "r5", "i3:0,1,2", "i2:4,0" }, { TL_MEAN } },
	{ "linear_bce", { "r16x7", "r9001x7", "r9001", "l16<9001", "m16<9001" }, { TL_MEAN } }, { "linear_bce", { "r16x33", "r301x33", "r301", "l16<301", "m16<301" }, { TL_SUM_LABELS } },
	{ "softmax_loss", { "r4x5", "i5:0,2,2,3,5", "i5:0,3,4,1,2" } }, { "softmax_loss", { "w4x5", "i5:0,2,2,3,5", "i5:0,3,4,1,2" } }, { "softmax_loss", { "r0x5", "i1:0", "i0:" } }, { "softmax_loss", { "r2x0", "i3:0,0,0", "i0:" } },
	{ "softmax_loss", { "r1x1", "i2:0,1", "i1:0" } }, { "softmax_loss", { "r16x2501", "l16<2501", "m16<2501" } },
	{ "bce_dense", { "r5x3", "c5x3", "-" } }, { "bce_dense", { "r5x3", "c5x3", "z5x3" } }, { "bce_dense", { "w5x3", "c5x3", "-" } }, { "bce_dense", { "r0x3", "c0x3", "-" } }, { "bce_dense", { "r.", "c.", "c." } },
	{ "bce_dense", { "r301x127", "c301x127", "c301x127" } },
	{ "mse", { "r5x3", "r5x3" } }, { "mse", { "r0x3", "r0x3" } }, { "mse", { "r.", "r." } }, { "mse", { "r301x127", "r301x127" } },
	{ "linear_best", { "c4x3", "c9x3", "c9" }, { 4 } }, { "linear_best", { "c4x3", "c9x3", "-" }, { 9 } }, { "linear_best", { "c0x3", "c9x3", "c9" }, { 2 } }, { "linear_best", { "c4x3", "c0x3", "c0" }, { 0 } },
	{ "linear_best", { "c1x1", "c1x1", "c1" }, { 1 } }, { "linear_best", { "c5x7", "c9001x7", "c9001" }, { 55 } }, { "linear_best", { "c33x5", "c4097x5", "-" }, { 1 } },
	{ "topk", { "r5x7" }, { 3 } }, { "topk", { "r5x7" }, { 7 } }, { "topk", { "r7" }, { 1 } }, { "topk", { "r5x7" }, { 0 } }, { "topk", { "r0x7" }, { 2 } }, { "topk", { "r1x1" }, { 1 } }, { "topk", { "r5x20001" }, { 55 } },
	{ "corank_select", { "r5x7", "q7", "Q7", "c21", "-", "y7" }, { 4, 0.6, 3 } }, { "corank_select", { "r5x7", "q7", "Q7", "c21", "c7", "y7" }, { 7, 0.6, 2 } }, { "corank_select", { "r5x7", "q7", "Q7", "c21", "-", "y7" }, { 1, 0.3, 3 } },
	{ "corank_select", { "r5x7", "q7", "Q7", "c21", "-", "y7" }, { 3, 0.3, 0 } }, { "corank_select", { "r5x7", "i8:0,0,0,0,0,0,0,0", "i0:", "c0", "-", "y7" }, { 5, 0.5, 3 } }, { "corank_select", { "r0x7", "q7", "Q7", "c21", "-", "y7" }, { 3, 0.3, 3 } },
	{ "corank_select", { "r1x1", "i2:0,0", "i0:", "c0", "-", "i1:0" }, { 1, 0.5, 3 } }, { "corank_select", { "r33x2501", "q2501", "Q2501", "c7503", "-", "y2501" }, { 35, 0.8, 3 } },
};

/* What does not fit: the sentence names the op and says these words. */
static const refusal refusals[] = {
	{ "add", { "r5x3", "r4" }, { 0 }, "[4]" }, { "sub", { "r5x3", "r5" }, { 0 }, "[5]" }, { "mul", { "r3", "r5x3" }, { 0 }, "[5, 3]" }, { "div", { "r5x3", "p5x1" }, { 0 }, "[5, 1]" },
	{ "scale", { "i1:0" }, { 1, 0 }, "integers" }, { "activate", { "r3" }, { 17 }, "17" }, { "exp", { "i1:0" }, { 0 }, "integers" }, { "log", { "i1:0" }, { 0 }, "integers" }, { "dropout", { "r3" }, { 1.5 }, "1.5" },
	{ "dropout", { "r3" }, { -0.5 }, "-0.5" }, { "mul_rows", { "r5x3", "r3" }, { 0 }, "[3]" }, { "mul_rows", { "r.", "r1" }, { 0 }, "scalar" },
	{ "linear", { "r5x3", "r7x4", "r7" }, { 0 }, "[5, 3]" }, { "linear", { "r5x3", "r7x3", "r6" }, { 0 }, "[6]" }, { "linear", { "r5x3", "r7x3", "-" }, { 9 }, "9" },
	{ "matmul", { "r5x3", "r4x7" }, { 0, 0 }, "" }, { "matmul", { "r2x5x3", "r3x3x7" }, { 0, 0 }, "" }, { "matmul", { "r5", "r5x2" }, { 0, 0 }, "[5]" },
	{ "packed_matmul", { "r7x3", "i2:0,7", "r5x4" }, { 0 }, "[5, 4]" }, { "packed_matmul", { "r7x3", "i2:0,7", "r2x5x3" }, { 0 }, "one block for each document" },
	{ "packed_matmul", { "r7x3", "i3:0,8,7", "r5x3" }, { 0 }, "ascending" }, { "packed_matmul", { "r7x3", "i2:0,6", "r5x3" }, { 0 }, "6" }, { "packed_matmul", { "r7x3", "i0:", "r5x3" }, { 0 }, "no entry" },
	{ "packed_sum", { "r7x4", "i2:0,7", "r6x3" }, { 0 }, "[6, 3]" }, { "packed_sum", { "r7x4", "i2:1,7", "r7x3" }, { 0 }, "wanted 0" },
	{ "additive_scores", { "r7x5", "i2:0,7", "r3x4", "r5" }, { 0 }, "[3, 4]" }, { "additive_scores", { "r7x5", "i2:0,7", "r3x5", "r4" }, { 0 }, "[4]" }, { "additive_scores", { "r7x5", "i2:0,9", "r3x5", "r5" }, { 0 }, "9" },
	{ "attention", { "r7x6", "i2:0,7", "r9x6", "r9x6", "i2:0,9" }, { 4, 0 }, "4" }, { "attention", { "r7x6", "i2:0,7", "r9x6", "r8x6", "i2:0,9" }, { 2, 0 }, "" },
	{ "attention", { "r7x6", "i2:0,7", "r9x6", "r9x6", "i3:0,4,9" }, { 2, 0 }, "" }, { "attention", { "r7x6", "i3:0,9,7", "r9x6", "r9x6", "i3:0,4,9" }, { 2, 0 }, "ascending" },
	{ "layernorm", { "r5x7", "r5x6", "r7", "r7" }, { 0, 1e-5 }, "" }, { "layernorm", { "r5x7", "-", "r6", "r7" }, { 0, 1e-5 }, "[6]" },
	{ "conv1d", { "r7x3", "i2:0,7", "r4x2x3", "-" }, { 1, 1, 0 }, "[4, 2, 3]" }, { "conv1d", { "r7x3", "i2:0,7", "r4x3x3", "r3" }, { 1, 1, 0 }, "[3]" }, { "conv1d", { "r7x3", "i3:0,1,7", "r4x3x3", "-" }, { 0, 0, 0 }, "document 0 has 1 rows" },
	{ "conv1d", { "r2x3", "i2:0,2", "r4x3x5", "-" }, { 0, 0, 0 }, "leaves nothing" }, { "conv1d", { "r7x3", "i2:0,7", "r4x3x3", "-" }, { -1, 1, 0 }, "-1" }, { "conv1d", { "r7x3", "i2:0,7", "r4x3x0", "-" }, { 0, 0, 0 }, "at least 1" },
	{ "conv2d", { "r7x3", "i2:0,7", "r4x1x3x3", "-" }, { 1, 2, 0 }, "window - 1" }, { "conv2d", { "r7x3", "i2:0,7", "r4x1x3x2", "-" }, { 1, 0, 0 }, "square" }, { "conv2d", { "r7x3", "i2:0,7", "r4x2x3x3", "-" }, { 1, 1, 0 }, "one channel" },
	{ "gather", { "r5x3", "i2:0,5" }, { 0 }, "5" }, { "gather", { "r5x3", "i2:0,-2" }, { 0 }, "-2" }, { "gather", { "r.", "i1:0" }, { 0 }, "" },
	{ "scatter_add", { "r5x3", "i4:0,0,0,0" }, { 7 }, "[4]" }, { "scatter_add", { "r2x3", "i2:0,7" }, { 7 }, "7" }, { "scatter_add", { "r2x3", "i2:0,-1" }, { 7 }, "-1" }, { "scatter_add", { "r2x3", "i2:0,0" }, { -7 }, "-7" },
	{ "replace_rows", { "r5x3", "i2:1,1", "r2x3" }, { 0 }, "second time" }, { "replace_rows", { "r5x3", "i2:1,5", "r2x3" }, { 0 }, "5" }, { "replace_rows", { "r5x3", "i2:1,0", "r2x4" }, { 0 }, "[2, 4]" },
	{ "replace_rows", { "r5x3", "i2:1,0", "r3x3" }, { 0 }, "[3, 3]" },
	{ "concat", { "r5x3", "r4x3" }, { 1 }, "[4, 3]" }, { "concat", { "r5x3", "r5" }, { 1 }, "[5]" }, { "concat", { "r5x3" }, { 2 }, "2" }, { "concat", { NULL }, { 0 }, "at least one" },
	{ "slice", { "r5x3" }, { 0, 1, 6 }, "6" }, { "slice", { "r5x3" }, { 0, 3, 2 }, "3 to 2" }, { "slice", { "r5x3" }, { 2, 0, 1 }, "2" }, { "slice", { "r." }, { 0, 0, 1 }, "scalar" },
	{ "reshape", { "r5x6" }, { 2, 4, 7, 0, 0 }, "" }, { "reshape", { "r5x6" }, { 2, -1, 7, 0, 0 }, "" }, { "transpose", { "r5" }, { 0 }, "[5]" }, { "repeat", { "r5" }, { -1 }, "-1" }, { "repeat", { "r1x1x1x1" }, { 2 }, "rank" },
	{ "sum", { "i1:0" }, { 0 }, "integers" }, { "mean", { "i1:0" }, { 0 }, "integers" }, { "row_sum", { "r." }, { 0 }, "scalar" }, { "row_max", { "r5x0" }, { 0 }, "[5, 0]" }, { "row_max", { "r." }, { 0 }, "scalar" },
	{ "softmax", { "r." }, { 0 }, "scalar" }, { "logsumexp", { "r5x3", "c3" }, { 0 }, "[3]" }, { "logsumexp", { "r.", "-" }, { 0 }, "scalar" }, { "logsumexp", { "r3", "r3" }, { 0 }, "not negative" },
	{ "l2_normalize", { "r." }, { 0 }, "scalar" }, { "segment_sum", { "r7x3", "i3:0,5,4" }, { 0 }, "ascending" }, { "segment_sum", { "r.", "i2:0,1" }, { 0 }, "scalar" }, { "segment_mean", { "r7x3", "i2:0,8" }, { 0 }, "8" },
	{ "segment_max", { "r7x3", "i2:0,8" }, { 0 }, "8" }, { "segment_softmax", { "r7x3", "i1x2:0,7" }, { 0 }, "[1, 2]" }, { "segment_softmax", { "r7x3", "i2:0,6" }, { 0 }, "6" },
	{ "bce", { "r2x5", "i2:0,1", "i1:0" }, { 0 }, "one more than there are rows" }, { "bce", { "r1x5", "i2:0,1", "i1:5" }, { 0 }, "5" }, { "bce", { "r1x5", "i2:0,2", "i2:3,3" }, { 0 }, "each label once" }, { "bce", { "r1x5", "i2:0,1", "i1:0" }, { 7 }, "7" },
	{ "linear_bce", { "r2x3", "r5x4", "r5", "i3:0,1,1", "i1:0" }, { 0 }, "[2, 3]" }, { "linear_bce", { "r2x3", "r5x3", "r4", "i3:0,1,1", "i1:0" }, { 0 }, "[4]" }, { "linear_bce", { "r2x3", "r5x3", "r5", "i2:0,1", "i1:0" }, { 0 }, "one more than there are rows" },
	{ "linear_bce", { "r1x3", "r5x3", "r5", "i2:0,1", "i1:5" }, { 0 }, "5" }, { "linear_bce", { "r1x3", "r5x3", "r5", "i2:0,2", "i2:3,3" }, { 0 }, "each label once" }, { "linear_bce", { "r1x3", "r5x3", "r5", "i2:0,1", "i1:0" }, { 7 }, "7" },
	{ "linear_best", { "r2x3", "r5x4", "r5" }, { 1 }, "[2, 3]" }, { "linear_best", { "r2x3", "r5x3", "r4" }, { 1 }, "[4]" }, { "linear_best", { "r2x3", "r5x3", "r5" }, { 6 }, "6" }, { "linear_best", { "r2x3", "r5x3", "r5" }, { -1 }, "-1" },
	{ "softmax_loss", { "r5", "i2:0,1", "i1:0" }, { 0 }, "[5]" }, { "softmax_loss", { "r1x5", "i2:0,1", "i1:-1" }, { 0 }, "-1" }, { "bce_dense", { "r5x3", "c5x2", "-" }, { 0 }, "[5, 2]" }, { "bce_dense", { "r5x3", "c5x3", "c3" }, { 0 }, "[3]" },
	{ "mse", { "r5x3", "r3" }, { 0 }, "[3]" }, { "topk", { "r5x3" }, { 4 }, "4" }, { "topk", { "r5x3" }, { -1 }, "-1" },
	{ "corank_select", { "r5x7", "q7", "Q7", "c21", "-", "y7" }, { 8, 0.3, 3 }, "8" }, { "corank_select", { "r5x7", "q7", "Q7", "c20", "-", "y7" }, { 3, 0.3, 3 }, "[20]" }, { "corank_select", { "r5x7", "q6", "Q6", "c18", "-", "y7" }, { 3, 0.3, 3 }, "[7]" },
	{ "corank_select", { "r5x7", "q7", "Q7", "c21", "-", "i7:0,1,2,3,4,5,5" }, { 3, 0.3, 3 }, "same place" }, { "corank_select", { "r5x7", "q7", "Q7", "c21", "-", "i7:0,1,2,3,4,5,7" }, { 3, 0.3, 3 }, "7" },
	{ "corank_select", { "r5x7", "q7", "Q7", "c21", "c6", "y7" }, { 3, 0.3, 3 }, "[6]" }, { "corank_select", { "r5x7", "q7", "Q7", "c21", "z7", "y7" }, { 3, 0.3, 3 }, "co_total[0]" },
	{ "corank_select", { "r5x7", "q7", "x21<70", "c21", "-", "y7" }, { 3, 0.3, 3 }, "" },
};

#endif
