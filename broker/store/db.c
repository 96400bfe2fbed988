/* SPDX-License-Identifier: MIT */
/*
 * The database file; see db.h.
 *
 * A new database is made under another name and renamed when it is whole, so an empty or
 * missing jobs.db is never mistaken for a first start once there was one.
 */
#include "broker/store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/store/db_schema.h"
#include "libbroker/util/cleanup.h"

#define BUSY_MS     2000 /* a program that looks in with sqlite3 is soon done */
#define CHECK_STEPS 10000 /* of SQLite's machine between two looks at `cancel` */

struct db {
	sqlite3 *sqlite;
	char path[PATH_MAX];
	sqlite3_stmt *stmts[DB_N_STATEMENTS];
};

bool db_is_write_failure(int r)
{
	return r == -ENOSPC || r == -EROFS || r == -EIO || r == -EFBIG;
}

int db_explain(int r, const char *path, const char *doing, struct error *err)
{
	/* -EDQUOT is the store's own limit for its callers. */
	if (r == -ENOSPC || r == -EDQUOT)
		return error_set(
			err, -ENOSPC, path,
			"%s failed: the file system is full (or its quota is used up): free "
			"some space there; what was accepted is kept, new work is refused "
			"until a write succeeds",
			doing);
	if (r == -EFBIG)
		return error_set(
			err, r, path,
			"%s failed: the file would be larger than allowed: raise the limit "
			"on file sizes (ulimit -f, LimitFSIZE=)",
			doing);
	if (r == -EROFS)
		return error_set(
			err, r, path,
			"%s failed: the file system is read-only: mount it writable, or set "
			"[broker] state_dir to a directory on one that is",
			doing);
	if (r == -EACCES || r == -EPERM)
		return error_set(
			err, r, path,
			"%s failed: no permission: the directory and all in it must belong "
			"to the user that brokerd runs as",
			doing);
	if (r == -EIO)
		return error_set(
			err, r, path,
			"%s failed: input/output error: look at the kernel log (dmesg) and "
			"at the disk; what was accepted is kept",
			doing);
	return error_set(err, r, path, "%s failed: %s", doing, strerror(-r));
}

/* SQLite's own words may have a heading line. */
static int explain_damage(const char *path, const char *what, struct error *err)
{
	const char *line = strrchr(what, '\n');

	return error_set(
		err, -EUCLEAN, path,
		"the database is damaged (%.70s); nothing was changed. Stop brokerd, then "
		"restore the file from a backup (`sqlite3 jobs.db .dump` shows what is still "
		"readable), or move the whole directory away to begin anew",
		line && line[1] ? line + 1 : what);
}

static int db_errno(sqlite3 *sqlite, int code)
{
	int sys = sqlite ? sqlite3_system_errno(sqlite) : 0;

	switch (code & 0xff) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_IOERR:
		if (sys == ENOSPC || sys == EDQUOT)
			return -ENOSPC;
		return sys == EROFS || sys == EFBIG ? -sys : -EIO;
	case SQLITE_CANTOPEN:
		return sys ? -sys : -EIO;
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return -EACCES;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EAGAIN;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_INTERRUPT:
		return -ECANCELED;
	default:
		return -EPROTO;
	}
}

static int explain_sqlite(sqlite3 *sqlite, int code, const char *path, struct error *err)
{
	int r = db_errno(sqlite, code);

	if (r == -EUCLEAN)
		return explain_damage(path, sqlite ? sqlite3_errmsg(sqlite) : "not readable", err);
	if (r == -EAGAIN)
		return error_set(
			err, r, path,
			"another program keeps the database locked: end it (sqlite3, a backup "
			"tool), then try again");
	if (r == -EPROTO)
		return error_set(err, r, path, "the database refused: %s (SQLite code %d)",
				 sqlite ? sqlite3_errmsg(sqlite) : "", code);
	return db_explain(r, path, "writing the database", err);
}

static int db_fail(struct db *db, int code, struct error *err)
{
	return explain_sqlite(db->sqlite, code, db->path, err);
}

static int db_exec(struct db *db, const char *sql, struct error *err)
{
	int code = sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? 0 : db_fail(db, code, err);
}

