# SPDX-License-Identifier: MIT
# One non-recursive Makefile. Sources, headers and tests are found by their place in the tree:
#   {accel,core,ui}/**.c               the three layers and their rooms, one static library each
#   tests/{accel,core,ui}/test_*.c     unit tests; each is linked with its own layer and those below it, never above
#   tests/lib/*.c                      helpers of the tests      tests/vm/testvm.c   VMs for the end-to-end tests
#   tests/vm/hostile*.c                neighbours that a monitor must survive
#   tests/vm/dirtier/                  a guest that dirties its memory as it is told to     tests/forecast/  migrates it
#   tests/bench/bench_*.c              benchmarks           tests/fuzz/fuzz_*.c   fuzz targets
#   tests/e2e/test_*.py                whole program, real VMs     tests/faults/faulty.c   makes system calls fail
#   tests/nested/guest/test_*.py       the same inside Debian's own kernels, emulated
#   tests/units/                       the package and its units under systemd, emulated
#   core/bpf/*.bpf.c                   BPF programs, for the kernel; a header with each is made below build/
#
#   make [DEVELOPER=1] [SANITIZE=address,undefined] [BPF=no] [V=1]

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
# Compilers differ in what they know, so each hardening flag is tried.
probe = $(shell echo 'int main(void) { return 0; }' | $(CC) -Werror -O2 $(1) -x c - -o /dev/null 2>/dev/null && echo '$(1)')
HARDEN := -fstack-protector-strong -fPIE $(if $(SANITIZE),,$(or $(call probe,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3),\
          -D_FORTIFY_SOURCE=2)) $(call probe,-fstack-clash-protection) $(call probe,-fcf-protection=full) \
          $(call probe,-fstrict-flex-arrays=3) $(call probe,-fno-delete-null-pointer-checks) \
          $(call probe,-ffile-prefix-map=$(CURDIR)=.)
ALL_CPPFLAGS := -D_GNU_SOURCE -DKVMLENS_VERSION='"$(VERSION)"' -I. $(CPPFLAGS)
ALL_CFLAGS := -std=c11 $(WARN) $(HARDEN) $(SAN) $(CFLAGS)
ALL_LDFLAGS := -pie -Wl,-z,relro -Wl,-z,now $(call probe,-Wl$(comma)-z$(comma)noexecstack) $(SAN) $(LDFLAGS)

# Asked of pkg-config where it is installed; the fall-backs are Debian's own values.
lib = $(or $(shell $(PKG_CONFIG) --libs $(1) 2>/dev/null),$(2))
LIBS_core := -lpthread -lm $(call lib,libcap-ng,-lcap-ng) $(call lib,libseccomp,-lseccomp) $(call lib,libxxhash,-lxxhash)
LIBS_ui = $(call lib,ncursesw,-lncursesw -ltinfo) $(call lib,jansson,-ljansson) $(call lib,inih,-linih)
LIBS_test := -lcmocka

# --- BPF ---------------------------------------------------------------------------------------
# BPF=no leaves it out, and so does what is missing here; the build says so when it links the program.
# clang compiles for the kernel, whatever CC is. Debian's bpftool is not in everybody's PATH.
BPF_CLANG ?= clang
BPFTOOL ?= $(or $(shell PATH="$$PATH:/usr/sbin:/sbin" command -v bpftool 2>/dev/null),bpftool)
LIBS_bpf := $(call lib,libbpf,-lbpf) -lelf
can_run = $(shell command -v $(1) >/dev/null 2>&1 || echo $(1))
bpf_library = $(shell echo 'unsigned elf_version(unsigned); char is_new[LIBBPF_MAJOR_VERSION >= 1 ? 1 : -1]; \
  int main(void) { return (int)(libbpf_major_version() + elf_version(0)); }' | \
  $(CC) $(CPPFLAGS) -include bpf/libbpf.h -x c - -o /dev/null $(LDFLAGS) $(LIBS_bpf) 2>/dev/null || echo libbpf-dev/libelf-dev)
bpf_missing := $(if $(filter no,$(BPF)),BPF=no,$(strip $(call can_run,$(BPF_CLANG)) $(call can_run,$(BPFTOOL)) $(bpf_library)))
bpf_choice := $(if $(bpf_missing),without,with)
# Only one of both is in the program.
bpf_unused := $(addprefix core/bpf/kvm_,$(if $(filter with,$(bpf_choice)),bpf_none.c exits_none.c,\
                bpf.c bpf_host.c bpf_read.c layout.c exits.c exits_patch.c exits_read.c))
