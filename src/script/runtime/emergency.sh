# --- an emergency: one thing is closed, at once

repair_example=
closed=
agreed=false
# which CA is to be revoked: a generation's number, or an issuer's ID; none: the only one of this cluster.
wanted_generation=
wanted_issuer=

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
    --generation | --issuer)
      (($# >= 2)) || bad_usage "$1 needs a value: the list that revoke-intermediate --plan prints has both"
      [[ -z $wanted_generation$wanted_issuer ]] || bad_usage '--generation and --issuer name one CA: give one of them, once'
      if [[ $1 == --issuer ]]; then wanted_issuer=$2; else wanted_generation=$2; fi
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
  local all=$only
  [[ -n $closed ]] || bad_usage 'which of them?'
  [[ -z $wanted_generation$wanted_issuer || $closed == revoke-intermediate ]] ||
    bad_usage "--generation and --issuer choose the CA that revoke-intermediate revokes, and $closed revokes none"
  need_programs jq openssl
  stop_if_missing
  # a token without the right to write the record closes all the same: the record comes last, and says then what is missing.
  only=${only% "$closed/record"}
  need_vault
  only=$all
  stop_if_missing
  look_around
  say "$closed, cluster $cluster:"
  jq -r --arg name "$closed" '.[$name].effects[] | "  - \(.)"' <<<"$effects" >&3
  [[ $mode != run || $agreed == true ]] || typed 'the name of the cluster' "$cluster" --yes
}

look_around() {
  [[ $closed != revoke-intermediate ]] || choose_ca
}

# closed_now: whether all of it is closed, asked anew: a setup.sh that ran meanwhile may have opened it again.
closed_now() {
  local mode=plan
  local -a to_do=()
  forget
  steps 3>/dev/null
  ((${#to_do[@]} == 0))
}

after_steps() {
  [[ $mode != run ]] || closed_now ||
    die "something has opened it again while this was closing it, e.g. a setup.sh that ran at the same time: stop that, and run this again"
  [[ $closed != block-login ]] || report_foreign_logins
  say "$(jq -r --arg name "$closed" '.[$name].next' <<<"$effects")"
}

# --- the record of what was closed

# closing_recorded MOUNT NAME, record_closing MOUNT NAME: a word in the description of the cluster's mount, which setup.sh reads before it opens
# anything again.
closing_recorded() {
  local at rc=0
  at=$(evidence_of "$1" "closed.$2") || rc=$?
  case $rc in
    0) [[ -n $at ]] ;;
    1) note "there is no mount $1, so nothing can be recorded in its description: setup.sh does not ask before it opens this again" ;;
    *) not_recorded "$1" ;;
  esac
}
record_closing() {
  local at
  if ! at=$(vault_time | jq -r todateiso8601) || ! record "$1" "closed.$2=$at"; then not_recorded "$1"; fi
}
not_recorded() {
  give_up "$closed is closed, but this could not be recorded in the description of $1, so any run of setup.sh opens it again. To record it, run this again with a token of the policy that this prints: bash $0 --print-policy $closed"
}

# --- the CA that is to be revoked

# the CAs in the mount that have a key: their IDs and names in Vault, certificates, whether they are revoked, and the generation that each is of
# this cluster's CA; an empty one: it is of another maker.
ca_ids=()
ca_names=()
ca_certificates=()
ca_revoked=()
ca_generations=()
# the one that was chosen, by its place in those lists.
chosen=
ca=

# read_cas: sets them.
read_cas() {
  local id answer answers='' name cn number
  keys_of "$intermediate_mount/issuers" || true
  for id in "${listed[@]}"; do answers+=$(get "$intermediate_mount/issuer/$id")$'\n' || exit 1; done
  # the certificates above it stand here too, without their keys.
  pick -s '.[].data | select((.key_id // "") != "") | .issuer_id, .issuer_name // "", .certificate, .revoked // false' <<<"$answers" || exit 1
  ca_ids=() ca_names=() ca_certificates=() ca_revoked=() ca_generations=()
  set -- "${picked[@]}"
  while (($# > 0)); do
    name=$2 number=
    answer=$(first_certificate <<<"$3") || die "issuer $1 of $intermediate_mount has no certificate that OpenSSL reads"
    cn=$(subject_cn <<<"$answer")
    if is_generation "$issuer_prefix" "$name"; then
      number=${name#"$issuer_prefix"}
    elif [[ $cn == "$common_name" ]]; then
      number=$generation
    elif [[ $cn == "$first_common_name" ]]; then
      number=1
    fi
    ca_ids+=("$1") ca_names+=("$name") ca_certificates+=("$answer") ca_revoked+=("$4") ca_generations+=("$number")
    shift 4
  done
}

# choose_ca: sets `chosen` and `ca`: the CA that --generation or --issuer names, else the only one of this cluster. It never takes Vault's default
# issuer: that is the CA that signs now, and the one that was stolen can be another.
choose_ca() {
  local i
  local -a fits=()
  read_cas
  ((${#ca_ids[@]} > 0)) || die "$intermediate_mount has no CA: there is nothing to revoke"
  for i in "${!ca_ids[@]}"; do
    if [[ -n $wanted_issuer ]]; then
      [[ ${ca_ids[i]} != "$wanted_issuer" ]] || fits+=("$i")
    elif [[ -n $wanted_generation ]]; then
      [[ ${ca_generations[i]} != "$wanted_generation" ]] || fits+=("$i")
    elif [[ -n ${ca_generations[i]} ]]; then
      fits+=("$i")
    fi
  done
  if ((${#fits[@]} == 1)); then
    chosen=${fits[0]}
    ca=${ca_certificates[chosen]}
    return 0
  fi
  say "the CAs in $intermediate_mount:"
  for i in "${!ca_ids[@]}"; do say "  - $(ca_in_words "$i")"; done
  if [[ -n $wanted_generation$wanted_issuer ]] && ((${#fits[@]} == 0)); then
    refuse "none of them is ${wanted_generation:+generation }$wanted_generation${wanted_issuer:+issuer }$wanted_issuer: nothing was changed"
  elif ((${#fits[@]} == 0)); then
    refuse "none of them is known to be of cluster $cluster: name the one to revoke by --issuer ID; nothing was changed"
  fi
  refuse "${#fits[@]} of them fit: name the one to revoke by --generation N or --issuer ID; nothing was changed"
}

# ca_in_words PLACE: a CA as the list and the notes name it.
ca_in_words() {
  local whose="not made by setup.sh"
  [[ -z ${ca_generations[$1]} ]] || whose="generation ${ca_generations[$1]}"
  [[ ${ca_revoked[$1]} != true ]] || whose+=', revoked already'
  printf '%s, issuer %s: %s, expires %s' "$whose" "${ca_ids[$1]}" "$(described "${ca_certificates[$1]}")" "$(end_of <<<"${ca_certificates[$1]}")"
}

# --- the revocation of the CA

# issuer_revoked MOUNT, revoke_issuer MOUNT: whether Vault signs nothing more with it. That is for good: Vault gives no issuer its usage back.
issuer_revoked() {
  local found i
  found=$(get "$1/issuer/${ca_ids[chosen]}") || return 2
  note "the CA is $(ca_in_words "$chosen"), serial $(serial_of "$ca")"
  for i in "${!ca_ids[@]}"; do
    [[ $i == "$chosen" || ${ca_revoked[i]} == true ]] ||
      note "this one can sign here too, and is left: $(ca_in_words "$i"); to revoke it: bash $0 revoke-intermediate --issuer ${ca_ids[i]}"
  done
  jq -e '.data.revoked == true' <<<"$found" >/dev/null
}
revoke_issuer() {
  local found
  vault write -format=json -force "$1/issuer/${ca_ids[chosen]}/revoke"
  found=$(get "$1/issuer/${ca_ids[chosen]}")
  jq -e '.data.revoked == true' <<<"$found" || die "$1 does not call it revoked"
}

# certificate_revoked SIGNER ISSUER, revoke_certificate SIGNER ISSUER: whether it stands in the list of what the mount SIGNER has revoked.
certificate_revoked() {
  local found rc=0
  if ! find_signer "$@"; then
    note "no CA in $1 has signed it"
    return 1
  fi
  jq -e '.data.usage | contains("crl-signing")' <<<"$above" >/dev/null ||
    note "$1 signs no list: the key usage of its CA's certificate lacks cRLSign. Vault notes the revocation, and whoever looks for a list finds none"
  found=$(get "$1/cert/$(serial_of "$ca")") || rc=$?
  ((rc == 0)) || return "$rc"
  jq -e '.data.revocation_time // 0 | . != 0' <<<"$found" >/dev/null
}
# by the certificate, since what the mount has not kept is not found by its serial.
revoke_certificate() {
  find_signer "$@" || give_up "the CA is revoked in $intermediate_mount, but not where it was signed: no CA in $1 has signed it. $(where_signed "$1")"
  jq -n --arg certificate "$ca" '{$certificate}' | put "$1/revoke"
  certificate_revoked "$@" || die "$1 does not call it revoked"
}

# find_signer SIGNER ISSUER: sets `above` to the issuer of that mount that has signed it: the planned one, else another one, e.g. a former root;
# 1 where none has.
above=
find_signer() {
  local id rc=0
  above=$(issuer_of "$1" "$2") || rc=$?
  ((rc <= 1)) || exit 1
  ((rc == 1)) || ! has_signed "$above" || return 0
  keys_of "$1/issuers" || true
  for id in "${listed[@]}"; do
    above=$(get "$1/issuer/$id") || exit 1
    ! has_signed "$above" || return 0
  done
  return 1
}
has_signed() {
  local certificate
  certificate=$(jq -r .data.certificate <<<"$1" | first_certificate) && signed_by "$ca" "$certificate"
}

# where_signed SIGNER: prints the way to revoke it where it was signed. Vault shows the certificates of every PKI mount without any right.
where_signed() {
  local table mount id list found issuer
  issuer=$(x509 -noout -issuer -nameopt multiline,utf8,-esc_msb <<<"$ca" | sed -n 's/^ *commonName *= //p')
  table=$(get sys/mounts) || return 0
  while IFS= read -r mount; do
    [[ $mount != "$1" ]] || continue
    list=$(vault list -format=json "$mount/issuers" 2>/dev/null) || continue
    while IFS= read -r id; do
      found=$(vault read -format=json "$mount/issuer/$id/json" 2>/dev/null) || continue
      has_signed "$found" || continue
      printf "It was signed in the mount %s, by '%s'. To revoke it there: %s read -field=certificate %s | %s write %s/revoke certificate=-" \
        "$mount" "$issuer" "$cli" "$intermediate_mount/issuer/${ca_ids[chosen]}" "$cli" "$(printf %q "$mount")"
      return 0
    done < <(jq -r '.[]' <<<"$list")
  done < <(jq -r '(.data // .) | to_entries[] | select((.value | type) == "object" and .value.type == "pki").key | rtrimstr("/")' <<<"$table")
  printf "No PKI mount of this Vault holds the CA that has signed it, '%s': revoke it where that CA is kept. This prints its certificate: %s read -field=certificate %s" \
    "$issuer" "$cli" "$intermediate_mount/issuer/${ca_ids[chosen]}"
}

