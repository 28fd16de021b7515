# --- taking back what setup.sh made

kept=0
# keep WHAT: names what is not removed, and why.
keep() {
  note "kept: $*"
  settled=kept
  kept=$((kept + 1))
}

# what is kept, and what setup.sh would not write over.
in_the_way=()
# keep_foreign PATH
keep_foreign() {
  keep "$1: the CA of this cluster is not in Vault, so it may be of another maker; to remove it: $cli delete $1"
  in_the_way+=("$1")
}

# whether what has a planned name is what setup.sh made.
ours=true

# gone PATH: whether Vault holds nothing there, or what is of another maker.
gone() {
  local rc=0
  get "$1" >/dev/null || rc=$?
  case $rc in
    0) ;;
    1) return 0 ;;
    *) return 2 ;;
  esac
  [[ $ours == false ]] || return 1
  keep_foreign "$1"
}

# as JSON, since Vault's warnings are for those who did not mean it.
remove() { vault delete -format=json "$1"; }

# typed WHAT NAME OPTION: has a name typed at the terminal; without a terminal the option must have said it. Nothing is changed before.
typed() {
  local answer=''
  [[ -t 0 ]] || refuse "it changes nothing until $1 is named: type it at a terminal, or $3 '$2'"
  printf '%s' "$(plain "type $1, $2, to go on: ")" >&2
  IFS= read -r answer || true
  [[ $answer == "$2" ]] || refuse "'$answer' is not $1, which is '$2': nothing was changed"
}
