# --- the root CA -----------------------------------------------------------------------------------------------------------------

root_cert_file=
root_key_file=
root_key=
options_usage=' [--root-cert FILE --root-key FILE]'
options_help='  --root-cert FILE    the root certificate to import, PEM; needed once
  --root-key FILE     its key, PEM, unencrypted; read once, so it can be a pipe; needed once
'

option() {
  case $1 in
    --root-cert | --root-key)
      (($# >= 2)) || bad_usage "$1 needs a file"
      [[ -r $2 ]] || bad_usage "$1: cannot read '$2'"
      if [[ $1 == --root-cert ]]; then root_cert_file=$2; else root_key_file=$2; fi
      ;;
    *) return 1 ;;
  esac
}

before_steps() {
  local given=''
  need_programs jq openssl
  stop_if_missing
  [[ -z $root_cert_file ]] || given=$(<"$root_cert_file")
  [[ -z $root_key_file ]] || root_key=$(<"$root_key_file")
  if [[ -z $known_root && -f root.pem ]]; then
    known_root=$(<root.pem)
    known_root_source=./root.pem
  fi
  if [[ -n $given ]]; then
    if [[ -n $known_root ]] && ! same_as_known "$(first_certificate <<<"$given")"; then
      die "--root-cert is another CA (SHA-256 $(first_certificate <<<"$given" | fingerprint)) than $known_root_source"
    fi
    known_root=$(first_certificate <<<"$given")
    known_root_source=--root-cert
  fi
  need_vault "$needs"
  ((${#missing[@]} > 0)) || need_root_files
}

# need_root_files: what is imported is checked before anything is changed.
need_root_files() {
  local certificate rc=0
  [[ $root_source == import ]] || return 0
  root_from_vault >/dev/null || rc=$?
  case $rc in
    0) return 0 ;;
    1) ;;
    *) exit 1 ;;
  esac
  [[ -n $known_root ]] || missing+=('the root certificate: --root-cert FILE')
  [[ -n $root_key ]] || missing+=('the key of the root: --root-key FILE')
  if ((${#missing[@]} > 0)); then
    [[ $mode == plan ]] || return 0
    missing=()
    note 'an import needs --root-cert FILE and --root-key FILE'
    return 0
  fi
  certificate=$(first_certificate <<<"$known_root")
  openssl x509 -noout <<<"$certificate" 2>/dev/null || die "$known_root_source holds no PEM certificate"
  openssl x509 -noout -ext basicConstraints <<<"$certificate" 2>/dev/null | grep CA:TRUE >/dev/null || die "$known_root_source is no CA certificate"
  openssl x509 -noout -checkend "$longest_intermediate" <<<"$certificate" >/dev/null ||
    die "$known_root_source ends ($(openssl x509 -noout -enddate <<<"$certificate" | sed 's/.*=//')) before the intermediates would (${longest_intermediate} s from now): use a root that lives longer, or a shorter intermediate.ttl"
  verified "$certificate" "$certificate" || die "$known_root_source is not self-signed, so it is no root"
  # the key is compared by its public half; it goes through pipes only, and an encrypted one is refused, not asked for.
  [[ $(printf '%s\n' "$root_key" | openssl pkey -pubout -passin pass: 2>/dev/null) == "$(openssl x509 -noout -pubkey <<<"$certificate")" ]] ||
    die "--root-key is not the unencrypted private key of $known_root_source; for an encrypted one: --root-key <(openssl pkey -in ca.key)"
}

# root_present: whether the mount holds the planned root.
root_present() {
  local certificate rc=0 cn
  certificate=$(root_from_vault) || rc=$?
  ((rc == 0)) || return "$rc"
  cn=$(subject_cn <<<"$certificate")
  if [[ $root_source == generate && -z $known_root && $cn != "$root_common_name" ]]; then
    printf "%s: error: %s holds another CA ('%s') than the plan generates ('%s'): choose another mount, or source: import\n" "$0" "$root_mount" "$cn" "$root_common_name" >&2
    return 2
  fi
  note "the root is '$cn', SHA-256 $(fingerprint <<<"$certificate")"
}

import_root() {
  printf '%s\n%s\n' "$(first_certificate <<<"$known_root")" "$root_key" | vault write -format=json "$root_mount/config/ca" pem_bundle=-
  root_key=
  root_present || die "the import into $root_mount did not take"
}

generate_root() {
  put "$root_mount/root/generate/internal" <<<"$wanted"
  root_present || die "the CA generated in $root_mount is not its default issuer"
}

# root_written, write_root: the public certificate, beside the config.
root_written() {
  local certificate rc=0
  certificate=$(root_from_vault) || rc=$?
  ((rc == 0)) || return "$rc"
  [[ -f root.pem ]] || return 1
  each_certificate fingerprint <root.pem | grep -xF "$(fingerprint <<<"$certificate")" >/dev/null || {
    printf '%s: error: ./root.pem is another CA than %s holds: move it away, or run this where its config lies\n' "$0" "$root_mount" >&2
    return 2
  }
}

write_root() {
  root_from_vault >root.pem.new
  chmod 644 root.pem.new
  mv root.pem.new root.pem
}

after_steps() { [[ $mode == plan ]] || say "the root CA is ready in $root_mount. next: the clusters' setup.sh"; }