static int db_pragma_int(struct db *db, const char *sql, int64_t *out, struct error *err)
{
	sqlite3_stmt *stmt;
	int code = sqlite3_prepare_v2(db->sqlite, sql, -1, &stmt, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	if (code == SQLITE_ROW)
		*out = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return code == SQLITE_ROW ? 0 : db_fail(db, code, err);
}

static int db_connect(struct db **out, const char *path, int flags, struct error *err)
{
	struct db *db = calloc(1, sizeof(*db));
	int code, r;

	if (!db)
		return error_set(err, -ENOMEM, path, "out of memory");
	snprintf(db->path, sizeof(db->path), "%s", path);
	code = sqlite3_open_v2(path, &db->sqlite, flags | SQLITE_OPEN_NOMUTEX, NULL);
	if (code != SQLITE_OK) {
		r = db_fail(db, code, err);
		db_close(db);
		return r;
	}
	sqlite3_extended_result_codes(db->sqlite, 1);
	sqlite3_busy_timeout(db->sqlite, BUSY_MS);
	*out = db;
	return 0;
}

static int db_migrate(struct db *db, struct error *err)
{
	int64_t version;
	char pragma[96];
	int r = db_pragma_int(db, "PRAGMA user_version", &version, err);

	if (r < 0)
		return r;
	if (version < 0 || version > db_n_migrations)
		return error_set(
			err, -ENOTSUP, db->path,
			"it was written by a newer version of brokerd (schema %lld, this one "
			"knows up to %d): install that version again",
			(long long)version, db_n_migrations);
	for (; version < db_n_migrations; version++) {
		snprintf(pragma, sizeof(pragma), "PRAGMA user_version=%lld; COMMIT",
			 (long long)version + 1);
		r = db_exec(db, "BEGIN IMMEDIATE", err);
		if (!r)
			r = db_exec(db, db_migrations[version], err);
		if (!r)
			r = db_exec(db, pragma, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int sync_file(const char *path, int flags)
{
	_cleanup_close_ int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return -errno;
	return 0;
}

static int sync_parent(const char *path)
{
	char dir[PATH_MAX];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash)
		*slash = '\0';
	return sync_file(slash ? dir : ".", O_RDONLY | O_DIRECTORY);
}

static int make_private(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : 0;
}

/* Nothing needs to be durable before the rename, so one sync is enough. */
static int db_create(const char *path, struct error *err)
{
	char made[PATH_MAX];
	struct db *db;
	int r;

	if (snprintf(made, sizeof(made), "%s.new", path) >= (int)sizeof(made))
		return error_set(err, -ENAMETOOLONG, path, "the path is too long");
	if (unlink(made) < 0 && errno != ENOENT)
		return db_explain(-errno, made, "removing the remains of an earlier start", err);
	/* SQLite would make it readable to all, and what belongs to it has its mode. */
	r = make_private(made);
	if (r < 0)
		return db_explain(r, made, "creating the database", err);
	r = db_connect(&db, made, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err);
	if (r < 0)
		return r;
	r = db_exec(db, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF", err);
	if (!r)
		r = db_migrate(db, err);
	if (!r)
		r = db_exec(db, "PRAGMA application_id=1229212738", err);
	db_close(db);
	if (r < 0)
		return r;
	r = sync_file(made, O_RDWR);
	if (!r && rename(made, path) < 0)
		r = -errno;
	if (!r)
		r = sync_parent(path);
	return r ? db_explain(r, path, "creating the database", err) : 0;
}

static int db_set_up(struct db *db, struct error *err)
{
	int64_t application;
	int r = db_pragma_int(db, "PRAGMA application_id", &application, err);

	if (r < 0)
		return r;
	if (application != DB_APPLICATION_ID)
		return explain_damage(db->path, "it is not a database of brokerd", err);
	r = db_exec(db,
		    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
		    "PRAGMA cache_size=-512; PRAGMA temp_store=MEMORY;"
		    "PRAGMA journal_size_limit=4194304; PRAGMA trusted_schema=OFF;"
		    "PRAGMA recursive_triggers=OFF",
		    err);
	return r ? r : db_migrate(db, err);
}

int db_open(struct db **out, const char *path, bool may_create, struct error *err)
{
	struct stat st;
	struct db *db;
	int r;

	if (stat(path, &st) < 0) {
		if (errno != ENOENT)
			return db_explain(-errno, path, "opening the database", err);
		if (!may_create)
			return explain_damage(path, "it is missing, yet its blobs are there", err);
		r = db_create(path, err);
		if (r < 0)
			return r;
	} else if (!st.st_size) {
		return explain_damage(path, "it is empty", err);
	}
	r = db_connect(&db, path, SQLITE_OPEN_READWRITE, err);
	if (r < 0)
		return r;
	r = db_set_up(db, err);
	if (r < 0) {
		db_close(db);
		return r;
	}
	*out = db;
	return 0;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	for (int i = 0; i < DB_N_STATEMENTS; i++)
		sqlite3_finalize(db->stmts[i]);
	sqlite3_close(db->sqlite);
	free(db);
}

static int check_cancelled(void *data)
{
	const atomic_bool *cancel = data;

	return cancel && atomic_load(cancel);
}

int db_check(const char *path, const atomic_bool *cancel, struct error *err)
{
	sqlite3_stmt *stmt = NULL;
	struct db *db;
	int code, r = db_connect(&db, path, SQLITE_OPEN_READONLY, err);

	if (r < 0)
		return r;
	sqlite3_progress_handler(db->sqlite, CHECK_STEPS, check_cancelled, (void *)cancel);
	sqlite3_exec(db->sqlite, "PRAGMA cache_size=-512", NULL, NULL, NULL);
	code = sqlite3_prepare_v2(db->sqlite, "PRAGMA quick_check(1)", -1, &stmt, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	if (code == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(stmt, 0);

		if (!text || strcmp(text, "ok"))
			r = explain_damage(path, text ? text : "not readable", err);
	} else {
		r = db_fail(db, code, err);
	}
	sqlite3_finalize(stmt);
	db_close(db);
	return r;
}

static int db_bind(sqlite3_stmt *stmt, const struct db_arg *args)
{
	int code = SQLITE_OK;

	for (int i = 1; args->type != DB_ARG_END && code == SQLITE_OK; i++, args++) {
		if (args->type == DB_ARG_INT)
			code = sqlite3_bind_int64(stmt, i, args->i);
		else if (!args->p)
			code = sqlite3_bind_null(stmt, i);
		else if (args->type == DB_ARG_TEXT)
			code = sqlite3_bind_text(stmt, i, args->p, -1, SQLITE_STATIC);
		else
			code = sqlite3_bind_blob64(stmt, i, args->p, args->len, SQLITE_STATIC);
	}
	return code;
}

int db_query(struct db *db, enum db_statement which, const struct db_arg *args, sqlite3_stmt **stmt,
	     struct error *err)
{
	sqlite3_stmt **kept = &db->stmts[which];
	int code = SQLITE_OK;

	if (!*kept)
		code = sqlite3_prepare_v3(db->sqlite, db_statements[which], -1,
					  SQLITE_PREPARE_PERSISTENT, kept, NULL);
	if (code == SQLITE_OK)
		code = db_bind(*kept, args);
	if (code != SQLITE_OK)
		return db_fail(db, code, err);
	*stmt = *kept;
	return 0;
}

int db_next(struct db *db, sqlite3_stmt *stmt, struct error *err)
{
	int code = sqlite3_step(stmt);
	int r;

	if (code == SQLITE_ROW)
		return 1;
	r = code == SQLITE_DONE ? 0 : db_fail(db, code, err);
	db_end(stmt);
	return r;
}

/* The arguments were borrowed: none may be left behind. */
void db_end(sqlite3_stmt *stmt)
{
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
}

int db_run(struct db *db, enum db_statement which, const struct db_arg *args, struct error *err)
{
	sqlite3_stmt *stmt;
	int r = db_query(db, which, args, &stmt, err);

	if (!r)
		r = db_next(db, stmt, err);
	if (r > 0)
		db_end(stmt);
	return r < 0 ? r : sqlite3_changes(db->sqlite);
}

int db_int(struct db *db, enum db_statement which, const struct db_arg *args, int64_t missing,
	   int64_t *out, struct error *err)
{
	sqlite3_stmt *stmt;
	int r = db_query(db, which, args, &stmt, err);

	*out = missing;
	if (!r)
		r = db_next(db, stmt, err);
	if (r <= 0)
		return r;
	if (sqlite3_column_type(stmt, 0) != SQLITE_NULL)
		*out = sqlite3_column_int64(stmt, 0);
	db_end(stmt);
	return 0;
}

int64_t db_last_id(struct db *db)
{
	return sqlite3_last_insert_rowid(db->sqlite);
}

bool db_in_transaction(struct db *db)
{
	return !sqlite3_get_autocommit(db->sqlite);
}
