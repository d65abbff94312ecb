# SPDX-License-Identifier: MIT
# One non-recursive Makefile. Sources, headers and tests are found by their place in the tree:
#   accel/*.c core/*.c ui/*.c          the three layers, one static library each
#   tests/{accel,core,ui}/test_*.c     unit tests; each is linked with its own layer and those below it, never above
#   tests/lib/*.c                      helpers of the tests      tests/vm/testvm.c   VMs for the end-to-end tests
#   tests/bench/bench_*.c              benchmarks           tests/fuzz/fuzz_*.c   fuzz targets
#   tests/e2e/test_*.py                whole program, real VMs
#
#   make [DEVELOPER=1] [SANITIZE=address,undefined] [V=1]

VERSION := 0.1.0

ifeq ($(origin CC),default)
CC := gcc
endif
AR ?= ar
PKG_CONFIG ?= pkg-config
PYTHON ?= python3

prefix ?= /usr/local
exec_prefix ?= $(prefix)
bindir ?= $(exec_prefix)/bin
datarootdir ?= $(prefix)/share
mandir ?= $(datarootdir)/man
INSTALL ?= install
INSTALL_PROGRAM ?= $(INSTALL)
INSTALL_DATA ?= $(INSTALL) -m 644

comma := ,
BUILD := build/$(notdir $(CC))$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(2)')

# The user's CFLAGS, CPPFLAGS and LDFLAGS come last, so that they win.
CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings \
        -Wvla -Wpointer-arith -Wformat=2 -Wimplicit-fallthrough $(if $(DEVELOPER),-Werror)
SAN := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer)
HARDEN := -fstack-protector-strong -fPIE $(if $(SANITIZE),,-D_FORTIFY_SOURCE=2)
ALL_CPPFLAGS := -D_GNU_SOURCE -DKVMLENS_VERSION='"$(VERSION)"' -I. $(CPPFLAGS)
ALL_CFLAGS := -std=c11 $(WARN) $(HARDEN) $(SAN) $(CFLAGS)
ALL_LDFLAGS := -pie -Wl,-z,relro -Wl,-z,now $(SAN) $(LDFLAGS)

# Asked of pkg-config where it is installed; the fall-backs are Debian's own values.
lib = $(or $(shell $(PKG_CONFIG) --libs $(1) 2>/dev/null),$(2))
LIBS_core := -lpthread -lm
LIBS_ui = $(call lib,ncursesw,-lncursesw -ltinfo) $(call lib,jansson,-ljansson)
LIBS_test := -lcmocka

