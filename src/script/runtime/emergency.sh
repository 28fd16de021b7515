# --- an emergency: one thing is closed, at once

repair_example=
closed=
agreed=false

# option OPTION...: sets `taken` to the number of words that it took; 1 where it is none of ours.
option() {
  local name ids
  taken=1
  case $1 in
    --yes)
      (($# >= 2)) || bad_usage "--yes needs the name of the cluster, $cluster"
      [[ $2 == "$cluster" ]] || refuse "--yes: '$2' is not the name of the cluster, which is '$cluster': nothing was changed"
      agreed=true
      taken=2
      ;;
    -*) return 1 ;;
    *)
      [[ -z $closed ]] || bad_usage "one at a time: '$closed' or '$1'"
      while IFS=: read -r name ids; do
        [[ $name == "$1" ]] || continue
        closed=$1
        # shellcheck disable=SC2086 # they are words
        choose_steps $ids
      done <<<"$closes"
      [[ -n $closed ]] || bad_usage "there is no '$1'"
      ;;
  esac
}

before_steps() {
  [[ -n $closed ]] || bad_usage 'which of them?'
  need_programs jq openssl
  stop_if_missing
  need_vault
  stop_if_missing
  say "$closed, cluster $cluster:"
  jq -r --arg name "$closed" '.[$name].effects[] | "  - \(.)"' <<<"$effects" >&3
  [[ $mode != run || $agreed == true ]] || typed 'the name of the cluster' "$cluster" --yes
}

look_around() { return 0; }

after_steps() {
  [[ $closed != block-login ]] || report_foreign_logins
  say "$(jq -r --arg name "$closed" '.[$name].next' <<<"$effects")"
}

# --- the revocation of the CA

# find_issuer MOUNT NAME: sets `issuer` to the default issuer of a mount, where it is the CA of that name, and `ca` to its certificate.
find_issuer() {
  local rc=0
  issuer=$(issuer_of "$1") || rc=$?
  ((rc <= 1)) || return 2
  if ((rc == 1)); then
    complain "$1 has no CA: there is nothing to revoke"
    return 2
  fi
  ca=$(jq -r .data.certificate <<<"$issuer" | first_certificate) || return 2
  [[ $(subject_cn <<<"$ca") == "$2" ]] || {
    complain "$1 holds another CA ($(described "$ca")) than the planned '$2'"
    return 2
  }
}

# issuer_revoked MOUNT NAME, revoke_issuer: whether Vault signs nothing more with it. That is for good: Vault gives no issuer its usage back.
issuer_revoked() {
  local other id
  find_issuer "$@" || return 2
  note "the CA is $(described "$ca"), serial $(serial_of "$ca"), until $(end_of <<<"$ca")"
  keys_of "$1/issuers" || true
  for id in "${listed[@]}"; do
    [[ $id != "$(jq -r .data.issuer_id <<<"$issuer")" ]] || continue
    other=$(get "$1/issuer/$id") || return 2
    jq -e '.data | (.key_id // "") != "" and .revoked != true' <<<"$other" >/dev/null || continue
    note "issuer $id can sign here too, and is left: $(described "$(jq -r .data.certificate <<<"$other" | first_certificate)"); to revoke it: $cli write -force $1/issuer/$id/revoke"
  done
  jq -e '.data.revoked == true' <<<"$issuer" >/dev/null
}
revoke_issuer() {
  vault write -format=json -force "$1/issuer/$(jq -r .data.issuer_id <<<"$issuer")/revoke"
  find_issuer "$@"
  jq -e '.data.revoked == true' <<<"$issuer" || die "$1 does not call it revoked"
}

# certificate_revoked MOUNT NAME SIGNER, revoke_certificate: whether it stands in the list of what the CA above it has revoked.
certificate_revoked() {
  local found signer rc=0
  find_issuer "$1" "$2" || return 2
  signer=$(issuer_of "$3") || return 2
  if ! signed_by "$ca" "$(jq -r .data.certificate <<<"$signer" | first_certificate)"; then
    note "the CA in $3 has not signed it, so it can't stand in its list: revoke it where it was signed, by the emergency.sh of that time, or: $cli write MOUNT/revoke certificate=@FILE"
    return 0
  fi
  jq -e '.data.usage | contains("crl-signing")' <<<"$signer" >/dev/null ||
    note "$3 signs no list: the key usage of its CA's certificate lacks cRLSign. Vault notes the revocation, and whoever looks for a list finds none"
  found=$(get "$3/cert/$(serial_of "$ca")") || rc=$?
  ((rc == 0)) || return "$rc"
  jq -e '.data.revocation_time // 0 | . != 0' <<<"$found" >/dev/null
}
# by the certificate, since what the mount has not kept is not found by its serial.
revoke_certificate() {
  jq -n --arg certificate "$ca" '{$certificate}' | put "$3/revoke"
  certificate_revoked "$@" || die "$3 does not call it revoked"
}

# serial_of CERTIFICATE: as Vault writes it.
serial_of() { openssl x509 -noout -serial <<<"$1" | sed 's/.*=//; s/../&:/g; s/:$//' | tr A-F a-f; }
