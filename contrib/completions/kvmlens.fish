# SPDX-License-Identifier: MIT
# Fish completion of kvmlens.
# Names of the VMs that can be seen. Owners of VMs choose them: what a shell could take for more
# than a word, such as $(command), is not offered.
function __kvmlens_names
    kvmlens --list 2>/dev/null |
        awk '$1 $2 $5 ~ /^[0-9]+$/ && $3 ~ /^[A-Za-z0-9_][A-Za-z0-9_.+-]*$/ { print $3 }'
end
# __kvmlens_words OPTION: the words that its argument may be, as this program has them.
function __kvmlens_words
    kvmlens --help 2>/dev/null | tr '\n' ' ' | sed -n "s/.*$argv[1] [A-Z]* [^(]*(\([^)]*\)).*/\1/p" | string split ', '
end
complete -c kvmlens -f -a '(__kvmlens_names)'
complete -c kvmlens -s 1 -l once -d 'Sample twice, print the snapshot and exit'
complete -c kvmlens -l batch -d 'Sample twice, print the snapshot and exit'
complete -c kvmlens -s l -l log -d 'Print one record per interval'
complete -c kvmlens -l list -d 'List the VMs and which sources can be used'
complete -c kvmlens -l scan -x -a '(__kvmlens_names)' -d 'Count the zero pages of a VM'
complete -c kvmlens -l doctor -d 'Check the host'
complete -c kvmlens -l demo -d 'Start two small VMs, and end them afterwards'
complete -c kvmlens -s h -l help -d 'Print a summary of the options'
complete -c kvmlens -s V -l version -d 'Print the version'
complete -c kvmlens -s p -l pid -x -a '(__fish_complete_pids)' -d 'Show only the VMs of this process'
complete -c kvmlens -s g -l guest -x -a '(__kvmlens_names)' -d 'Show only the VM of this name'
complete -c kvmlens -s f -l fields -x -a help -d 'Show only fields that match'
complete -c kvmlens -s s -l set-delay -x -d 'Time between samples, in seconds'
complete -c kvmlens -s n -l iterations -x -d 'End the log after so many records'
complete -c kvmlens -s i -l debugfs-include-past -d 'Show totals since the VM was created'
complete -c kvmlens -s d -l debugfs -d 'Take counters from debugfs only'
complete -c kvmlens -l source -x -a '(__fish_append , (__kvmlens_words --source))' -d 'Use only these sources'
complete -c kvmlens -l bpf -d 'Load BPF programs that read what is missing else'
complete -c kvmlens -s t -l tracepoints -d 'Count exits by reason, with their times'
complete -c kvmlens -l sample -x -d 'Scan: read so many random pages, and estimate'
complete -c kvmlens -l max-rate -x -d 'Scan: read at most so many million bytes per second'
complete -c kvmlens -l threads -x -d 'Scan: read with so many threads'
complete -c kvmlens -l ram -x -d 'Scan: take START-END for the RAM'
complete -c kvmlens -l force -d 'Scan: also read memory under userfaultfd'
complete -c kvmlens -l accel -x -a 'c sse2 sse41 avx2 avx512 neon' -d 'Scan: look for zero pages with this instruction set'
complete -c kvmlens -l format -x -a '(__kvmlens_words --format)' -d 'Print in this format'
complete -c kvmlens -s c -l csv -d 'Short for --format csv'
complete -c kvmlens -l wide -d 'Print CSV of one VM: one row per record'
complete -c kvmlens -l csv-safe -d 'CSV: mark names that are formulas'
complete -c kvmlens -l per-vcpu -d 'Metrics: add the series of each vCPU'
complete -c kvmlens -l exit-histograms -d 'Metrics: add how long exits took'
complete -c kvmlens -l estimate -d 'Metrics: estimate the zero pages of each VM'
complete -c kvmlens -s L -l log-to-file -r -F -d 'Append the log to a file'
complete -c kvmlens -s o -l output -r -F -d 'Replace a file with each record'
complete -c kvmlens -s z -l skip-zero-records -d 'Leave out what is all zero'
complete -c kvmlens -l no-color -d 'Draw without colours'
complete -c kvmlens -l no-unicode -d 'Draw with ASCII characters only'
complete -c kvmlens -l no-mouse -d 'Leave the mouse to the terminal'
complete -c kvmlens -l sysroot -x -a '(__fish_complete_directories)' -d 'Read a saved /proc and /sys tree'
complete -c kvmlens -l privileges -x -a '(__kvmlens_words --privileges)' -d 'What the processes keep'
