#!/bin/sh
# Ends what a test process started, however that process ends: its standard input closes then. (A handler of node's 'exit' event would not
# do: jest hands tests a copy of `process` whose events never come, and a killed process has none.) One line is one order:
# "pid N" and "gone N" for the leader of a process group, "dir PATH" for a folder to remove.
trap '' HUP INT TERM
pids=' '
while read -r order what; do
  case $order in
    pid) pids="$pids$what " ;;
    gone) pids="${pids%% "$what" *} ${pids#* "$what" }" ;;
    dir) set -- "$@" "$what" ;;
  esac
done
for pid in $pids; do
  kill -s KILL -- "-$pid" 2>/dev/null
done
[ $# -eq 0 ] || rm -rf -- "$@"
