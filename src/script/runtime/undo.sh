# --- taking back what setup.sh made

# gone PATH: whether Vault holds nothing there.
gone() {
  local rc=0
  get "$1" >/dev/null || rc=$?
  case $rc in
    0) return 1 ;;
    1) return 0 ;;
    *) return 2 ;;
  esac
}

remove() { vault delete "$1"; }

# typed WHAT NAME OPTION: has a name typed at the terminal; without a terminal the option must have said it. Nothing is changed before.
typed() {
  local answer=''
  [[ -t 0 ]] || refuse "it changes nothing until $1 is named: type it at a terminal, or $3 '$2'"
  printf "type %s, %s, to go on: " "$1" "$2" >&2
  IFS= read -r answer || true
  [[ $answer == "$2" ]] || refuse "'$answer' is not $1, which is '$2': nothing was changed"
}
