# --- many paths of Vault: the CLI reads one at a time -------------------------------------------------------------------------------------

# how many are read at the same time.
readonly AT_ONCE=8

# read_each PATH...: reads them, the answer to the first into $work/each.0; a path where nothing is gives an empty file. Says how far it is, where
# it takes more than a second.
read_each() {
  local i=0 pid rc start=$SECONDS total=$#
  local -a running
  rm -f -- "$work"/each.*
  while ((i < total)); do
    running=()
    while ((${#running[@]} < AT_ONCE && i < total)); do
      i=$((i + 1))
      ask read "${!i}" >"$work/each.$((i - 1))" &
      running+=("$!")
    done
    for pid in "${running[@]}"; do
      rc=0
      wait "$pid" || rc=$?
      ((rc <= 1)) || return 2
    done
    ((SECONDS == start)) || { start=$SECONDS && say "      read: $i of $total"; }
  done
}

# each_answer COMMAND...: runs it with the files that read_each wrote.
each_answer() { find "$work" -name 'each.*' -exec "$@" {} +; }
