/* SPDX-License-Identifier: MIT */
/* Which programs for which drivers. */
#include "sources_fixture.h"

#include "broker/sources/gpu_plan.h"

#define SCHED  GPU_PLAN_BIT(BPF_PROBE_GPU_SCHED)
#define VIRTIO GPU_PLAN_BIT(BPF_PROBE_GPU_VIRTIO)
#define I915   GPU_PLAN_BIT(BPF_PROBE_GPU_I915)

static const struct {
	const char *driver[4];
	uint32_t probes;
} cases[] = {
	{{}, 0},
	{{"panfrost"}, SCHED},
	{{"msm-mdss"}, SCHED},
	{{"amdgpu", "amdxdna"}, SCHED},
	{{"virtio-pci"}, VIRTIO},
	{{"virtio_gpu", "vnpu"}, VIRTIO | SCHED},
	{{"i915"}, I915},
	{{"i915", "intel_vpu"}, GPU_PLAN_FENCE},
	{{"intel_vpu", "i915"}, GPU_PLAN_FENCE},
	{{"i915", "xe"}, I915 | SCHED},
	{{""}, SCHED},
};

Test(gpu_plan, each_driver_has_its_programs)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct gpu_plan plan = {};
		uint32_t n = 0;

		for (; n < 4 && cases[i].driver[n]; n++)
			gpu_plan_add(&plan, cases[i].driver[n]);
		cr_assert_eq(plan.n_devices, n);
		cr_assert_eq(plan.probes, cases[i].probes, "case %zu: %#x", i, plan.probes);
	}
}

Test(gpu_plan, devices_are_found_in_sysfs)
{
	struct fixture *f = fixture_new();
	struct gpu_plan plan;

	cr_assert_eq(gpu_plan_look(&plan, f->config.roots.sys), 0);
	cr_assert_eq(plan.n_devices, 0);
	fake_dir(f, "sys/class/drm/card0/device");
	fake_link(f, "sys/class/drm/card0/device/driver", "../../bus/pci/drivers/i915");
	cr_assert_eq(gpu_plan_look(&plan, f->config.roots.sys), 0);
	cr_assert_eq(plan.n_devices, 0, "a node without rendering is none");
	fake_dir(f, "sys/class/drm/renderD128/device");
	fake_link(f, "sys/class/drm/renderD128/device/driver", "../../bus/platform/drivers/lima");
	fake_dir(f, "sys/class/accel/accel0/device");
	fake_link(f, "sys/class/accel/accel0/device/driver", "../../bus/pci/drivers/virtio-pci");
	cr_assert_eq(gpu_plan_look(&plan, f->config.roots.sys), 0);
	cr_assert_eq(plan.n_devices, 2);
	cr_assert_eq(plan.probes, SCHED | VIRTIO);
	fixture_free(f);
}
