/* SPDX-License-Identifier: MIT */
/*
 * The text of the database; see db_schema.h.
 *
 * Triggers keep the one number that limits the spool, so it is right after any crash and is
 * read without a walk. Partial indices make the jobs that have not ended cheap to find however
 * many have ended. AUTOINCREMENT: an id is never used twice, since files are named by it.
 */
#include "broker/store/db_schema.h"

static const char schema_1[] =
	"CREATE TABLE spool (bytes INTEGER NOT NULL, probes INTEGER NOT NULL);"
	"INSERT INTO spool VALUES (0, 0);"
	"CREATE TABLE manifest ("
	"  id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL UNIQUE, json BLOB NOT NULL);"
	"CREATE TABLE blob ("
	"  id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL UNIQUE, size INTEGER NOT NULL);"
	"CREATE TABLE job ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  uid INTEGER NOT NULL, priority INTEGER NOT NULL, state INTEGER NOT NULL,"
	"  submitted_s INTEGER NOT NULL, started_s INTEGER NOT NULL, ended_s INTEGER NOT NULL,"
	"  deadline_s INTEGER NOT NULL, device_ns INTEGER NOT NULL,"
	"  device_limit_ns INTEGER NOT NULL, dispatches_done INTEGER NOT NULL,"
	"  dispatches_total INTEGER NOT NULL, memory INTEGER NOT NULL, runs INTEGER NOT NULL,"
	"  checkpoint INTEGER NOT NULL DEFAULT -1," /* its size; -1: none */
	"  name TEXT NOT NULL, reason TEXT NOT NULL,"
	"  manifest INTEGER NOT NULL REFERENCES manifest);"
	"CREATE INDEX job_active ON job(id) WHERE state <= 1;"
	"CREATE INDEX job_ended ON job(ended_s, id) WHERE state > 1;"
	"CREATE INDEX job_uid ON job(uid, id);"
	"CREATE INDEX job_manifest ON job(manifest);"
	"CREATE TABLE job_blob ("
	"  job INTEGER NOT NULL REFERENCES job ON DELETE CASCADE, idx INTEGER NOT NULL,"
	"  blob INTEGER NOT NULL REFERENCES blob, PRIMARY KEY (job, idx)) WITHOUT ROWID;"
	"CREATE INDEX job_blob_blob ON job_blob(blob);"
	"CREATE TABLE output ("
	"  job INTEGER NOT NULL REFERENCES job ON DELETE CASCADE, idx INTEGER NOT NULL,"
	"  name TEXT NOT NULL, blob INTEGER NOT NULL REFERENCES blob,"
	"  PRIMARY KEY (job, idx)) WITHOUT ROWID;"
	"CREATE INDEX output_blob ON output(blob);"
	"CREATE TABLE log ("
	"  job INTEGER NOT NULL REFERENCES job ON DELETE CASCADE, seq INTEGER NOT NULL,"
	"  line TEXT NOT NULL, PRIMARY KEY (job, seq)) WITHOUT ROWID;"
	"CREATE TABLE usage ("
	"  day INTEGER NOT NULL, uid INTEGER NOT NULL, ns INTEGER NOT NULL,"
	"  PRIMARY KEY (day, uid)) WITHOUT ROWID;"
	"CREATE TRIGGER blob_added AFTER INSERT ON blob BEGIN"
	"  UPDATE spool SET bytes = bytes + NEW.size; END;"
	"CREATE TRIGGER blob_removed AFTER DELETE ON blob BEGIN"
	"  UPDATE spool SET bytes = bytes - OLD.size; END;"
	"CREATE TRIGGER manifest_added AFTER INSERT ON manifest BEGIN"
	"  UPDATE spool SET bytes = bytes + length(NEW.json); END;"
	"CREATE TRIGGER manifest_removed AFTER DELETE ON manifest BEGIN"
	"  UPDATE spool SET bytes = bytes - length(OLD.json); END;"
	"CREATE TRIGGER checkpoint_changed AFTER UPDATE OF checkpoint ON job"
	"  WHEN NEW.checkpoint <> OLD.checkpoint BEGIN"
	"  UPDATE spool SET bytes = bytes + max(NEW.checkpoint, 0) - max(OLD.checkpoint, 0); END;";

const char *const db_migrations[] = {schema_1};
const int db_n_migrations = sizeof(db_migrations) / sizeof(db_migrations[0]);

#define JOB_COLUMNS                                                                            \
	"id, uid, priority, state, submitted_s, started_s, ended_s, deadline_s, device_ns, "   \
	"device_limit_ns, dispatches_done, dispatches_total, memory, runs, checkpoint, name, " \
	"reason"

