# SPDX-License-Identifier: MIT
# Installing. Each folder adds its own part to INSTALL_TARGETS.
INSTALL ?= install
D := $(DESTDIR)
SERVICES := $(B)/packaging/idlebroker.service $(B)/packaging/idlebroker.openrc

$(B)/packaging/idlebroker.service: packaging/systemd/idlebroker.service.in
$(B)/packaging/idlebroker.openrc: packaging/openrc/idlebroker.in
$(SERVICES):
	@mkdir -p $(@D)
	$(call say,GEN)sed 's|@sbindir@|$(sbindir)|g' $< >$@

# Made from the table of settings by IDLEBROKER_REGENERATE=1 $(B)/tests/unit/test_config.
SETTINGS := $(B)/packaging/broker.conf $(B)/packaging/broker.conf.5
$(B)/packaging/broker.conf: packaging/broker.conf.in
$(B)/packaging/broker.conf.5: packaging/man/broker.conf.5.in
$(SETTINGS):
	@mkdir -p $(@D)
	$(call say,GEN)sed 's|@libexecdir@|$(libexecdir)|g' $< >$@

.PHONY: install-broker
install-broker: $(PROGRAMS) $(SERVICES) $(SETTINGS)
	$(INSTALL) -D -m 0755 $(B)/brokerd $(D)$(sbindir)/brokerd
	$(INSTALL) -D -m 0755 $(B)/broker-worker $(D)$(libexecdir)/idlebroker/broker-worker
	$(if $(filter 1,$(WITH_BPF)),$(INSTALL) -D -m 0755 $(B)/broker-bpf \
		$(D)$(libexecdir)/idlebroker/broker-bpf)
	$(INSTALL) -D -m 0755 $(B)/brokerctl $(D)$(bindir)/brokerctl
	$(INSTALL) -D -m 0644 $(B)/packaging/broker.conf $(D)$(sysconfdir)/idlebroker/broker.conf
	$(INSTALL) -D -m 0644 $(B)/packaging/broker.conf.5 $(D)$(mandir)/man5/broker.conf.5
	$(INSTALL) -d $(D)$(sysconfdir)/idlebroker/broker.conf.d
	$(INSTALL) -D -m 0644 libbroker/job/job.schema.json $(D)$(datadir)/idlebroker/job.schema.json
	$(INSTALL) -D -m 0644 $(B)/packaging/idlebroker.service \
		$(D)$(prefix)/lib/systemd/system/idlebroker.service
	$(INSTALL) -D -m 0755 $(B)/packaging/idlebroker.openrc $(D)$(sysconfdir)/init.d/idlebroker
	$(INSTALL) -D -m 0644 packaging/sysusers/idlebroker.conf \
		$(D)$(prefix)/lib/sysusers.d/idlebroker.conf
	for m in packaging/man/*.[1-8]; do \
		$(INSTALL) -D -m 0644 $$m $(D)$(mandir)/man$${m##*.}/$${m##*/} || exit 1; done
	$(INSTALL) -D -m 0644 packaging/completions/brokerctl.bash \
		$(D)$(datadir)/bash-completion/completions/brokerctl
	$(INSTALL) -D -m 0644 packaging/completions/_brokerctl \
		$(D)$(datadir)/zsh/site-functions/_brokerctl
	$(INSTALL) -D -m 0644 packaging/completions/brokerctl.fish \
		$(D)$(datadir)/fish/vendor_completions.d/brokerctl.fish

.PHONY: install
install: install-broker $(INSTALL_TARGETS) ## into $(DESTDIR)$(prefix)
