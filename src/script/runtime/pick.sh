# --- several values of one answer -----------------------------------------------------------------------------------------------------

# pick [OPTION...] FILTER: sets `picked` to what a filter of jq gives of standard input: several values by one call, which takes a fiftieth of
# a second. jq ends each with a NUL, since what a server says may hold anything else; a NUL in a value is left out.
picked=()
pick() {
  local -a options=("${@:1:$#-1}")
  mapfile -d '' -t picked < <(jq -j "${options[@]}" "${!#}"' | tostring | split("\u0000") | join("") + "\u0000"')
  wait "$!"
}