ifeq ($(bpf_choice),with)
LIBS_core += $(LIBS_bpf)
endif

layers := accel core ui
src = $(filter-out %.bpf.c $(bpf_unused),$(sort $(wildcard $(1)/*.c $(1)/*/*.c)))
obj = $(patsubst %.c,$(BUILD)/%.o,$(1))
# main.c is the composition root: it belongs to the program, not to the library that the tests link.
libsrc = $(filter-out ui/app/main.c,$(call src,$(1)))
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

$(BUILD)/kvmlens: $(BUILD)/ui/app/main.o $(ARCHIVES_ui)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $^ $(ALL_LDFLAGS) $(LINK_ui)
	$(if $(bpf_missing),@echo 'built without BPF$(if $(filter no,$(BPF)),, for lack of): $(bpf_missing)')

define layer_rules
$(call archive,$(1)): $(call obj,$(call libsrc,$(1)))
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@ && $$(AR) rcs $$@ $$(filter %.o,$$^)
endef
$(foreach l,$(layers),$(eval $(call layer_rules,$(l))))

# Changes when the choice does: then other objects make up the library.
$(call archive,core): $(BUILD)/bpf-choice
$(BUILD)/bpf-choice: FORCE
	$(Q)mkdir -p $(@D) && { [ "$$(cat $@ 2>/dev/null)" = $(bpf_choice) ] || echo $(bpf_choice) >$@; }

# The programs for the kernel, and a header with each of them. Their debug information stays out: BTF is enough.
$(BUILD)/%.bpf.o: %.bpf.c Makefile
	$(call say,BPF,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(BPF_CLANG) -target bpf -mcpu=v3 -ffreestanding -O2 -g -Wall -Wextra $(if $(DEVELOPER),-Werror) \
	  -ffile-prefix-map=$(CURDIR)=. -I. -MMD -MP -MF $(@:.o=.d) -MT $@ -c -o $@.full $<
	$(Q)$(BPFTOOL) gen object $@ $@.full && rm -f $@.full

.PRECIOUS: $(BUILD)/%.bpf.o
$(BUILD)/%.skel.h: $(BUILD)/%.bpf.o
	$(call say,GEN,$@)
	$(Q){ printf '#pragma GCC system_header\n/* NOLINTBEGIN */\n' && $(BPFTOOL) gen skeleton $< name $(notdir $*) && \
	  echo '/* NOLINTEND */'; } >$@.new && mv $@.new $@

$(BUILD)/core/bpf/kvm_bpf.o $(BUILD)/core/bpf/kvm_bpf_read.o: $(BUILD)/core/bpf/kvm_iter.skel.h
$(BUILD)/tests/core/test_kvm_bpf.o: $(BUILD)/core/bpf/kvm_iter.skel.h
$(BUILD)/core/bpf/kvm_exits.o $(BUILD)/core/bpf/kvm_exits_read.o: $(BUILD)/core/bpf/kvm_exits_count.skel.h
$(BUILD)/tests/bench/bench_exits.o: $(BUILD)/core/bpf/kvm_exits_count.skel.h
$(BUILD)/core/bpf/%.o $(BUILD)/tests/core/test_kvm_bpf.o $(BUILD)/tests/bench/bench_exits.o: ALL_CPPFLAGS += -I$(BUILD)

$(BUILD)/%.o: %.c Makefile
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# --- tests -------------------------------------------------------------------------------------
# An archive: the tests of accel take from it only what needs no higher layer.
# What takes the place of core/bpf is only for the tests that name it: others mean the real one.
testlib := $(BUILD)/libtests.a
$(testlib): $(call obj,$(filter-out tests/lib/fake_bpf.c,$(call src,tests/lib)))
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^
# Those of what only a build with BPF has.
bpf_tests := $(if $(filter without,$(bpf_choice)),core/test_kvm_bpf core/test_kvm_bpf_host core/test_kvm_layout core/test_kvm_exits \
               core/test_kvm_exits_odd)
define test_rules
tests_$(1) := $(filter-out $(bpf_tests:%=$(BUILD)/tests/%),$(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/$(1)/test_*.c))))
$$(tests_$(1)): $(BUILD)/%: $(BUILD)/%.o $(testlib) $$(ARCHIVES_$(1))
	$$(call say,LINK,$$@)
	$$(Q)$$(CC) $$(ALL_CFLAGS) -o $$@ $$(filter %.o,$$^) $$(filter %.a,$$^) $$(ALL_LDFLAGS) $$(LIBS_test) $$(LINK_$(1))
