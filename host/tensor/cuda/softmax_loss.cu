/* softmax_loss.cu - 1/B sum_i sum_{j in Y_i} -log softmax(logits_i)_j. Kept: the log-sum-exp of each row. */
#include "tensor/cuda/lists.h"
#include "tensor/cuda/team.h"

template <class T> static int
forward(tl_op_call *c)
{
	const T *z = (const T *)c->in[0].data;
	int64_t n = c->in[0].dim[0], labels = c->in[0].dim[1];
	float *lse = (float *)c->saved[0].data;
	double *loss = (double *)tl_scratch(c->ctx, (size_t)n * sizeof *loss);
	tl_lists lists = tl_lists_of(c, 1, labels, TL_ROW_softmax_loss);

	if (!loss || tl_lists_check(c, 1, labels) || tl_each_team(c, n, labels, [=] __device__ (int64_t row, tl_team t) {
		int32_t from = lists.at[row], to = lists.at[row + 1];
		float most = -INFINITY;
		double sum = 0, end;
		for (int64_t k = t.rank; k < labels && from < to; k += t.size)
			most = tl_larger(tl_get(z, row * labels + k), most);
		most = t.max(most);
		for (int64_t k = t.rank; k < labels && from < to; k += t.size)
			sum += (double)expf(tl_get(z, row * labels + k) - most);
		end = most + log(t.sum(sum));
		sum = 0;
		for (int64_t k = from + t.rank; k < to; k += t.size) {
			int64_t at = tl_lists_at(lists, k);
			sum += at < 0 ? 0 : end - (double)tl_get(z, at);
		}
		sum = t.sum(sum);
		if (!t.rank) {
			lse[row] = (float)end;
			loss[row] = sum;
		}
	}))
		return -1;
	return tl_parts_end(c, n, loss, n ? 1 / (double)n : 0, (T *)c->out.data);
}

template <class T> static int
backward(tl_op_call *c)
{
	const T *z = (const T *)c->in[0].data, *g = (const T *)c->grad_out;
	T *gz = (T *)c->grad_in[0];
	const float *lse = (const float *)c->saved[0].data;
	int64_t n = c->in[0].dim[0], labels = c->in[0].dim[1];
	tl_lists lists = tl_lists_of(c, 1, labels, TL_ROW_softmax_loss);
	bool fresh = c->grad_fresh[0];

	if (tl_each(c, c->in[0].count, [=] __device__ (int64_t i) {
		int64_t row = tl_divide(i, labels);
		float by = tl_get(g, 0) / (float)n * (float)(lists.at[row + 1] - lists.at[row]);
		tl_add_to(gz, i, lists.at[row + 1] > lists.at[row] ? by * expf(tl_get(z, i) - lse[row]) : 0, fresh);
	}))
		return -1;
	return tl_each(c, lists.count, [=] __device__ (int64_t k) {
		int64_t at = tl_lists_at(lists, k);
		if (at >= 0)
			tl_add_to(gz, at, -tl_get(g, 0) / (float)n, false);
	});
}

TL_CUDA_OP(softmax_loss)
