/*
 * lgfs - label-guided feature selection (SEP-MLDC, eq. 16-18): the document attends over the label vectors, and what it finds is put before it.
 *
 *   alpha = softmax(e_x e_y^T) over the labels;   doc = [alpha e_y ; e_x]       [B, 2d], no weights
 *
 * What differs from the paper: nothing; neither normalised nor scaled, as printed.
 */
#include "tagloom/plugin.h"

struct lgfs {
	tl_tensor *x, *label_hidden, *doc; /* [B, d] [L, d] [B, 2d] */
};

static const tl_slot reads[] = {
	{ .name = "doc", .at = offsetof(struct lgfs, x), .shape = "B d", .doc = "e_x" },
	{ .name = "label_hidden", .at = offsetof(struct lgfs, label_hidden), .shape = "L d", .doc = "e_y" },
	{ 0 }
};
static const tl_slot writes[] = { { .name = "doc", .at = offsetof(struct lgfs, doc), .shape = "B 2*d", .doc = "[alpha e_y ; e_x]" }, { 0 } };

static int
forward(tl_ctx *ctx, void *p)
{
	struct lgfs *self = p;
	tl_tensor *alpha = tl_softmax(ctx, tl_matmul(ctx, self->x, self->label_hidden, 0, 1)); /* [B, L] */

	self->doc = tl_concat(ctx, (tl_tensor *[]){ tl_matmul(ctx, alpha, self->label_hidden, 0, 0), self->x }, 2, 1);
	return tl_status(ctx);
}

static const tl_module module = { .size = sizeof(tl_module), .forward = forward };

const tl_plugin tagloom_plugin = {
	TL_LABEL(struct lgfs),
	.name = "lgfs",
	.version = "1.0",
	.summary = "label-guided feature selection",
	.citation = "SEP-MLDC, eq. 16-18",
	.reads = reads,
	.writes = writes,
	.module = &module,
};