endef
$(foreach l,$(layers),$(eval $(call test_rules,$(l))))
$(BUILD)/tests/core/test_child_bpf $(BUILD)/tests/core/test_exits_wish: $(BUILD)/tests/lib/fake_bpf.o
# Tests in which allocations or lists fail: theirs stand before the real functions.
$(BUILD)/tests/ui/test_scan_memory: ALL_LDFLAGS += $(patsubst %,-Wl$(comma)--wrap=%,malloc calloc realloc)
$(BUILD)/tests/core/test_discover: ALL_LDFLAGS += -Wl,--wrap=readdir
# The kernel refuses programs where the test says so.
$(BUILD)/tests/core/test_kvm_bpf: ALL_LDFLAGS += $(patsubst %,-Wl$(comma)--wrap=bpf_object__%_skeleton,open load)
# It takes as long as the test says.
$(BUILD)/tests/core/test_source_bpf: ALL_LDFLAGS += -Wl,--wrap=kvm_bpf_read_process
# KVM is loaded when the test says so.
$(BUILD)/tests/core/test_exits_wish: ALL_LDFLAGS += -Wl,--wrap=rootfs_stat
# What the kernel says of memslots is said by the test.
$(BUILD)/tests/core/test_scan_slots $(BUILD)/tests/core/test_vm_migration: ALL_LDFLAGS += -Wl,--wrap=kvm_bpf_slots_read
# UNIT_SKIP=core/test_NAME leaves tests out; who sets it says why.
unit_tests = $(filter-out $(UNIT_SKIP:%=$(BUILD)/tests/%),$(foreach l,$(layers),$(tests_$(l))))

.PHONY: tests unit
tests: $(unit_tests)

# Tests in which threads share memory: those worth a run under the thread sanitizer.
.PHONY: list-thread-tests
list-thread-tests:
	@echo $(filter %/test_scan_worker %/test_scan %/test_scan_weather %/test_scan_odd_memory \
	  %/test_minivm,$(unit_tests))

# Every unit test is run even when one fails; the exit status is that of all of them. Most of them wait
# for something most of the time, so some run at once; what one says stays together. Those that count
# exits run alone: where a vCPU takes the CPU from another that reads a map, the kernel hides events.
UNIT_JOBS ?= 4
unit_alone = $(filter %/test_kvm_exits %/test_kvm_exits_odd %/test_child_exits,$(unit_tests))
unit_failed = $(BUILD)/unit-failed$(if $(RUNNER),-emulated)
unit_run = printf '%s\n' $(1) | xargs -r -P $(2) -I{} sh -c \
    'said=$$($(RUNNER) {} 2>&1) || echo {} >>$(unit_failed); printf "== %s\n%s\n" {} "$$said"'
unit: $(unit_tests)
	$(if $(bpf_tests),@echo 'skipped: $(bpf_tests): built without BPF')
	$(Q)rm -f $(unit_failed)
	$(Q)$(call unit_run,$(unit_alone),1)
	$(Q)$(call unit_run,$(filter-out $(unit_alone),$(unit_tests)),$(UNIT_JOBS))
	$(Q)if [ -s $(unit_failed) ]; then echo "failed: $$(tr '\n' ' ' <$(unit_failed))" >&2; exit 1; fi

