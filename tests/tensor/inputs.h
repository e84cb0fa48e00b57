/*
 * inputs.h - tensors for tests, written as words. A word is a kind, a shape and, for integers, values:
 *
 *   r5x3   real, a variable, uniform in (-1.5, 1.5)       p5x3   positive, in (0.5, 2)        w5x3   wide, in (-30, 30)
 *   c5x3   a constant, in (0.1, 1.1)                      z5x3   a constant, every third one 0, the others in (0.1, 1.1)
 *   r.     a scalar                                       -      no tensor (NULL)
 *   i3:0,2,5     integers                                 i2x2:1,0,0,1
 *   o700/5       offsets of 5 segments over 700 rows, uneven, the first ones empty or short
 *   x300<700     300 indexes below 700                    u50<700    50 distinct ones           y50    a permutation of 50
 *   l16<500      offsets of 16 label lists over 500 labels, and m16<500 the labels
 *   q500, Q500   offsets and indexes of 500 rows of 3 entries each
 */
#ifndef TESTS_TENSOR_INPUTS_H
#define TESTS_TENSOR_INPUTS_H

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/core.h"

typedef struct input {
	char kind;       /* 'r' a variable, 'c' a constant, 'i' integers, '-' none */
	int rank;
	int64_t dim[TL_MAX_RANK], count;
	double *real;    /* float values, so that both types compute from the same numbers */
	int32_t *ints;
} input;

/* Uniform in [0, 1), the same numbers on every run. */
static double
unit(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (double)(*state >> 40) / 16777216.0;
}

static int64_t
number(const char **s)
{
	char *end;
	int64_t n = strtoll(*s, &end, 10);

	*s = end;
	return n;
}

/* A shape such as 5x3, or "." */
static void
read_shape(input *x, const char **s)
{
	x->rank = 0;
	x->count = 1;
	if (**s == '.') {
		++*s;
		return;
	}
	do {
		*s += **s == 'x';
		x->dim[x->rank] = number(s);
		x->count *= x->dim[x->rank++];
	} while (**s == 'x');
}

static void
ints_of(input *x, int64_t n)
{
	x->kind = 'i';
	x->rank = 1;
	x->dim[0] = x->count = n;
	x->ints = calloc((size_t)n + 1, sizeof *x->ints);
}

static int64_t
list_length(int64_t document)
{
	return document * 7 % 4;
}

static void
read_ints(input *x, char kind, const char *s)
{
	int64_t n = number(&s), k = *s ? (s++, number(&s)) : 0, step = 1, at = 0;

	switch (kind) {
	case 'o':
		ints_of(x, k + 1);
		for (int64_t i = 0; i <= k; i++)
			x->ints[i] = (int32_t)(n * i * i / (k * k));
		break;
	case 'x':
		ints_of(x, n);
		for (int64_t i = 0; i < n; i++)
			x->ints[i] = (int32_t)((i * i * 31 + i * 7) % k);
		break;
	case 'u':
		ints_of(x, n);
		for (int64_t i = 0; i < n; i++)
			x->ints[n - 1 - i] = (int32_t)(i * (k / n));
		break;
	case 'y':
		ints_of(x, n);
		for (step = 7; n % step == 0;)
			step += 2;
		for (int64_t i = 0; i < n; i++)
			x->ints[i] = (int32_t)((i * step + 3) % n);
		break;
	case 'l':
		ints_of(x, n + 1);
		for (int64_t i = 0; i < n; i++)
			x->ints[i + 1] = x->ints[i] + (int32_t)list_length(i);
		break;
	case 'm':
		for (int64_t i = 0; i < n; i++)
			at += list_length(i);
		ints_of(x, at);
		at = 0;
		for (int64_t i = 0; i < n; i++)
			for (int64_t j = 0; j < list_length(i); j++)
				x->ints[at++] = (int32_t)((i * 5 + j) % (k / 4) + j * (k / 4));
		break;
	case 'q':
		ints_of(x, n + 1);
		for (int64_t i = 0; i <= n; i++)
			x->ints[i] = (int32_t)(3 * i);
		break;
	case 'Q':
		ints_of(x, 3 * n);
		for (int64_t i = 0; i < n; i++)
			x->ints[3 * i] = (int32_t)((i + 1) % n), x->ints[3 * i + 1] = (int32_t)((i + 8) % n), x->ints[3 * i + 2] = (int32_t)((i + n / 2) % n);
		break;
	}
}

static input
read_input(const char *s, uint64_t seed)
{
	input x = { .kind = *s };
	uint64_t state = seed * 0x9E3779B97F4A7C15u + 12345;

	if (*s == '-')
		return x;
	if (strchr("oxuylmqQ", *s)) {
		read_ints(&x, *s, s + 1);
		return x;
	}
	s++;
	read_shape(&x, &s);
	if (x.kind == 'i') {
		x.ints = calloc((size_t)x.count + 1, sizeof *x.ints);
		for (int64_t i = 0; i < x.count; i++) {
			s++;
			x.ints[i] = (int32_t)number(&s);
		}
		return x;
	}
	x.real = calloc((size_t)x.count + 1, sizeof *x.real);
	unit(&state);
	for (int64_t i = 0; i < x.count; i++) {
		double u = unit(&state);

		x.real[i] = (float)(x.kind == 'r' ? 3 * u - 1.5 : x.kind == 'p' ? 0.5 + 1.5 * u : x.kind == 'w' ? 60 * u - 30 : 0.1 + u);
		if (x.kind == 'z' && i % 3 == 0)
			x.real[i] = 0;
	}
	x.kind = x.kind == 'c' || x.kind == 'z' ? 'c' : 'r';
	return x;
}

static void
free_input(input *x)
{
	free(x->real);
	free(x->ints);
}

#endif
