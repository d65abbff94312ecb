# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Packages of Debian 12 for tests, unpacked beside the system. Sourced, by scripts with `set -e`.
#
# Nothing is installed and no file of the machine is changed: lists and downloads have directories of their
# own below build/cache. The mirrors are those that the machine's own apt is set up with; only the suites
# are ours, so that bookworm-backports can be used without a change of the machine's sources.
#
# debian_apt COMMAND...              apt-get on these lists, which are fetched when they are older than a day
# debian_depends PACKAGE RELEASE     names that PACKAGE of RELEASE depends on, one a line
# debian_get DIR RELEASE PACKAGE...  just these packages, without what they depend on, unpacked into DIR

debian_cache=$PWD/build/cache
debian_keyring=/usr/share/keyrings/debian-archive-keyring.gpg

debian_fail() {
    echo "${0##*/}: $*" >&2
    return 1
}

# debian_mirrors RELEASE: where the machine gets that suite of Debian's from.
debian_mirrors() {
    # shellcheck disable=SC2016  # apt's own placeholders
    apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(SITE)' 'Created-By: Packages' 2>/dev/null |
        awk -v release="$1" '$1 == release && $2 == "main" { print $3 }' | awk '!seen[$0]++'
}

# Empty where this machine is no Debian on x86-64 or names no mirror; the reason is printed.
debian_sources() {
    local codename mirror security
    if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null ||
        [ ! -r "$debian_keyring" ] || [ "$(dpkg --print-architecture)" != amd64 ]; then
        debian_fail 'needs a Debian system on x86-64'
        return
    fi
    # shellcheck source=/dev/null
    codename=$(. /etc/os-release && echo "${ID:-}:${VERSION_CODENAME:-}")
    case $codename in
    debian:?*) codename=${codename#debian:} ;;
    *)
        debian_fail "needs Debian's own sources, this is $codename"
        return
        ;;
    esac
    mirror=$(debian_mirrors "$codename" | head -n 1)
    if [ -z "$mirror" ]; then
        debian_fail "the machine's apt names no mirror of $codename"
        return
    fi
    echo "deb [signed-by=$debian_keyring] $mirror bookworm main"
    echo "deb [signed-by=$debian_keyring] $mirror bookworm-backports main"
    security=$(debian_mirrors "$codename-security" | head -n 1)
    if [ -n "$security" ]; then
        echo "deb [signed-by=$debian_keyring] $security bookworm-security main"
    fi
}

debian_raw_apt() {
    local program=$1
    shift
    "$program" -q -o Dir::Etc::SourceList="$debian_cache/apt/sources.list" \
        -o Dir::Etc::SourceParts="$debian_cache/apt/parts" \
        -o Dir::State::Lists="$debian_cache/apt/lists" -o Dir::Cache="$debian_cache/apt" \
        -o APT::Sandbox::User="$(id -un)" -o Debug::NoLocking=1 -o Acquire::Languages=none \
        -o Acquire::Retries=1 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 "$@"
}

debian_lists() {
    local sources
    [ -z "${debian_ready:-}" ] || return 0
    sources=$(debian_sources)
    mkdir -p "$debian_cache/apt/lists/partial" "$debian_cache/apt/archives/partial" "$debian_cache/apt/parts"
    if [ "$(cat "$debian_cache/apt/sources.list" 2>/dev/null)" != "$sources" ]; then
        printf '%s\n' "$sources" >"$debian_cache/apt/sources.list"
        rm -f "$debian_cache/apt/updated"
    fi
    if [ -z "$(find "$debian_cache/apt/updated" -mtime -1 2>/dev/null)" ]; then
        debian_raw_apt apt-get --error-on=any update
        touch "$debian_cache/apt/updated"
    fi
    debian_ready=1
}

debian_apt() {
    debian_lists
    debian_raw_apt apt-get -y "$@"
}

debian_depends() {
    debian_lists
    debian_raw_apt apt-cache show "$1/$2" | sed -n 's/^Depends: //p' | head -n 1 | tr ',' '\n' |
        sed 's/^ *//; s/[ (|].*//'
}

debian_get() {
    local dir=$1 release=$2 debs deb
    shift 2
    debian_lists
    debs=$(mktemp -d "$debian_cache/apt/debs.XXXXXX")
    (cd "$debs" && debian_raw_apt apt-get -t "$release" download "${@/%//$release}")
    mkdir -p "$dir"
    for deb in "$debs"/*.deb; do
        dpkg-deb -x "$deb" "$dir"
    done
    rm -rf "$debs"
}