# The same suite on other CPUs, emulated. What is missing for it is said, and is no failure.
# A CPU without SSE4.1: an instruction that leaked into shared code or into sse2 ends in SIGILL. The
# first line shows that the emulated CPU is what it should be.
# Tests that cannot pass there: they make VMs, read saved trees with openat2, watch a child's signals,
# or read the memory of another process, which is the emulator's and not laid out as the test says.
# Of what no CPU changes some do less where KVMLENS_SHORT_RUN is set, and say so (tests/lib/short_run.h).
EMULATED_SKIP := core/test_minivm core/test_demo core/test_host_check core/test_look core/test_sampler ui/test_monitor \
                 core/test_residency core/test_scan core/test_scan_odd_memory core/test_scan_weather \
                 core/test_scan_privacy core/test_scan_held core/test_scan_link core/test_child_bpf core/test_scan_worker core/test_uffd_holders core/test_source_proc \
                 core/test_source_debugfs core/test_host_totals core/test_ram_find core/test_rootfs core/test_sample_link \
                 core/test_discover core/test_vcpu_threads core/test_vm_migration core/test_source_statsfd core/test_source_host core/test_source_load core/test_source_memory \
                 core/test_host_fix core/test_privilege core/test_privilege_places core/test_privilege_work \
                 core/test_scan_files core/test_scan_inspect core/test_scan_slots core/test_scan_smaps core/test_scan_zero_page ui/test_scan_memory \
                 ui/test_scan_run ui/test_scan_queue ui/test_batch_estimates ui/test_estimates ui/test_kept_forecasts ui/test_scan_pool core/test_source_bpf core/test_kvm_bpf \
                 core/test_exit_names core/test_kvm_exits core/test_kvm_exits_odd core/test_child_exits core/test_exits_wish core/test_read_hash core/test_scan_dirty core/test_scan_dirty_limits core/test_scan_dirty_vm core/test_scan_void core/test_scan_busy core/test_watch
SSE2_RUNNER := qemu-x86_64 -cpu Opteron_G1,-pni
.PHONY: check-sse2 check-arm64
check-sse2: $(unit_tests)
	$(Q)case $$($(CC) -dumpmachine) in x86_64*) ;; *) echo "SKIP $@: not an x86-64 build"; exit 0;; esac; \
	  if ! command -v qemu-x86_64 >/dev/null; then echo "SKIP $@: no qemu-x86_64 (qemu-user)"; exit 0; fi; \
	  $(SSE2_RUNNER) $(BUILD)/tests/accel/test_cpu 2>&1 | grep -x 'this CPU: sse2' && \
	  tests/checks/no-sigill '$(SSE2_RUNNER)' $(EMULATED_SKIP:%=$(BUILD)/tests/%) && \
	  KVMLENS_SHORT_RUN=1 $(MAKE) --no-print-directory unit RUNNER='$(SSE2_RUNNER)' UNIT_SKIP='$(EMULATED_SKIP)'

# The arm64 libraries are unpacked below build/ by .ci/arm64-packages, never installed.
ARM64_CC ?= aarch64-linux-gnu-gcc
ARM64_ROOT ?= $(CURDIR)/build/cache/arm64
ARM64_LIBS = $(ARM64_ROOT)/usr/lib/aarch64-linux-gnu:$(ARM64_ROOT)/lib/aarch64-linux-gnu
ARM64_BUILD = build/$(notdir $(ARM64_CC))
ARM64_RUNNER = qemu-aarch64 -L /usr/aarch64-linux-gnu -E LD_LIBRARY_PATH=$(ARM64_LIBS)
# Whole-program tests on saved and generated hosts: they need no KVM.
ARM64_E2E := test_arm64 test_old_kernels SavedHosts
check-arm64:
	$(Q)for tool in $(ARM64_CC) qemu-aarch64; do command -v $$tool >/dev/null || \
	    { echo "SKIP $@: no $$tool (gcc-aarch64-linux-gnu, qemu-user)"; exit 0; }; done; \
	  if [ ! -e $(ARM64_ROOT)/usr/include/cmocka.h ]; then \
	    echo "SKIP $@: no arm64 libraries in $(ARM64_ROOT) (.ci/arm64-packages unpacks them)"; exit 0; fi; \
	  echo "SKIP $(EMULATED_SKIP): they need KVM or system calls that qemu-user lacks"; \
	  KVMLENS_SHORT_RUN=1 $(MAKE) --no-print-directory $(ARM64_BUILD)/kvmlens unit CC=$(ARM64_CC) PKG_CONFIG=false UNIT_SKIP='$(EMULATED_SKIP)' \
	    CPPFLAGS='-isystem $(ARM64_ROOT)/usr/include -isystem $(ARM64_ROOT)/usr/include/aarch64-linux-gnu' \
	    LDFLAGS='$(foreach d,$(subst :, ,$(ARM64_LIBS)),-L$(d) -Wl$(comma)-rpath-link$(comma)$(d))' \
	    RUNNER='$(ARM64_RUNNER)' && \
	  printf '#!/bin/sh\nexec %s %s "$$@"\n' '$(ARM64_RUNNER)' $(CURDIR)/$(ARM64_BUILD)/kvmlens >$(ARM64_BUILD)/kvmlens-emulated && \
	  chmod +x $(ARM64_BUILD)/kvmlens-emulated && $(ARM64_BUILD)/kvmlens-emulated --version || exit 1; \
	  if $(ARM64_BUILD)/kvmlens-emulated --sysroot tests/data/roots/no-debugfs --list 2>&1 | grep -q 'not implemented'; then \
	    echo "SKIP $(ARM64_E2E) on arm64: this qemu-user lacks openat2"; exit 0; fi; \
	  KVMLENS=$(ARM64_BUILD)/kvmlens-emulated TESTVM=/bin/true $(PYTHON) tests/e2e/run.py $(ARM64_E2E)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

