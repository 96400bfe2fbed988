/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/*
 * The interface of vnpu, an NPU that computes nothing and takes its time; for tests only.
 *
 * One engine runs one job at a time, in the order that the DRM scheduler gives it. A job takes the
 * time it asks for; then its out_sync and the fences of its buffers signal. What an open file has
 * used of the engine is in its fdinfo as drm-engine-npu, the job that runs included; vnpu-late is
 * how much of it is more than the jobs asked for, since a busy machine's interrupts come late.
 *
 * Errors of all calls: EINVAL for a field out of its range or a reserved one that is not 0; ENOENT
 * for a handle that is none; ENOMEM.
 */
#ifndef VNPU_DRM_H
#define VNPU_DRM_H

#ifdef __KERNEL__
#include <drm/drm.h>
#else
#include <drm.h> /* libdrm's */
#endif

#if defined(__cplusplus)
extern "C" {
#endif

#define VNPU_JOB_MAX_NS  60000000000ULL
#define VNPU_BO_MAX_SIZE (256ULL << 20)
#define VNPU_JOB_MAX_BOS 64

/**
 * struct drm_vnpu_create_bo - a buffer in the system's memory
 * @size: in bytes, 1 to VNPU_BO_MAX_SIZE; rounded up to pages, which is returned
 * @offset: returned: where to mmap() it
 * @handle: returned: close it by DRM_IOCTL_GEM_CLOSE
 * @pad: 0
 */
struct drm_vnpu_create_bo {
	__u64 size;
	__u64 offset;
	__u32 handle;
	__u32 pad;
};

/**
 * struct drm_vnpu_submit - queue a job
 * @duration_ns: how long the engine is to be busy with it, up to VNPU_JOB_MAX_NS
 * @bo_handles: address of @bo_count handles (__u32), none twice (EALREADY); the job waits for the
 *	fences of these buffers and adds its own
 * @in_sync: a syncobj to wait for first; 0: none
 * @out_sync: a syncobj that takes the job's fence; 0: none
 * @bo_count: up to VNPU_JOB_MAX_BOS
 * @flags: 0
 * @job: returned: the job's number in this file, from 1
 *
 * The fence has the error ECANCELED if the job was cancelled, and ESRCH if its file was closed
 * before it could begin.
 */
struct drm_vnpu_submit {
	__u64 duration_ns;
	__u64 bo_handles;
	__u32 in_sync;
	__u32 out_sync;
	__u32 bo_count;
	__u32 flags;
	__u64 job;
};

/**
 * struct drm_vnpu_cancel - drop all jobs that this file has queued up to now
 * @cancelled: returned: 1 if the engine was stopped in the middle of one, else 0
 * @pad: 0
 *
 * A job that waits for another's fence is dropped when its turn comes.
 */
struct drm_vnpu_cancel {
	__u32 cancelled;
	__u32 pad;
};

#define DRM_VNPU_CREATE_BO 0x00
#define DRM_VNPU_SUBMIT    0x01
#define DRM_VNPU_CANCEL    0x02

#define DRM_IOCTL_VNPU_CREATE_BO \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_VNPU_CREATE_BO, struct drm_vnpu_create_bo)
#define DRM_IOCTL_VNPU_SUBMIT DRM_IOWR(DRM_COMMAND_BASE + DRM_VNPU_SUBMIT, struct drm_vnpu_submit)
#define DRM_IOCTL_VNPU_CANCEL DRM_IOWR(DRM_COMMAND_BASE + DRM_VNPU_CANCEL, struct drm_vnpu_cancel)

#if defined(__cplusplus)
}
#endif

#endif
