/* SPDX-License-Identifier: MIT */
/* The text of the database: schema by version, and every statement. Only db.c includes it. */
#ifndef BROKER_STORE_DB_SCHEMA_H
#define BROKER_STORE_DB_SCHEMA_H

#include "broker/store/db.h"

#define DB_APPLICATION_ID 0x49444c42 /* "IDLB" */

/* Step i brings user_version i to i + 1. A step that was released is never changed. */
extern const char *const db_migrations[];
extern const int db_n_migrations;

extern const char *const db_statements[DB_N_STATEMENTS];

#endif