# --- benchmarks --------------------------------------------------------------------------------
# A benchmark prints figures and never decides a test. Each is a program of its own.
bpf_benches := $(if $(filter without,$(bpf_choice)),$(BUILD)/tests/bench/bench_exits)
benches := $(filter-out $(bpf_benches),$(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/bench/bench_*.c))))
$(benches): $(BUILD)/%: $(BUILD)/%.o $(testlib) $(ARCHIVES_ui)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $^ $(ALL_LDFLAGS) $(LINK_ui)

.PHONY: bench
bench: $(benches)
	$(if $(bpf_benches),@echo 'skipped: $(notdir $(bpf_benches)): built without BPF')
	$(Q)for b in $^; do echo "== $$b"; $$b || exit 1; done
	$(Q)$(MAKE) --no-print-directory bench-refresh

# What a refresh and the first screen cost the whole program, beside what they cost at another commit: BEFORE=COMMIT, which
# is built below build/bench. BENCH_ROUNDS: of all screens, some 80 s each.
BENCH_ROUNDS ?= 3
.PHONY: bench-refresh
bench-refresh: all $(BUILD)/tests/vm/testvm
	@echo '== tests/bench/refresh_cost.py'
	$(Q)KVMLENS=$(BUILD)/kvmlens TESTVM=$(BUILD)/tests/vm/testvm $(PYTHON) -B tests/bench/refresh_cost.py \
	  --rounds $(BENCH_ROUNDS) $(BEFORE:%=--before %)

# A guest that dirties its memory: the image of 64 KiB that stands where a BIOS would. Only for x86.
dirtier := $(if $(filter x86_64%,$(shell $(CC) -dumpmachine)),$(BUILD)/tests/vm/dirtier/dirtier.bin)
DIRTIER_FLAGS := -std=c11 $(WARN) -O2 -g0 -m64 -ffreestanding -fno-pic -fno-pie -mcmodel=small -mno-red-zone \
                 -mgeneral-regs-only -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables
