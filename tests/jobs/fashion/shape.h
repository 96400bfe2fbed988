/* SPDX-License-Identifier: MIT */
/*
 * The shape of the network, of a training step, and of the kernels' work. For C and GLSL:
 * definitions alone. job.json has the numbers that follow from these; the unit test compares them.
 *
 * The blocks are measured ones: with more sums an invocation than fit a processor's vector
 * registers a kernel becomes half as fast on a software driver, and slow to compile.
 */
#ifndef TESTS_JOBS_FASHION_SHAPE_H
#define TESTS_JOBS_FASHION_SHAPE_H

#define FASHION_TRAIN   60000 /* pictures */
#define FASHION_TEST    10000
#define FASHION_WORDS   196 /* of a picture: 28 x 28 bytes, four to a word, the first lowest */
#define FASHION_PIXELS  784
#define FASHION_HIDDEN  64
#define FASHION_CLASSES 10
#define FASHION_BATCH   500 /* pictures of a step, in training and in evaluation */
#define FASHION_PARAMS2 (FASHION_HIDDEN * FASHION_CLASSES + FASHION_CLASSES + FASHION_HIDDEN)

#define FASHION_LOCAL     8 /* invocations of a workgroup */
#define FASHION_ROWS      5 /* pictures of a workgroup of hidden.comp */
#define FASHION_COLS      4 /* hidden units of each of its invocations */
#define FASHION_GRAD_COLS (FASHION_HIDDEN / FASHION_LOCAL) /* the same of step1.comp */

#define FASHION_PIXEL_SCALE (1.0 / 255.0)

#endif
