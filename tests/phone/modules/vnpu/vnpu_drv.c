/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vnpu: an NPU for tests, as a DRM accelerator with a scheduler; vnpu_drm.h says how to use it.
 *
 * The device is the platform's, made when the module is loaded and gone with it. It shows itself
 * as /dev/accel/accelN; where the kernel has no accelerators, as a render node. Its buffers are
 * pages of shmem, which the engine never looks at.
 */
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/rcupdate.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_gem_shmem_helper.h>
#include <drm/drm_ioctl.h>

#include "compat_drm.h"
#include "vnpu.h"
#include "vnpu_drm.h"

static struct platform_device *platform;

static int vnpu_open(struct drm_device *dev, struct drm_file *drm_file)
{
	struct vnpu_device *vnpu = container_of(dev, struct vnpu_device, drm);
	struct vnpu_file *file;
	int err;

	err = vnpu_file_new(&file, vnpu, compat_client_id(drm_file));
	if (!err)
		drm_file->driver_priv = file;
	return err;
}

static void vnpu_postclose(struct drm_device *dev, struct drm_file *drm_file)
{
	vnpu_file_close(drm_file->driver_priv);
}

static int vnpu_create_bo(struct drm_device *dev, void *data, struct drm_file *drm_file)
{
	struct drm_vnpu_create_bo *args = data;
	struct drm_gem_shmem_object *shmem;
	int err;

	if (args->pad || !args->size || args->size > VNPU_BO_MAX_SIZE)
		return -EINVAL;
	shmem = drm_gem_shmem_create(dev, args->size);
	if (IS_ERR(shmem))
		return PTR_ERR(shmem);
	args->size = shmem->base.size;
	args->offset = drm_vma_node_offset_addr(&shmem->base.vma_node);
	err = drm_gem_handle_create(drm_file, &shmem->base, &args->handle);
	drm_gem_object_put(&shmem->base);
	return err;
}

void compat_fdinfo(struct drm_printer *p, struct drm_file *drm_file)
{
	struct vnpu_file *file = drm_file->driver_priv;
	u64 busy_ns, late_ns;

	vnpu_engine_usage(&file->vnpu->engine, file, &busy_ns, &late_ns);
	compat_fdinfo_head(p, "vnpu", file->client);
	drm_printf(p, "drm-engine-npu:\t%llu ns\n", busy_ns);
	drm_printf(p, "vnpu-late:\t%llu ns\n", late_ns);
	drm_show_memory_stats(p, drm_file);
}

static const struct file_operations vnpu_fops = {.owner = THIS_MODULE,
						 .open = COMPAT_NODE_OPEN,
						 .release = drm_release,
						 .unlocked_ioctl = drm_ioctl,
						 .compat_ioctl = drm_compat_ioctl,
						 .poll = drm_poll,
						 .read = drm_read,
						 .llseek = noop_llseek,
						 .mmap = drm_gem_mmap,
						 .show_fdinfo = COMPAT_SHOW_FDINFO,
						 COMPAT_FOP_FLAGS};

static const struct drm_ioctl_desc vnpu_ioctls[] = {
	DRM_IOCTL_DEF_DRV(VNPU_CREATE_BO, vnpu_create_bo, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VNPU_SUBMIT, vnpu_submit, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VNPU_CANCEL, vnpu_cancel, DRM_RENDER_ALLOW),
};

static const struct drm_driver vnpu_driver = {
	.driver_features = COMPAT_NODE | DRIVER_GEM | DRIVER_SYNCOBJ,
	.open = vnpu_open,
	.postclose = vnpu_postclose,
	.ioctls = vnpu_ioctls,
	.num_ioctls = ARRAY_SIZE(vnpu_ioctls),
	.fops = &vnpu_fops,
	DRM_GEM_SHMEM_DRIVER_OPS,
	COMPAT_DRM_FDINFO COMPAT_DRM_DATE.name = "vnpu",
	.desc = "A virtual NPU for tests",
	.major = 1,
};

/* No file is open any more, no job is left: they hold the module. */
static void vnpu_stop(void *data)
{
	struct vnpu_device *vnpu = data;

	drm_dev_unregister(&vnpu->drm);
	drm_sched_fini(&vnpu->sched);
	vnpu_engine_stop(&vnpu->engine);
}

static int __init vnpu_probe(struct platform_device *pdev)
{
	struct vnpu_device *vnpu;
	int err;

	vnpu = devm_drm_dev_alloc(&pdev->dev, &vnpu_driver, struct vnpu_device, drm);
	if (IS_ERR(vnpu))
		return PTR_ERR(vnpu);
	vnpu_engine_init(&vnpu->engine);
	err = vnpu_sched_init(vnpu, &pdev->dev);
	if (err)
		return err;
	err = drm_dev_register(&vnpu->drm, 0);
	if (err) {
		drm_sched_fini(&vnpu->sched);
		return err;
	}
	return devm_add_action_or_reset(&pdev->dev, vnpu_stop, vnpu);
}

static struct platform_driver vnpu_platform_driver = {
	.driver.name = "vnpu",
};

static int __init vnpu_init(void)
{
	platform = platform_create_bundle(&vnpu_platform_driver, vnpu_probe, NULL, 0, NULL, 0);
	return PTR_ERR_OR_ZERO(platform);
}

static void __exit vnpu_exit(void)
{
	platform_device_unregister(platform);
	platform_driver_unregister(&vnpu_platform_driver);
	/* Who let go of the module last may still be on its way out of it. */
	synchronize_rcu_tasks();
}

module_init(vnpu_init);
module_exit(vnpu_exit);
MODULE_DESCRIPTION("A virtual NPU, for tests");
MODULE_LICENSE("GPL");