dirtier_objects := $(patsubst %,$(BUILD)/tests/vm/dirtier/%.o,boot dirtier)
$(dirtier_objects): $(BUILD)/%.o: $(wildcard tests/vm/dirtier/*) Makefile
	$(call say,CC,$(firstword $(wildcard $*.S $*.c)))
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(DIRTIER_FLAGS) -c -o $@ $(firstword $(wildcard $*.S $*.c))

$(BUILD)/tests/vm/dirtier/dirtier.bin: $(dirtier_objects) tests/vm/dirtier/dirtier.lds
	$(call say,IMAGE,$@)
	$(Q)$(CC) -nostdlib -static -Wl,--build-id=none -Wl,-T,tests/vm/dirtier/dirtier.lds -o $(@:.bin=.elf) \
	  $(dirtier_objects)
	$(Q)objcopy -O binary $(@:.bin=.elf) $@

# Real migrations, drawn by a seed: FORECAST_CASES of them, or as many as the time allows; what kvmlens forecast just
# before beside what came of it, and what QEMU said of the dirty rate. What is measured stays in a file, and is not measured
# again. Needs KVM and QEMU.
FORECAST_SEED ?= 1
FORECAST_CASES ?= 50
FORECAST_SECONDS ?= 1800
forecast_truth = build/forecast/truth-$(FORECAST_SEED).jsonl
.PHONY: bench-forecast
bench-forecast: all $(dirtier) $(BUILD)/tests/bench/bench_forecast
	$(Q)mkdir -p $(dir $(forecast_truth))
	$(Q)KVMLENS=$(BUILD)/kvmlens DIRTIER=$(dirtier) $(PYTHON) -B tests/forecast/truth.py run $(forecast_truth) --seed $(FORECAST_SEED) \
	  --cases $(FORECAST_CASES) --budget $(FORECAST_SECONDS)
	$(Q)$(PYTHON) -B tests/forecast/truth.py show $(forecast_truth)
	$(Q)$(PYTHON) -B tests/forecast/truth.py rates $(forecast_truth)
	$(Q)BENCH_FORECAST=$(BUILD)/tests/bench/bench_forecast $(PYTHON) -B tests/forecast/compare.py $(forecast_truth)

# The curve of a forecast beside what QEMU says of the dirty rate, and the truth; and what a forecast costs.
.PHONY: bench-dirty
bench-dirty: all $(dirtier)
	$(Q)KVMLENS=$(BUILD)/kvmlens DIRTIER=$(dirtier) $(PYTHON) -B tests/forecast/rates.py
	$(Q)KVMLENS=$(BUILD)/kvmlens DIRTIER=$(dirtier) $(PYTHON) -B tests/forecast/cost.py

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

# What libFuzzer finds goes below build/; an input worth keeping is moved into the corpus by hand.
FUZZ_SECONDS ?= 60
fuzz_found = $(BUILD)/fuzz
libfuzzer_targets := $(patsubst $(BUILD)/tests/fuzz/%,$(fuzz_found)/%,$(fuzz_targets))
$(libfuzzer_targets): $(fuzz_found)/%: $(BUILD)/tests/fuzz/%.o $(ARCHIVES_ui)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer -o $@ $^ $(ALL_LDFLAGS) $(LINK_ui)

.PHONY: fuzz fuzz-run
fuzz:
	$(Q)if ! command -v clang >/dev/null; then echo "SKIP $@: no clang (libFuzzer comes with it)"; exit 0; fi; \
	  $(MAKE) --no-print-directory fuzz-run CC=clang SANITIZE=fuzzer-no-link,address,undefined

fuzz-run: $(libfuzzer_targets)
	$(Q)for f in $^; do n=$$(basename $$f); n=$${n#fuzz_}; echo "== fuzz $$n, $(FUZZ_SECONDS) s"; \
	  mkdir -p $(fuzz_found)/found/$$n && \
	  $$f -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
	    -artifact_prefix=$(fuzz_found)/$$n- $(fuzz_found)/found/$$n tests/fuzz/corpus/$$n || exit 1; done

# --- whole program -----------------------------------------------------------------------------
testvm := $(BUILD)/tests/vm/testvm
$(testvm): $(testvm).o $(ARCHIVES_core)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $^ $(ALL_LDFLAGS) $(LINK_ui)

# Neighbours that a monitor must survive.
hostile := $(BUILD)/tests/vm/hostile
$(hostile): $(call obj,$(sort $(wildcard tests/vm/hostile*.c))) $(ARCHIVES_core)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $^ $(ALL_LDFLAGS) $(LINK_core)

faulty := $(BUILD)/tests/faults/faulty
$(faulty): $(faulty).o
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $^ $(ALL_LDFLAGS)

# E2E=NAME runs the tests of tests/e2e/test_NAME.py only, E2E=-NAME all but those. AGAIN=1, as in `make check`: those that failed
# run once more, and what passes then is named as unsteady. TESTVM is one to be watched by a sanitized
# kvmlens: its own would have 14 TiB of shadow memory, which looks like RAM.
TESTVM ?= $(testvm)
HOSTILE ?= $(hostile)
.PHONY: e2e
e2e: all $(TESTVM) $(HOSTILE) $(faulty) $(dirtier)
	$(Q)KVMLENS=$(BUILD)/kvmlens TESTVM=$(TESTVM) HOSTILE=$(HOSTILE) FAULTY=$(faulty) DIRTIER=$(dirtier) \
	  $(PYTHON) tests/e2e/run.py $(if $(filter 1,$(AGAIN)),--again) $(E2E)

# Each system call of a tick and of a scan fails once, in each way it can; a table of what came of it. Long: some
# thousand runs. `make e2e` has a sample of them, KVMTEST_SEED=N the same sample again.
.PHONY: faults
faults: all $(TESTVM) $(faulty)
	$(Q)KVMLENS=$(BUILD)/kvmlens TESTVM=$(TESTVM) FAULTY=$(faulty) KVMTEST_FAULTS=all \
	  $(PYTHON) tests/e2e/run.py test_faults

# VMs come and go for SOAK_SECONDS beside a monitor, a log and scans; their figures before and after. `make e2e` has
# 12 seconds of it.
SOAK_SECONDS ?= 600
.PHONY: soak
soak: all $(TESTVM)
	$(Q)KVMLENS=$(BUILD)/kvmlens TESTVM=$(TESTVM) SOAK_SECONDS=$(SOAK_SECONDS) $(PYTHON) tests/e2e/run.py test_soak

# Debian's own kernels in emulated machines. NESTED='--kernel 6.1 NAME' chooses.
.PHONY: nested
nested: all $(testvm) $(filter %/test_kvm_bpf %/test_kvm_exits %/test_kvm_exits_odd %/test_source_bpf,$(unit_tests))
	$(Q)KVMLENS=$(BUILD)/kvmlens TESTVM=$(testvm) $(PYTHON) tests/nested/run.py $(if $(filter 1,$(AGAIN)),--again) $(NESTED)

# The end-to-end tests where this machine has no KVM: in an emulated Debian that has. As root, for debootstrap.
# NESTED_E2E='--append lockdown=integrity NAME' chooses.
.PHONY: nested-e2e
nested-e2e: all tests $(testvm) $(hostile)
	$(Q)KVMLENS=$(BUILD)/kvmlens TESTVM=$(testvm) $(PYTHON) tests/nested/debian.py $(NESTED_E2E)

# The systemd units under systemd, in an emulated Debian that has the package. As root; part of no other target.
.PHONY: check-units
check-units: all $(testvm)
	$(Q)$(MAKE) --no-print-directory deb
	$(Q)DEB=build/kvmlens_$(VERSION)-1_amd64.deb TESTVM=$(testvm) tests/units/run

# --- rules of the tree -------------------------------------------------------------------------
headers := $(wildcard $(addsuffix /*.h,$(layers) tests/lib) $(addsuffix /*/*.h,$(layers)))
.PHONY: check-layers check-headers check-symbols
check-layers:
	$(Q)tests/checks/places
	$(Q)tests/checks/rooms
	$(Q)$(PYTHON) -B tests/checks/test_rooms.py -q
	$(Q)tests/checks/dialect
	$(Q)$(PYTHON) -B tests/checks/test_dialect.py -q
	$(Q)$(PYTHON) -B tests/checks/test_lanes.py -q
	$(Q)tests/checks/lines