layers := accel core ui
src = $(sort $(wildcard $(1)/*.c))
obj = $(patsubst %.c,$(BUILD)/%.o,$(1))
# main.c is the composition root: it belongs to the program, not to the library that the tests link.
libsrc = $(filter-out ui/main.c,$(call src,$(1)))
archive = $(BUILD)/lib$(1).a
ARCHIVES_accel := $(call archive,accel)
ARCHIVES_core := $(call archive,core) $(ARCHIVES_accel)
ARCHIVES_ui := $(call archive,ui) $(ARCHIVES_core)
LINK_accel :=
LINK_core = $(LIBS_core)
LINK_ui = $(LIBS_ui) $(LIBS_core)

.DEFAULT_GOAL := all
.PHONY: all
all: kvmlens

kvmlens: $(BUILD)/kvmlens
	$(Q)ln -sf $< $@

$(BUILD)/kvmlens: $(BUILD)/ui/main.o $(ARCHIVES_ui)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $^ $(ALL_LDFLAGS) $(LINK_ui)

define layer_rules
$(call archive,$(1)): $(call obj,$(call libsrc,$(1)))
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@ && $$(AR) rcs $$@ $$^
endef
$(foreach l,$(layers),$(eval $(call layer_rules,$(l))))

$(BUILD)/%.o: %.c Makefile
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# --- tests -------------------------------------------------------------------------------------
# An archive: the tests of accel take from it only what needs no higher layer.
testlib := $(BUILD)/libtests.a
$(testlib): $(call obj,$(call src,tests/lib))
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^
define test_rules
tests_$(1) := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/$(1)/test_*.c)))
$$(tests_$(1)): $(BUILD)/%: $(BUILD)/%.o $(testlib) $$(ARCHIVES_$(1))
	$$(call say,LINK,$$@)
	$$(Q)$$(CC) $$(ALL_CFLAGS) -o $$@ $$^ $$(ALL_LDFLAGS) $$(LIBS_test) $$(LINK_$(1))
endef
$(foreach l,$(layers),$(eval $(call test_rules,$(l))))
unit_tests = $(foreach l,$(layers),$(tests_$(l)))

.PHONY: tests unit
tests: $(unit_tests)

# Every unit test is run even when one fails; the exit status is that of all of them.
unit: $(unit_tests)
	$(Q)failed=; for t in $^; do echo "== $$t"; $(RUNNER) $$t || failed="$$failed $$t"; done; \
	  if [ -n "$$failed" ]; then echo "failed:$$failed" >&2; exit 1; fi

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

# --- benchmarks --------------------------------------------------------------------------------
# A benchmark prints figures and never decides a test. Each is a program of its own.
benches := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/bench/bench_*.c)))
$(benches): $(BUILD)/%: $(BUILD)/%.o $(testlib) $(ARCHIVES_ui)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $^ $(ALL_LDFLAGS) $(LINK_ui)

.PHONY: bench
bench: $(benches)
	$(Q)for b in $^; do echo "== $$b"; $$b || exit 1; done

# --- fuzzing -----------------------------------------------------------------------------------
# Each tests/fuzz/fuzz_NAME.c defines LLVMFuzzerTestOneInput. `make check` replays the corpus
# (tests/fuzz/corpus/NAME/*) through fuzz_main.c with any compiler; `make fuzz` runs libFuzzer.
fuzz_targets := $(patsubst %.c,$(BUILD)/%,$(sort $(filter-out %/fuzz_main.c,$(wildcard tests/fuzz/fuzz_*.c))))
$(fuzz_targets): $(BUILD)/%: $(BUILD)/%.o $(BUILD)/tests/fuzz/fuzz_main.o $(ARCHIVES_ui)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $^ $(ALL_LDFLAGS) $(LINK_ui)

.PHONY: fuzz-replay
fuzz-replay: $(fuzz_targets)
	$(Q)for f in $^; do n=$$(basename $$f); $$f tests/fuzz/corpus/$${n#fuzz_}/* || exit 1; done

# --- whole program -----------------------------------------------------------------------------
testvm := $(BUILD)/tests/vm/testvm
$(testvm): $(testvm).o $(ARCHIVES_core)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $^ $(ALL_LDFLAGS) $(LINK_ui)

# E2E=NAME runs the tests of tests/e2e/test_NAME.py only.
.PHONY: e2e
e2e: all $(testvm)
	$(Q)KVMLENS=$(BUILD)/kvmlens TESTVM=$(testvm) $(PYTHON) tests/e2e/run.py $(E2E)

# --- rules of the tree -------------------------------------------------------------------------
headers := $(wildcard $(addsuffix /*.h,$(layers) tests/lib))
.PHONY: check-layers check-headers check-symbols
check-layers:
	$(Q)tests/checks/layers

# Each header brings all it needs.
check-headers:
	$(Q)for h in $(headers); do \
	  printf '#include "%s"\n' $$h | \
	    $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -fsyntax-only -x c - || exit 1; done

check-symbols: $(foreach l,$(layers),$(call obj,$(call src,$(l))))
	$(Q)tests/checks/symbols $^

.PHONY: lint
lint:
	$(Q)tests/checks/lint

# --- one command each for a fresh machine ------------------------------------------------------
# Packages first, then a make of its own: this one has looked for libraries already.
.PHONY: deps-build deps-check demo check
deps-build deps-check:
	$(Q)contrib/install-deps $(@:deps-%=%)

demo: deps-build
	$(Q)$(MAKE) --no-print-directory all
	$(Q)if [ -t 0 ] && [ -t 1 ]; then ./kvmlens --demo; else ./kvmlens --demo -1; fi

check: deps-check
	$(Q)$(MAKE) --no-print-directory all check-layers check-headers check-symbols
	$(Q)$(MAKE) --no-print-directory unit
	$(Q)$(MAKE) --no-print-directory fuzz-replay
	$(Q)$(MAKE) --no-print-directory e2e

.PHONY: clean
clean:
	rm -rf build kvmlens
