# SPDX-License-Identifier: MIT
# Installing, packing: install uninstall installcheck dist deb. Included by the Makefile.

datadir ?= $(datarootdir)
docdir ?= $(datarootdir)/doc/kvmlens
sysconfdir ?= $(prefix)/etc
libdir ?= $(exec_prefix)/lib
unitdir ?= $(prefix)/lib/systemd/system
sysusersdir ?= $(prefix)/lib/sysusers.d
bashcompdir ?= $(datarootdir)/bash-completion/completions
zshcompdir ?= $(datarootdir)/zsh/site-functions
fishcompdir ?= $(datarootdir)/fish/vendor_completions.d

units := kvmlens-textfile.service kvmlens-textfile.timer kvmlens-log.service
built_units := $(addprefix $(BUILD)/systemd/,$(units))

# Both services share their hardening; the program's place is known here only, and may be another
# than last time.
$(BUILD)/systemd/%.service: contrib/systemd/%.service.in contrib/systemd/hardening.in FORCE
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)sed -e '/^@hardening@$$/{r contrib/systemd/hardening.in' -e 'd}' -e 's|@bindir@|$(bindir)|' $< >$@

$(BUILD)/systemd/%.timer: contrib/systemd/%.timer
	$(Q)mkdir -p $(@D)
	$(Q)cp $< $@

.PHONY: FORCE
FORCE:

# What is installed, as MODE SOURCE TARGET. install, uninstall and installcheck go through this list.
define installed
755 $(BUILD)/kvmlens $(bindir)/kvmlens
644 man/kvmlens.1 $(mandir)/man1/kvmlens.1
644 contrib/completions/kvmlens.bash $(bashcompdir)/kvmlens
644 contrib/completions/_kvmlens $(zshcompdir)/_kvmlens
644 contrib/completions/kvmlens.fish $(fishcompdir)/kvmlens.fish
644 contrib/systemd/kvmlens.sysusers $(sysusersdir)/kvmlens.conf
644 contrib/kvmlens.logrotate $(docdir)/examples/kvmlens.logrotate
644 contrib/systemd/kvmlens-bpf.conf $(docdir)/examples/kvmlens-bpf.conf
644 contrib/prometheus/kvmlens.rules.yml $(docdir)/examples/kvmlens.rules.yml
$(foreach u,$(units),644 $(BUILD)/systemd/$(u) $(unitdir)/$(u)
)
endef
export KVMLENS_INSTALLED = $(installed)
each_installed = printf '%s\n' "$$KVMLENS_INSTALLED" | while read -r mode source target; do \
	  [ -n "$$mode" ] || continue; $(1) || exit 1; done

.PHONY: install uninstall installcheck dist deb
install: $(BUILD)/kvmlens $(built_units)
	$(Q)$(call each_installed,if [ $$mode = 755 ]; then $(INSTALL_PROGRAM) -D -m $$mode $$source "$(DESTDIR)$$target"; \
	  else $(INSTALL_DATA) -D $$source "$(DESTDIR)$$target"; fi)

# Leaves directories, which others may use.
uninstall:
	$(Q)$(call each_installed,rm -f "$(DESTDIR)$$target")

# Everything is there, readable, and the program that was installed is this one.
installcheck:
	$(Q)$(call each_installed,[ -r "$(DESTDIR)$$target" ] || { echo "not installed: $$target"; false; })
	$(Q)"$(DESTDIR)$(bindir)/kvmlens" --version | grep -qx 'kvmlens $(VERSION)'
	$(Q)"$(DESTDIR)$(bindir)/kvmlens" --help >/dev/null

# A source archive that depends on nothing but the commit.
dist: dist_name = kvmlens-$(VERSION)
dist:
	$(Q)mkdir -p build
	$(Q)git archive --format=tar --prefix=$(dist_name)/ -o build/$(dist_name).tar HEAD
	$(Q)gzip -9nf build/$(dist_name).tar
	$(call say,DIST,build/$(dist_name).tar.gz)

deb:
	$(Q)MAKE='$(MAKE)' VERSION=$(VERSION) contrib/debian/build