const char *const db_statements[DB_N_STATEMENTS] = {
	[DB_BEGIN_READ] = "BEGIN",
	[DB_BEGIN_WRITE] = "BEGIN IMMEDIATE",
	[DB_COMMIT] = "COMMIT",
	[DB_ROLLBACK] = "ROLLBACK",
	[DB_SAVEPOINT] = "SAVEPOINT op",
	[DB_SAVEPOINT_KEEP] = "RELEASE op",
	[DB_SAVEPOINT_UNDO] = "ROLLBACK TO op",
	[DB_SPOOL_BYTES] = "SELECT bytes FROM spool",
	[DB_PROBE] = "UPDATE spool SET probes = probes + 1",
	[DB_MANIFEST_FIND] = "SELECT id FROM manifest WHERE sha256 = ?1",
	[DB_MANIFEST_ADD] = "INSERT INTO manifest (sha256, json) VALUES (?1, ?2)",
	[DB_BLOB_FIND] = "SELECT id FROM blob WHERE sha256 = ?1",
	[DB_BLOB_ADD] = "INSERT INTO blob (sha256, size) VALUES (?1, ?2)",
	/* ?1: a job about to go. Its blobs that no other job has. */
	[DB_BLOB_UNUSED] =
		"SELECT DISTINCT b.id, b.sha256 FROM blob b WHERE b.id IN ("
		"  SELECT blob FROM job_blob WHERE job = ?1 UNION SELECT blob FROM output WHERE job = ?1)"
		" AND NOT EXISTS (SELECT 1 FROM job_blob WHERE blob = b.id AND job <> ?1)"
		" AND NOT EXISTS (SELECT 1 FROM output WHERE blob = b.id AND job <> ?1)",
	[DB_BLOB_REMOVE] = "DELETE FROM blob WHERE sha256 = ?1",
	[DB_JOB_ADD] =
		"INSERT INTO job (uid, priority, state, submitted_s, started_s, ended_s, deadline_s,"
		" device_ns, device_limit_ns, dispatches_done, dispatches_total, memory, runs, name,"
		" reason, manifest)"
		" VALUES (?1, ?2, 0, ?3, 0, 0, ?4, 0, ?5, 0, ?6, ?7, 0, ?8, '', ?9)",
	[DB_JOB_BLOB_ADD] = "INSERT INTO job_blob VALUES (?1, ?2, ?3)",
	/* id, state, device_ns, dispatches_done, runs, reason or null, now */
	[DB_JOB_UPDATE] =
		"UPDATE job SET state = ?2, device_ns = ?3, dispatches_done = ?4, runs = ?5,"
		" reason = coalesce(?6, reason),"
		" started_s = CASE WHEN started_s = 0 AND ?2 IN (1, 2) THEN ?7 ELSE started_s END,"
		" ended_s = CASE WHEN ?2 > 1 THEN ?7 ELSE 0 END,"
		" checkpoint = CASE WHEN ?2 > 1 THEN -1 ELSE checkpoint END"
		" WHERE id = ?1 AND state <= 1",
	[DB_JOB_CHECKPOINT] = "UPDATE job SET checkpoint = ?2 WHERE id = ?1 AND state <= 1",
	[DB_JOB_STATE] = "SELECT state FROM job WHERE id = ?1",
	[DB_JOB_HAS_CHECKPOINT] = "SELECT checkpoint >= 0 FROM job WHERE id = ?1",
	[DB_JOB_MANIFEST] = "SELECT m.json FROM job j JOIN manifest m ON m.id = j.manifest"
			    " WHERE j.id = ?1",
	[DB_JOB_BLOBS] = "SELECT b.sha256 FROM job_blob r JOIN blob b ON b.id = r.blob"
			 " WHERE r.job = ?1 ORDER BY r.idx",
	[DB_JOBS_INTERRUPT] = "UPDATE job SET state = 0 WHERE state = 1 AND state <= 1",
	[DB_JOBS_ACTIVE] = "SELECT " JOB_COLUMNS " FROM job WHERE state <= 1 ORDER BY id",
	/* after, uid or any, states, limit */
	[DB_JOBS_LIST] = "SELECT " JOB_COLUMNS " FROM job WHERE id > ?1"
			 " AND (?2 = 4294967295 OR uid = ?2) AND (?3 >> state) & 1"
			 " ORDER BY id LIMIT ?4",
	[DB_JOBS_LIST_ACTIVE] = "SELECT " JOB_COLUMNS " FROM job WHERE id > ?1 AND state <= 1"
				" AND (?2 = 4294967295 OR uid = ?2) AND (?3 >> state) & 1"
				" ORDER BY id LIMIT ?4",
	[DB_JOBS_LIST_UID] = "SELECT " JOB_COLUMNS " FROM job INDEXED BY job_uid"
			     " WHERE uid = ?2 AND id > ?1 AND (?3 >> state) & 1"
			     " ORDER BY id LIMIT ?4",
	/* keep, limit: the first to go */
	[DB_JOBS_ENDED] = "SELECT id, manifest FROM job WHERE state > 1 ORDER BY ended_s, id"
			  " LIMIT min(?2, max(0, (SELECT count(*) FROM job WHERE state > 1) - ?1))",
	[DB_JOB_REMOVE] = "DELETE FROM job WHERE id = ?1",
	[DB_MANIFEST_REMOVE_UNUSED] = "DELETE FROM manifest WHERE id = ?1"
				      " AND NOT EXISTS (SELECT 1 FROM job WHERE manifest = ?1)",
	[DB_OUTPUT_ADD] = "INSERT INTO output VALUES (?1, ?2, ?3, ?4)",
	[DB_OUTPUTS] = "SELECT o.name, b.sha256, b.size FROM output o JOIN blob b ON b.id = o.blob"
		       " WHERE o.job = ?1 ORDER BY o.idx",
	[DB_LOG_ADD] = "INSERT INTO log SELECT ?1,"
		       " (SELECT coalesce(max(seq), 0) + 1 FROM log WHERE job = ?1), ?2"
		       " WHERE EXISTS (SELECT 1 FROM job WHERE id = ?1)",
	[DB_LOG_CUT] = "DELETE FROM log WHERE job = ?1 AND seq <="
		       " (SELECT max(seq) FROM log WHERE job = ?1) - ?2",
	[DB_LOG_READ] = "SELECT line FROM log WHERE job = ?1 ORDER BY seq",
	[DB_USAGE_ADD] = "INSERT INTO usage VALUES (?1, ?2, ?3)"
			 " ON CONFLICT (day, uid) DO UPDATE SET ns = ns + excluded.ns",
	[DB_USAGE_DAY] = "SELECT uid, ns FROM usage WHERE day = ?1",
};
