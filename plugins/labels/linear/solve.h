/* solve.h - what the files of the module share: its parameters, the problem of all labels, and the two ways to solve it. */
#ifndef LINEAR_SOLVE_H
#define LINEAR_SOLVE_H

#include "tagloom/plugin.h"

enum { SQUARED_HINGE, LOGISTIC };
enum { LANES = 16 }; /* labels solved together: one cache line of floats */

/* The fitted weights by feature: those of feature f are entries offsets[f] .. offsets[f + 1] - 1; feature `width` is the constant. */
struct linear {
	int loss;
	double c, tolerance, bias;
	int64_t iterations;
	const tl_features *features;
	tl_tensor *logits;
	int64_t width, n_labels, *offsets;
	int32_t *label;
	float *weight;
};

struct sparse { int64_t n; int32_t *index; float *value; };

struct problem {
	const struct linear *self;
	const tl_fit *data;
	double *square;              /* [n] |x_i|^2, the constant included */
	int32_t **documents;         /* [L] documents that have the label */
	int64_t *n_documents;        /* [L] */
	int32_t *by_frequency;       /* [L] labels, most frequent first */
	int64_t n_blocks;
	struct sparse *out;          /* [L] weights that are not zero; feature `width` is the constant */
	bool failed;
};

/* For tl_parallel: one label in double precision; a block of labels in single precision (squared hinge). */
void linear_solve_label(void *problem, int64_t label);
void linear_solve_block(void *problem, int64_t block);
/* w = sum of alpha_i y_i x_i over the documents with alpha_i > 0: what the steps added up, without their rounding. alpha lies `stride` apart.
 * w [width + 1] is scratch and left zero. 0, or -1 without memory. */
int linear_keep(const struct problem *p, int64_t label, const float *alpha32, const double *alpha, int64_t stride, double *w);
/* A permutation of order[0 .. n) from the stream. */
void linear_shuffle(tl_stream *s, int32_t *order, int64_t n);

#endif