# The screens in README.md are golden screens, and the links of all documents lead somewhere.
.PHONY: check-readme
check-readme:
	$(Q)tests/checks/readme-screens
	$(Q)tests/checks/links
	$(Q)$(PYTHON) -B tests/checks/test_links.py -q

# Writes the golden screens anew, and with them those of README.md and the tables of the manual: look at the
# diff before it is committed.
.PHONY: golden-update
golden-update: $(BUILD)/tests/ui/test_screens $(BUILD)/tests/ui/test_first_page $(BUILD)/tests/ui/test_man
	$(Q)for t in $^; do GOLDEN_UPDATE=1 $$t || exit 1; done
	$(Q)tests/checks/readme-screens --update

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
	$(Q)if [ -t 0 ] && [ -t 1 ]; then ./kvmlens --demo; else ./kvmlens --demo -1; fi || \
	  [ $$? -eq 3 ] # done, but this host hides something; kvmlens has said what

.PHONY: programs
programs: all tests $(fuzz_targets) $(testvm) $(hostile) $(faulty) $(dirtier)

# Emulated kernels are no VMs of KVM's, and take the CPU time that the end-to-end tests leave: those mostly wait.
skipped = $(CURDIR)/$(BUILD)/skipped
check: AGAIN := 1
check: deps-check
	$(Q)$(MAKE) --no-print-directory programs
	$(Q)$(MAKE) --no-print-directory check-layers check-headers check-symbols check-readme
	$(Q)$(MAKE) --no-print-directory unit
	$(Q)$(MAKE) --no-print-directory fuzz-replay
	$(Q)rm -f $(skipped)
	$(Q)KVMTEST_SKIPPED=$(skipped) tests/lib/beside \
	  '$(MAKE) --no-print-directory nested AGAIN=$(AGAIN) NESTED="$(NESTED) --at-once 1"' '$(MAKE) --no-print-directory e2e AGAIN=$(AGAIN)'
	$(Q)tests/checks/skipped $(skipped)

include contrib/install.mk

.PHONY: clean
clean:
	rm -rf build kvmlens
