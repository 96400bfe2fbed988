/* SPDX-License-Identifier: MIT */
/* The lists of `brokerctl top`: devices, jobs, programs. Each has a line of headings. */
#ifndef TOOLS_TOP_LIST_H
#define TOOLS_TOP_LIST_H

#include "tools/top_page.h"

#define WIDE 70u /* columns from which on a row tells all */

void top_list_devices(struct top_writer *w, const struct top_reading *r, uint32_t lines);

/** top_list_jobs_want() - lines for all of it; the same for the clients */
uint32_t top_list_jobs_want(const struct top_reading *r);
void top_list_jobs(struct top_writer *w, const struct top_reading *r, uint32_t lines);

uint32_t top_list_clients_want(const struct top_reading *r);
void top_list_clients(struct top_writer *w, const struct top_reading *r, enum top_sort sort,
		      uint32_t lines);

#endif
