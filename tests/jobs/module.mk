# SPDX-License-Identifier: MIT
# Jobs for tests, the demo and the benchmarks. tests/jobs/X/Y.comp becomes $(B)/gen/spirv/X/Y.spv;
# a folder with a job.json becomes a bundle, $(B)/jobs/X/, with its kernels beside it.
GLSLANG ?= glslangValidator
JOB_SHADERS := $(sort $(wildcard tests/jobs/*/*.comp))
JOB_SPIRV := $(patsubst tests/jobs/%.comp,$(B)/gen/spirv/%.spv,$(JOB_SHADERS))
JOB_BUNDLES := $(patsubst tests/jobs/%/job.json,$(B)/jobs/%/job.json,\
	$(sort $(wildcard tests/jobs/*/job.json)))

$(B)/gen/spirv/%.spv: tests/jobs/%.comp
	@mkdir -p $(@D)
	$(call say,GLSL)$(GLSLANG) --quiet --target-env vulkan1.1 -o $@ $< >$@.log || \
		{ cat $@.log; exit 1; }

$(B)/jobs/%/job.json: tests/jobs/%/job.json $(JOB_SPIRV)
	@mkdir -p $(@D)
	$(call say,JOB)cp $(filter $(B)/gen/spirv/$*/%.spv,$(JOB_SPIRV)) $(@D)/ && cp $< $@

.PHONY: job-bundles
job-bundles: $(JOB_BUNDLES)
