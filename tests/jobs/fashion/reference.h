/* SPDX-License-Identifier: MIT */
/*
 * What each kernel of the job must compute, in plain C: one function a kernel, named and with its
 * arguments in the order of its bindings and push constants. Sums go in the order of the kernels';
 * a device may still round otherwise (fused multiply-add, its own exp), so floats are compared with
 * a tolerance.
 */
#ifndef TESTS_JOBS_FASHION_REFERENCE_H
#define TESTS_JOBS_FASHION_REFERENCE_H

#include <stdint.h>

#include "tests/jobs/fashion/shape.h"

void reference_hidden(const uint8_t *images, const float *w1, const float *b1, float *h,
		      uint32_t first);
void reference_output(const uint8_t *labels, const float *w2, const float *b2, const float *h,
		      float *d, float *dh, uint32_t first);
void reference_step1(const uint8_t *images, const float *dh, float *m1, float *w1, uint32_t first,
		     float rate, float momentum);
void reference_step2(const float *h, const float *d, const float *dh, float *w2, float *b2,
		     float *b1, float *m2, float rate, float momentum);
void reference_classify(const float *w2, const float *b2, const float *h, uint32_t *predictions,
			uint32_t first);
void reference_score(const uint8_t *labels, const uint32_t *predictions, uint32_t *score,
		     uint32_t count);

#endif
