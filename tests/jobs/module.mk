# SPDX-License-Identifier: MIT
# Jobs for tests, the demo and the benchmarks. tests/jobs/X/Y.comp becomes $(B)/gen/spirv/X/Y.spv
# (hostile/ has kernels that must be refused or stopped, and a .vert that is none); a folder with
# a job.json becomes a bundle, $(B)/jobs/X/, with its kernels beside it.
GLSLANG ?= glslangValidator
JOB_SHADERS := $(sort $(wildcard tests/jobs/*/*.comp))
JOB_SPIRV := $(patsubst tests/jobs/%.comp,$(B)/gen/spirv/%.spv,$(JOB_SHADERS)) \
	$(B)/gen/spirv/hostile/vertex.spv
JOB_BUNDLES := $(patsubst tests/jobs/%/job.json,$(B)/jobs/%/job.json,\
	$(sort $(wildcard tests/jobs/*/job.json)))

define compile_shader
@mkdir -p $(@D)
$(call say,GLSL)$(GLSLANG) --quiet --target-env vulkan1.1 -o $@ $< >$@.log || \
	{ cat $@.log; exit 1; }
endef
$(B)/gen/spirv/%.spv: tests/jobs/%.comp $(wildcard tests/jobs/*/*.h)
	$(compile_shader)
$(B)/gen/spirv/%.spv: tests/jobs/%.vert
	$(compile_shader)

$(B)/jobs/%/job.json: tests/jobs/%/job.json $(JOB_SPIRV)
	@mkdir -p $(@D)
	$(call say,JOB)cp $(filter $(B)/gen/spirv/$*/%.spv,$(JOB_SPIRV)) $(@D)/ && cp $< $@

.PHONY: job-bundles
job-bundles: $(JOB_BUNDLES)

# Fashion-MNIST: blobs made from the data set.
FASHION_DATASET ?= /usr/share/datasets/fashion-mnist
FASHION_STAMP := $(B)/jobs/fashion.blobs
$(B)/jobs/fashion/job.json: $(FASHION_STAMP)
$(FASHION_STAMP): $(B)/tests/jobs/fashion/make_bundle
	@mkdir -p $(B)/jobs/fashion
	$(call say,DATA)$< $(FASHION_DATASET) $(B)/jobs/fashion && touch $@
$(B)/tests/jobs/fashion/make_bundle: $(B)/tests/jobs/fashion/make_bundle.o \
		$(B)/libidlebroker-static.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBBROKER_LIBS) -lz -lm

# What tests need to run kernels themselves, and to compare them.
$(B)/libtestjobs.a: $(call objs,tests/jobs/vkrun.c tests/jobs/fashion/reference.c)
FASHION_TEST := $(B)/tests/unit/test_fashion_kernels
$(FASHION_TEST): TEST_LIBS += $(B)/libtestjobs.a
$(FASHION_TEST): $(B)/libtestjobs.a $(filter $(B)/gen/spirv/fashion/%,$(JOB_SPIRV))
