/*
 * late.c - what a device computes for the record (losses, the gradient's norm) arrives while the next steps are already under way. A slot
 * belongs to one step: memory into which the device copies, and an event behind the copies. Slots are looked at in the order of the
 * steps, so the record is the same as if every step had been waited for.
 */
#include "run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 4 }; /* steps under way at most, the present one among them */

struct batch { int n; double share; };
struct slot {
	int64_t epoch, step;
	double factor;
	int n;                   /* batches */
	struct batch *batch;     /* [accumulate] */
	const char **part;       /* [accumulate, parts] names, as their weights */
	double *weight;
	float *value;            /* [accumulate, parts], and */
	double *norm;            /* the norm: both in memory that the device copies to */
	void *event;
};

struct tl_late {
	struct slot slot[SLOTS];
	int parts, first, under_way;
	double *value;           /* [parts] */
};

static int
told(tl_run *run, int status)
{
	return status ? tl_error_set(run->e, TL_FAILED, "epoch %lld, step %lld: %s", (long long)run->p.epoch, (long long)run->p.step + 1, run->device->error) : 0;
}

int
tl_late_open(tl_run *run)
{
	tl_device *d = run->device;
	size_t rows = (size_t)run->plan.accumulate;
	struct tl_late *l;

	if (!d)
		return 0;
	l = run->late = tl_alloc(sizeof *l);
	l->parts = tl_model_loss_parts(run->m) + 1;
	l->value = tl_alloc((size_t)l->parts * sizeof *l->value);
	for (int i = 0; i < SLOTS; i++) {
		struct slot *s = &l->slot[i];
		size_t n = rows * (size_t)l->parts;
		s->batch = tl_alloc(rows * sizeof *s->batch);
		s->part = tl_alloc(n * sizeof *s->part);
		s->weight = tl_alloc(n * sizeof *s->weight);
		s->event = d->event(d);
		s->value = d->alloc_host(d, n * sizeof *s->value);
		s->norm = d->alloc_host(d, sizeof *s->norm);
		if (!s->event || !s->value || !s->norm)
			return tl_error_set(run->e, TL_ENVIRONMENT, "%s", d->error);
	}
	return 0;
}

void
tl_late_close(tl_run *run)
{
	struct tl_late *l = run->late;
	tl_device *d = run->device;

	if (!l)
		return;
	d->wait(d);
	for (int i = 0; i < SLOTS; i++) {
		struct slot *s = &l->slot[i];
		free(s->batch);
		free(s->part);
		free(s->weight);
		d->event_free(d, s->event);
		if (s->value)
			d->release_host(d, s->value);
		if (s->norm)
			d->release_host(d, s->norm);
	}
	free(l->value);
	free(l);
	run->late = NULL;
}

static struct slot *
present(struct tl_late *l)
{
	return &l->slot[(l->first + l->under_way) % SLOTS];
}

float *
tl_late_room(tl_run *run)
{
	struct tl_late *l = run->late;
	struct slot *s = l ? present(l) : NULL;

	return s ? s->value + (size_t)s->n * (size_t)l->parts : NULL;
}

void
tl_late_batch(tl_run *run, const tl_outcome *out, double share)
{
	struct tl_late *l = run->late;
	struct slot *s = present(l);
	size_t at = (size_t)s->n * (size_t)l->parts;

	s->batch[s->n++] = (struct batch){ out->n_parts, share };
	for (int i = 0; i < out->n_parts; i++) {
		s->part[at + (size_t)i] = out->part[i];
		s->weight[at + (size_t)i] = out->weight[i];
	}
}

/* The oldest step: its losses, then its norm, then the record. */
static int
look(tl_run *run)
{
	struct tl_late *l = run->late;
	struct slot *s = &l->slot[l->first];

	if (told(run, run->device->await(run->device, s->event)))
		return -1;
	run->total = 0;
	for (int b = 0; b < s->n; b++) {
		size_t at = (size_t)b * (size_t)l->parts;
		tl_outcome out = { .n_parts = s->batch[b].n, .part = s->part + at, .value = l->value };
		for (int i = 0; i < out.n_parts; i++) {
			l->value[i] = s->value[at + (size_t)i];
			out.total += s->weight[at + (size_t)i] * l->value[i];
		}
		if (!isfinite(out.total))
			return tl_run_loss_failed(run, &out, s->epoch, s->step);
		tl_run_add_losses(run, &out, s->batch[b].share, b == 0);
	}
	if (!isfinite(*s->norm))
		return tl_run_gradient_failed(run, s->epoch, s->step);
	l->first = (l->first + 1) % SLOTS;
	l->under_way--;
	return tl_run_record_step(run, s->step, s->factor, *s->norm);
}

int
tl_late_step(tl_run *run, double factor)
{
	struct tl_late *l = run->late;
	struct slot *s = present(l);

	s->epoch = run->p.epoch;
	s->step = run->p.step + 1;
	s->factor = factor;
	if (told(run, tl_optimizer_step_there(run->opt, factor, s->norm) || run->device->record(run->device, s->event)))
		return -1;
	if (++l->under_way == SLOTS && look(run))
		return -1;
	present(l)->n = 0;
	return 0;
}

int
tl_late_drain(tl_run *run)
{
	while (run->late && run->late->under_way)
		if (look(run))
			return -1;
	if (run->late)
		present(run->late)->n = 0;
	return 0;
}
