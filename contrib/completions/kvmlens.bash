# SPDX-License-Identifier: MIT
# Bash completion of kvmlens. Words that an option may be followed by are those of the program.

# Names of the VMs that can be seen. Owners of VMs choose them: what a shell could take for more
# than a word, such as $(command), is not offered.
_kvmlens_names() {
    "$1" --list 2>/dev/null |
        awk '$1 $2 $5 ~ /^[0-9]+$/ && $3 ~ /^[A-Za-z0-9_][A-Za-z0-9_.+-]*$/ { print $3 }'
}

# _kvmlens_words PROGRAM OPTION: the words that its argument may be, as this program has them.
_kvmlens_words() {
    "$1" --help 2>/dev/null | tr '\n' ' ' | sed -n "s/.*$2 [A-Z]* [^(]*(\([^)]*\)).*/\1/p" | tr -d ,
}

_kvmlens() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
    local options='--once --batch --log --list --scan --forecast --doctor --demo --help --version
        --pid --guest --fields --set-delay --iterations --debugfs-include-past --debugfs --source
        --bpf --tracepoints
        --sample --max-rate --threads --ram --force --accel
        --bandwidth --link --downtime --mode --channels --zero-page-detection --auto-converge --duration
        --format --csv --wide --csv-safe --per-vcpu --exit-histograms --estimate
        --log-to-file --output --verbose --skip-zero-records
        --no-color --no-unicode --no-mouse --sysroot --privileges'
    COMPREPLY=()
    # --format=j arrives as three words.
    if [ "$cur" = = ]; then
        cur=
    elif [ "$prev" = = ]; then
        prev=${COMP_WORDS[COMP_CWORD-2]}
    fi
    case $prev in
    --format)
        mapfile -t COMPREPLY < <(compgen -W "$(_kvmlens_words "${COMP_WORDS[0]}" --format)" -- "$cur")
        return ;;
    --source)
        local before=''
        [[ $cur == *,* ]] && before=${cur%,*},
        mapfile -t COMPREPLY < <(compgen -P "$before" -W "$(_kvmlens_words "${COMP_WORDS[0]}" --source)" -- "${cur##*,}")
        return ;;
    --privileges)
        mapfile -t COMPREPLY < <(compgen -W "$(_kvmlens_words "${COMP_WORDS[0]}" --privileges)" -- "$cur")
        return ;;
    --mode)
        mapfile -t COMPREPLY < <(compgen -W "$(_kvmlens_words "${COMP_WORDS[0]}" --mode)" -- "$cur")
        return ;;
    --zero-page-detection)
        mapfile -t COMPREPLY < <(compgen -W "$(_kvmlens_words "${COMP_WORDS[0]}" --zero-page-detection)" -- "$cur")
        return ;;
    --accel)
        mapfile -t COMPREPLY < <(compgen -W 'c sse2 sse41 avx2 avx512 neon' -- "$cur")
        return ;;
    -f | --fields)
        mapfile -t COMPREPLY < <(compgen -W 'help' -- "$cur")
        return ;;
    -L | --log-to-file | -o | --output)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return ;;
    --sysroot)
        mapfile -t COMPREPLY < <(compgen -d -- "$cur")
        return ;;
    -p | --pid)
        mapfile -t COMPREPLY < <(cd /proc && compgen -G "${cur:-[0-9]}*" 2>/dev/null)
        return ;;
    -g | --guest | --scan)
        mapfile -t COMPREPLY < <(compgen -W "$(_kvmlens_names "${COMP_WORDS[0]}")" -- "$cur")
        return ;;
    --forecast)
        mapfile -t COMPREPLY < <(compgen -W "all $(_kvmlens_names "${COMP_WORDS[0]}")" -- "$cur")
        return ;;
    -s | --set-delay | -n | --iterations | --sample | --max-rate | --threads | --ram)
        return ;;
    --bandwidth | --link | --downtime | --channels | --duration)
        return ;;
    esac
    [[ $cur == -* ]] || options=$(_kvmlens_names "${COMP_WORDS[0]}")
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
}
complete -F _kvmlens kvmlens
