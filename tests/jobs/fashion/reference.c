/* SPDX-License-Identifier: MIT */
/* The kernels in plain C; see reference.h. */
#include "tests/jobs/fashion/reference.h"

#include <math.h>

#define H FASHION_HIDDEN
#define C FASHION_CLASSES
#define P FASHION_PIXELS

void reference_hidden(const uint8_t *images, const float *w1, const float *b1, float *h,
		      uint32_t first)
{
	for (uint32_t b = 0; b < FASHION_BATCH; b++) {
		const uint8_t *x = images + (uint64_t)(first + b) * P;
		float sum[H] = {0};

		for (uint32_t i = 0; i < P; i++)
			for (uint32_t j = 0; j < H; j++)
				sum[j] += (float)x[i] * w1[i * H + j];
		for (uint32_t j = 0; j < H; j++)
			h[b * H + j] = fmaxf(sum[j] * (float)FASHION_PIXEL_SCALE + b1[j], 0);
	}
}

static void logits(float z[C], const float *w2, const float *b2, const float *h)
{
	for (uint32_t c = 0; c < C; c++) {
		z[c] = b2[c];
		for (uint32_t j = 0; j < H; j++)
			z[c] += h[j] * w2[j * C + c];
	}
}

void reference_output(const uint8_t *labels, const float *w2, const float *b2, const float *h,
		      float *d, float *dh, uint32_t first)
{
	for (uint32_t b = 0; b < FASHION_BATCH; b++) {
		float z[C], most, total = 0;

		logits(z, w2, b2, h + b * H);
		most = z[0];
		for (uint32_t c = 1; c < C; c++)
			most = fmaxf(most, z[c]);
		for (uint32_t c = 0; c < C; c++) {
			z[c] = expf(z[c] - most);
			total += z[c];
		}
		for (uint32_t c = 0; c < C; c++)
			d[b * C + c] = (z[c] / total - (c == labels[first + b])) / FASHION_BATCH;
		for (uint32_t j = 0; j < H; j++) {
			float sum = 0;

			for (uint32_t c = 0; c < C; c++)
				sum += d[b * C + c] * w2[j * C + c];
			dh[b * H + j] = h[b * H + j] > 0 ? sum : 0;
		}
	}
}

void reference_step1(const uint8_t *images, const float *dh, float *m1, float *w1, uint32_t first,
		     float rate, float momentum)
{
	for (uint32_t i = 0; i < P; i++) {
		float g[H] = {0};

		for (uint32_t b = 0; b < FASHION_BATCH; b++)
			for (uint32_t j = 0; j < H; j++)
				g[j] += (float)images[(uint64_t)(first + b) * P + i] *
					dh[b * H + j];
		for (uint32_t j = 0; j < H; j++) {
			uint32_t at = i * H + j;

			m1[at] = momentum * m1[at] + g[j] * (float)FASHION_PIXEL_SCALE;
			w1[at] -= rate * m1[at];
		}
	}
}

static void step(float *w, float *m, float g, float rate, float momentum)
{
	*m = momentum * *m + g;
	*w -= rate * *m;
}

void reference_step2(const float *h, const float *d, const float *dh, float *w2, float *b2,
		     float *b1, float *m2, float rate, float momentum)
{
	float g[FASHION_PARAMS2] = {0};

	for (uint32_t b = 0; b < FASHION_BATCH; b++) {
		for (uint32_t i = 0; i < H * C; i++)
			g[i] += h[b * H + i / C] * d[b * C + i % C];
		for (uint32_t c = 0; c < C; c++)
			g[H * C + c] += d[b * C + c];
		for (uint32_t j = 0; j < H; j++)
			g[H * C + C + j] += dh[b * H + j];
	}
	for (uint32_t i = 0; i < H * C; i++)
		step(&w2[i], &m2[i], g[i], rate, momentum);
	for (uint32_t c = 0; c < C; c++)
		step(&b2[c], &m2[H * C + c], g[H * C + c], rate, momentum);
	for (uint32_t j = 0; j < H; j++)
		step(&b1[j], &m2[H * C + C + j], g[H * C + C + j], rate, momentum);
}

void reference_classify(const float *w2, const float *b2, const float *h, uint32_t *predictions,
			uint32_t first)
{
	for (uint32_t b = 0; b < FASHION_BATCH; b++) {
		uint32_t best = 0;
		float z[C];

		logits(z, w2, b2, h + b * H);
		for (uint32_t c = 1; c < C; c++)
			if (z[c] > z[best])
				best = c;
		predictions[first + b] = best;
	}
}

void reference_score(const uint8_t *labels, const uint32_t *predictions, uint32_t *score,
		     uint32_t count)
{
	score[0] = 0;
	score[1] = count;
	for (uint32_t i = 0; i < count; i++)
		score[0] += predictions[i] == labels[i];
}
