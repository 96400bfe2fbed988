/* SPDX-License-Identifier: MIT */
/*
 * The database file: one SQLite connection, its schema, and prepared statements with their
 * arguments in one call. Used by one thread at a time. Every failure is an errno with words
 * that name the file and say what would help.
 */
#ifndef BROKER_STORE_DB_H
#define BROKER_STORE_DB_H

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libbroker/util/error.h"

struct db;

enum db_statement {
	DB_BEGIN_READ,
	DB_BEGIN_WRITE,
	DB_COMMIT,
	DB_ROLLBACK,
	DB_SAVEPOINT,
	DB_SAVEPOINT_KEEP,
	DB_SAVEPOINT_UNDO,
	DB_SPOOL_BYTES,
	DB_PROBE,
	DB_MANIFEST_FIND,
	DB_MANIFEST_ADD,
	DB_BLOB_FIND,
	DB_BLOB_ADD,
	DB_BLOB_UNUSED,
	DB_BLOB_REMOVE,
	DB_JOB_ADD,
	DB_JOB_BLOB_ADD,
	DB_JOB_UPDATE,
	DB_JOB_CHECKPOINT,
	DB_JOB_STATE,
	DB_JOB_HAS_CHECKPOINT,
	DB_JOB_MANIFEST,
	DB_JOB_BLOBS,
	DB_JOBS_INTERRUPT,
	DB_JOBS_ACTIVE,
	DB_JOBS_LIST,
	DB_JOBS_LIST_ACTIVE,
	DB_JOBS_LIST_UID,
	DB_JOBS_ENDED,
	DB_JOB_REMOVE,
	DB_MANIFEST_REMOVE_UNUSED,
	DB_OUTPUT_ADD,
	DB_OUTPUTS,
	DB_LOG_ADD,
	DB_LOG_CUT,
	DB_LOG_READ,
	DB_USAGE_ADD,
	DB_USAGE_DAY,
	DB_N_STATEMENTS,
};

struct db_arg {
	enum {
		DB_ARG_END,
		DB_ARG_INT,
		DB_ARG_TEXT,
		DB_ARG_BLOB
	} type;
	int64_t i;
	const void *p; /* borrowed until the statement is done; NULL binds null */
	size_t len;
};

#define DB_INT(v)                                     \
	{                                             \
		.type = DB_ARG_INT, .i = (int64_t)(v) \
	}
#define DB_TEXT(s)                            \
	{                                     \
		.type = DB_ARG_TEXT, .p = (s) \
	}
#define DB_BLOB(d, n)                                     \
	{                                                 \
		.type = DB_ARG_BLOB, .p = (d), .len = (n) \
	}
#define DB_ARGS(...) ((const struct db_arg[]){__VA_ARGS__ __VA_OPT__(, ){.type = DB_ARG_END}})

/**
 * db_open() - open, or make with the schema; older schemas are brought up to date
 * @path: absolute, or from the working directory
 * @may_create: false: a missing file is damage (its blobs are there)
 * Return: 0; -EUCLEAN damaged, -ENOTSUP made by a newer version, -EROFS, -ENOSPC, -EACCES …
 */
int db_open(struct db **out, const char *path, bool may_create, struct error *err);
void db_close(struct db *db); /* NULL is fine */

/**
 * db_check() - SQLite's quick_check through a connection of its own, so from any thread
 * @cancel: set to true by another thread to end it early; then -ECANCELED
 * Return: 0, or -EUCLEAN with the first damage found.
 */
int db_check(const char *path, const atomic_bool *cancel, struct error *err);

/** db_run() - a statement without rows; returns how many rows it changed, or -errno */
int db_run(struct db *db, enum db_statement which, const struct db_arg *args, struct error *err);

/** db_query() - begin a statement with rows; then db_next() until it returns 0 or an error */
int db_query(struct db *db, enum db_statement which, const struct db_arg *args, sqlite3_stmt **stmt,
	     struct error *err);

/** db_next() - 1: a row is there; 0: no more; -errno */
int db_next(struct db *db, sqlite3_stmt *stmt, struct error *err);
void db_end(sqlite3_stmt *stmt); /* leave the rest of the rows */

/** db_int() - the first column of the first row; @missing when there is none or it is null */
int db_int(struct db *db, enum db_statement which, const struct db_arg *args, int64_t missing,
	   int64_t *out, struct error *err);

int64_t db_last_id(struct db *db);
bool db_in_transaction(struct db *db);

/** db_is_write_failure() - the errnos after which the disk, not the request, is to blame */
bool db_is_write_failure(int r);

/** db_explain() - words for -errno of a write below @path: what would help */
int db_explain(int r, const char *path, const char *doing, struct error *err);

#endif
