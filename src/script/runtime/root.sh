# --- the root CA -----------------------------------------------------------------------------------------------------------------

repair_example=root/tune
[[ $root_source != existing && $root_source != offline ]] || repair_example=root/check
root_cert_file=
root_key_file=
root_key=
options_usage=
options_help=
[[ $root_source != import ]] || options_usage=' [--root-cert FILE --root-key FILE]'
[[ -z $options_usage ]] || options_help='  --root-cert FILE    the root certificate to import, PEM; needed once
  --root-key FILE     its key, PEM, unencrypted; read once, so it can be /dev/stdin; needed once
'

# option OPTION...: sets `taken` to the number of words that it took; 1 where it is none of ours.
option() {
  if declare -F offline_option >/dev/null && offline_option "$@"; then return 0; fi
  taken=2
  case $1 in
    --root-cert | --root-key)
      [[ $options_usage == *--root-cert* ]] || return 1
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
  if [[ -n $root_cert_file ]]; then
    given=$(first_certificate <"$root_cert_file") || die "--root-cert holds no PEM certificate"
  fi
  if [[ -n $root_key_file ]]; then
    root_key=$(<"$root_key_file")
    [[ -n $root_key ]] || die "--root-key: $root_key_file is empty; where a program was to write the key there, it says above why it did not"
  fi
  look_for_root_pem
  if [[ -n $given ]]; then
    if [[ -n $known_root ]] && ! same_as_known "$given"; then
      die "--root-cert is another CA (SHA-256 $(fingerprint <<<"$given")) than $known_root_source"
    fi
    known_root=$given
    known_root_source=--root-cert
  fi
  need_vault
  ((${#missing[@]} > 0)) || look_around
}

# look_around: what is there already, and what an import brings, is checked before anything is changed.
look_around() {
  local certificate rc=0
  certificate=$(root_from_vault) || rc=$?
  case $rc in
    0)
      # shellcheck disable=SC2034 # what makes CAs reads it.
      root=$certificate
      if [[ $root_source == import && -z $known_root ]]; then
        missing+=("the root certificate to compare with the CA that $root_mount holds ($(described "$certificate")): --root-cert FILE")
      elif [[ $root_source == generate && -z $known_root && $(subject_cn <<<"$certificate") != "$root_common_name" ]]; then
        die "$root_mount holds another CA ($(described "$certificate")) than the plan generates ('$root_common_name'): choose another mount, or source: import"
      elif [[ $root_source == generate && -z $known_root ]]; then
        [[ $mode == check ]] || die "$root_mount holds a root CA already, $(described "$certificate"): $(how_to_accept_root). If nobody knows it, remove it or choose another mount"
        stray "nothing beside the config proves who made the root CA in $root_mount, $(described "$certificate")"
      fi
      ;;
    1)
      case $root_source in
        import) need_root_files ;;
        generate)
          [[ -z $known_root || $mode == check ]] || die "$known_root_source is there ($(described "$known_root")), and $root_mount holds no CA: one that is generated now would be another. Move it away, or run this where its config lies"
          [[ $mode == check ]] || need_empty_root_mount
          ;;
        existing) missing+=("the root CA in Vault's mount $root_mount, issuer $root_ref: root.source is existing, and there is none") ;;
      esac
      ;;
    *) [[ $mode == check && ! -e $work/unanswered ]] || exit 1 ;;
  esac
  ((${#missing[@]} > 0)) || look_at_policy_cas
  [[ $mode != check || ${#missing[@]} -gt 0 ]] || report_unknown_cas
}

# need_empty_root_mount: a root is generated in a mount that holds nothing: what is there already could sign beside it.
need_empty_root_mount() {
  local what
  for what in issuers keys roles; do
    ! keys_of "$root_mount/$what" || not_ours "the mount $root_mount, with its ${what%s} ${listed[0]}" root.mount
  done
}

# look_at_policy_cas: those that are there have to be the planned ones; what will sign the others has to be fit for it.
look_at_policy_cas() {
  local one rc
  local -a mounts
  mapfile -t mounts < <(jq -r '.[].mount' <<<"$cas")
  for one in "${mounts[@]}"; do
    rc=0
    look_at_ca "$one" || rc=$?
    ((rc <= 1)) || [[ $mode == check && ! -e $work/unanswered ]] || exit 1
    ((rc != 1)) || need_free_mount "$one" "the mount of that policy CA"
  done
}

not_ours() { missing+=("another name than $1, which is there already and not of this CA: set $2 in the config"); }

need_root_files() {
  local certificate public
  [[ -n $known_root ]] || missing+=('the root certificate: --root-cert FILE')
  [[ -n $root_key ]] || missing+=('the key of the root: --root-key FILE')
  if ((${#missing[@]} > 0)); then
    [[ $mode != run ]] || return 0
    missing=()
    note 'an import needs --root-cert FILE and --root-key FILE'
    return 0
  fi
  certificate=$(first_certificate <<<"$known_root") || die "$known_root_source holds no PEM certificate"
  is_root "$certificate" "$known_root_source" || exit 1
  lives_for "$longest_below" "$certificate" "$known_root_source" || exit 1
  # the key is compared by its public half; it goes through pipes only, and an encrypted one is refused, not asked for.
  public=$(printf '%s\n' "$root_key" | openssl pkey -pubout -passin pass: 2>/dev/null) ||
    die "--root-key is no private key that is not encrypted; for an encrypted one: openssl pkey -in ca.key | bash $0 … --root-key /dev/stdin"
  [[ $public == "$(x509 -noout -pubkey <<<"$certificate")" ]] || die "--root-key is the key of another certificate than $known_root_source"
}

# root_present: whether the mount holds the planned root.
root_present() {
  local certificate rc=0
  certificate=$(root_from_vault) || rc=$?
  ((rc == 0)) || return "$rc"
  # shellcheck disable=SC2034 # what makes CAs reads it.
  root=$certificate
  note "the root is $(described "$certificate"), until $(end_of <<<"$certificate")"
  [[ $root_source != generate ]] || report_subject "$certificate" "$root_subject"
  report_other_roots || return 2
  lives_for "$longest_below" "$certificate" 'the root' 2>/dev/null ||
    note "it ends before a CA below it that is made now would: no further one can be made as planned"
}

# report_other_roots: what else the mount can sign with, where it is ours alone: issuers, keys, and roles.
report_other_roots() {
  local id other default used rc=0
  local -a ids
  is_marked sys/mounts "$root_mount" || rc=$?
  ((rc <= 1)) || return 2
  ((rc == 0)) || return 0
  default=$(get "$root_mount/config/issuers" | jq -r .data.default) || return 2
  used=$(get "$root_mount/issuer/$default" | jq -r '.data.key_id // ""') || return 2
  keys_of "$root_mount/issuers" || true
  ids=("${listed[@]}")
  for id in "${ids[@]}"; do
    [[ $id != "$default" ]] || continue
    other=$(get "$root_mount/issuer/$id") && pick '.data | .certificate, .key_id // ""' <<<"$other" || return 2
    used+=" ${picked[1]}"
    [[ -z ${picked[1]} ]] || stray_issuer "$root_mount" "$id" "${picked[@]}"
  done
  keys_of "$root_mount/keys" || true
  for id in "${listed[@]}"; do
    [[ " $used " == *" $id "* ]] || stray "key $id in $root_mount has no certificate; to remove it: $cli delete $root_mount/key/$id"
  done
  keys_of "$root_mount/roles" || true
  for id in "${listed[@]}"; do
    stray "role $root_mount/roles/$id signs with the root, and is not of the plan; to remove it: $cli delete $root_mount/roles/$id"
  done
  report_pki_settings "$root_mount"
}

# root_fits: whether a root that is not ours to make is there, and may sign what is below it.
root_fits() {
  local rc=0
  root_present || rc=$?
  ((rc == 0)) || return "$rc"
  [[ -z $root_mount ]] || may_sign_for "$longest_below" "$root_mount" "$root_ref" 'the root' || return 2
}

# own_mount_has MOUNT PATH: whether Vault holds the step's fields there. A mount that was there before may serve others, and stays as it is.
own_mount_has() {
  local rc=0
  is_marked sys/mounts "$1" || rc=$?
  ((rc <= 1)) || return "$rc"
  if ((rc == 1)) && description_of sys/mounts "$1" >/dev/null; then
    note "the mount $1 was there before and may serve others: $2 stays as it is"
    return 0
  fi
  same_fields "$2"
}

refuse_root() { die "there is no root $root_place"; }

import_root() {
  printf '%s\n%s\n' "$(first_certificate <<<"$known_root")" "$root_key" | vault write -format=json "$root_mount/config/ca" pem_bundle=-
  root_key=
  root_present || die "$root_mount does not hold the root that was just imported"
}

generate_root() {
  local answer
  # by a name, which Vault gives once: of two runs at once, one makes the root.
  answer=$(jq '. + {issuer_name: "mesh-ca-root"}' <<<"$wanted" | put "$root_mount/root/generate/internal")
  # from the answer itself, and at once: what the mount holds later is compared with it.
  # shellcheck disable=SC2034 # root_from_vault reads both
  known_root=$(jq -r .data.certificate <<<"$answer" | first_certificate) known_root_source='the root that this run generated'
  write_root_pem "$known_root"
  root_present || die "the CA generated in $root_mount is not its default issuer"
}

# root_written, write_root: the public certificate, beside the config.
root_written() {
  local certificate rc=0 prints
  certificate=$(root_from_vault) || rc=$?
  ((rc == 0)) || return "$rc"
  [[ -f root.pem ]] || return 1
  prints=$(each_certificate fingerprint <root.pem)
  grep -xF "$(fingerprint <<<"$certificate")" >/dev/null <<<"$prints" || {
    complain "./root.pem is another CA than $root_mount holds: move it away, or run this where its config lies"
    return 2
  }
}

write_root() {
  local certificate
  certificate=$(root_from_vault)
  write_root_pem "$certificate"
}

# write_root_pem CERTIFICATE
write_root_pem() {
  printf '%s\n' "$1" | write_beside root.pem || die "cannot write root.pem in $PWD: $(last_error)"
  say "      written: $PWD/root.pem"
}

after_steps() { say "the root CA is ready $root_place. next: the clusters' setup.sh"; }
