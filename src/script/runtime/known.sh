# --- the CAs that these scripts have made --------------------------------------------------------------------------------------------------

# Nothing in Vault proves who made a CA: whoever can write there can import one with its key, under any name. So each run that makes a CA adds its
# certificate to a file beside the config, as root.pem is for the root, and a CA that is in no such file is not used. The files are public: keep
# them in Git, beside the config.
# A mount's name can hold "_", and no "+".
ca_file() { printf '%s' "${1//\//+}.ca.pem"; }

# known_in MOUNT: prints the fingerprints of the CAs that the file of this mount has.
known_in() {
  local file
  file=$(ca_file "$1")
  [[ -f $file ]] || return 0
  kept cas "$1" each_certificate fingerprint <"$file"
}

# is_known_ca MOUNT CERTIFICATE
is_known_ca() {
  local print
  print=$(fingerprint <<<"$2") && grep -xF -- "$print" >/dev/null <<<"$(known_in "$1")"
}

# remember_ca MOUNT CERTIFICATE: adds it to the file. A run does so before the CA is in Vault, so that one that is stopped in between can go on.
remember_ca() {
  local file before=''
  ! is_known_ca "$1" "$2" || return 0
  file=$(ca_file "$1")
  [[ ! -f $file ]] || before=$(each_certificate x509 <"$file")
  printf '%s\n' ${before:+"$before"} "$2" | write_beside "$file" || die "cannot write $file in $PWD, which has to name the CA: $(last_error)"
  forget
  say "      written: $PWD/$file; keep it in Git beside the config"
}

# how_to_accept_ca MOUNT PATH: how a CA that no file names is accepted, after its fingerprint was compared.
how_to_accept_ca() {
  printf 'no file beside the config names it, so nothing proves who made it. If you know its SHA-256 from the run that made it, accept it: %s read -field=certificate %s | openssl x509 >>%s; then run this again. If nobody knows it, somebody else put it there' \
    "$cli" "$2" "$(ca_file "$1")"
}

# need_proof WHAT OF: a run that would use what nothing beside the config proves is refused, a plan says so, and to a check it is drift.
need_proof() {
  case $mode in
    check) stray "$2" ;;
    plan) note "a run would be refused: $2" ;;
    *) missing+=("$1 $2") ;;
  esac
}
