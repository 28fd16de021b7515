# --- teardown: what setup.sh made is removed, the last first; what was there before is kept, and named

repair_example=
# the names of the CAs whose keys may be lost, one a line.
losing=
options_usage=" [--lose-ca 'COMMON NAME']"
options_help="  --lose-ca NAME      the common name of a CA whose key is lost with this, once for each; it is asked for at a terminal otherwise
"

# option OPTION...: sets `taken` to the number of words that it took; 1 where it is none of ours.
option() {
  taken=2
  if [[ $1 == --lose-ca ]]; then
    (($# >= 2)) || bad_usage '--lose-ca needs the common name of the CA'
    losing+=$2$'\n'
  else
    cluster_option "$@"
  fi
}

before_steps() {
  need_programs jq openssl
  need_cluster_programs
  stop_if_missing
  look_for_root_pem
  need_vault
  ((${#missing[@]} > 0)) || look_around
  stop_if_missing
  name_cas
}

after_steps() {
  ((kept == 0)) || say "kept, and named above: $kept"
  if ((${#in_the_way[@]} == 0)); then
    say "$taken_back. $made_anew"
  else
    say "$taken_back. setup.sh does not make it anew beside what is kept and in its way:$(printf ' %s,' "${in_the_way[@]}") unless that is removed, or other names are chosen in the config"
  fi
}

# --- the CAs

# survey MOUNT: sets what a PKI secrets engine holds: `own`, the issuers of the planned CA, of all its generations; `carried`, the certificates above it that came with
# it; `keys`, those of `own`, and those that a stopped run has left; `cas`, the CAs in words; `others`, what is of another maker.
survey() {
  local id issuer certificate whose issuers='[]'
  local -a ids
  own=() carried=() keys=() cas=() others=()
  keys_of "$1/issuers" || true
  ids=("${listed[@]}")
  for id in "${ids[@]}"; do
    issuer=$(get "$1/issuer/$id") || return 2
    certificate=$(jq -r .data.certificate <<<"$issuer" | first_certificate) || return 2
    whose=other
    if [[ -z $(jq -r '.data.key_id // ""' <<<"$issuer") ]]; then
      whose=carried
    elif is_own "$1" "$issuer" "$certificate"; then
      whose=own
      cas+=("$(described "$certificate"), until $(end_of <<<"$certificate")")
    else
      others+=("the CA $(described "$certificate")")
    fi
    issuers=$(jq -c --argjson issuer "$issuer" --arg whose "$whose" '. + [$issuer.data
      | {$whose, id: .issuer_id, key: .key_id, certificate, chain: (.ca_chain // [])}]' <<<"$issuers") || return 2
  done
  mapfile -t own < <(jq -r '.[] | select(.whose == "own").id' <<<"$issuers")
  mapfile -t keys < <(jq -r '[.[] | select(.whose == "other").key] as $others | [.[] | select(.whose == "own").key] - $others | unique[]' <<<"$issuers")
  # without a key it signs nothing; it goes where it came with ours, and stands above nobody else's.
  mapfile -t carried < <(jq -r '[.[] | select(.whose == "own").chain[]] as $own | [.[] | select(.whose == "other").chain[]] as $others
    | .[] | select(.whose == "carried") | select((.certificate | IN($own[])) and (.certificate | IN($others[]) | not)).id' <<<"$issuers")
  keys_of "$1/keys" || true
  ids=("${listed[@]}")
  for id in "${ids[@]}"; do
    jq -e --arg id "$id" 'any(.[]; .key == $id) | not' <<<"$issuers" >/dev/null || continue
    issuer=$(get "$1/key/$id") || return 2
    [[ $(jq -r '.data.key_name // ""' <<<"$issuer") != "$REMOVED$id" ]] || keys+=("$id")
  done
}

# what a key is called that is to go: without its issuer nothing else would tell whose it was.
readonly REMOVED=cdk8s-mesh-ca-removed-

# is_own MOUNT ISSUER CERTIFICATE: whether it is the planned CA of that mount, or another generation of it: by the certificate's name, or by what
# setup.sh calls the issuer; of the root, which may have any name, by what is known of it, or by its being the default.
is_own() {
  local names name
  names=$(jq -c --arg mount "$1" '.[] | select(.mount == $mount)' <<<"$ca_names") || return 2
  if [[ -z $names && -n $known_root ]]; then
    same_as_known "$3"
    return
  elif [[ -z $names ]]; then
    [[ $(get "$1/config/issuers" | jq -r .data.default) == "$(jq -r .data.issuer_id <<<"$2")" ]]
    return
  fi
  pick '.prefix, .names[]' <<<"$names" || return 2
  name=$(jq -r '.data.issuer_name // ""' <<<"$2") || return 2
  [[ -z ${picked[0]} ]] || ! is_generation "${picked[0]}" "$name" || return 0
  name=$(subject_cn <<<"$3")
  for names in "${picked[@]:1}"; do [[ $name != "$names" ]] || return 0; done
  return 1
}

# ca_gone MOUNT, remove_ca MOUNT: whether nothing of the planned CA is left there.
ca_gone() {
  local ca
  survey "$1" || return 2
  for ca in "${cas[@]}"; do note "the CA is $ca"; done
  ((${#own[@]} + ${#keys[@]} == 0))
}
remove_ca() {
  local id
  for id in "${carried[@]}"; do remove "$1/issuer/$id"; done
  # named before its issuer goes, so that a stopped run's is found again.
  for id in "${keys[@]}"; do jq -n --arg key_name "$REMOVED$id" '{$key_name}' | put "$1/key/$id"; done
  for id in "${own[@]}"; do remove "$1/issuer/$id"; done
  for id in "${keys[@]}"; do remove "$1/key/$id"; done
}

# name_cas: names each CA whose key is lost, then has each name said; exit 2 where one is not, and nothing is changed.
name_cas() {
  local mount ca name
  local -a names=() unnamed=()
  for mount in $ca_mounts; do
    survey "$mount" || exit 1
    for ca in "${cas[@]}"; do
      name=${ca#\'}
      names+=("${name%%\', SHA-256*}")
      say "the key of the CA $ca, in $mount, will be lost for good: what it would sign is signed by nobody, and a snapshot of Vault, taken before, is the only way back"
    done
  done
  [[ $mode == run ]] || return 0
  for name in "${names[@]}"; do
    [[ $'\n'$losing != *$'\n'"$name"$'\n'* ]] || continue
    unnamed+=("$name")
    losing+=$name$'\n'
  done
  ((${#unnamed[@]} > 0)) || return 0
  [[ -t 0 ]] || refuse "it changes nothing until the common name of the CA is named: type it at a terminal, or$(printf " --lose-ca '%s'" "${unnamed[@]}")"
  for name in "${unnamed[@]}"; do typed 'the common name of the CA' "$name" --lose-ca; done
}

# --- mounts

# mount_gone sys/mounts MOUNT, mount_gone sys/auth MOUNT ROLES ROLE: whether it is gone, or to be kept.
mount_gone() {
  local rc=0 one
  description_of "$1" "$2" >/dev/null || rc=$?
  case $rc in
    0) ;;
    1) return 0 ;;
    *) return 2 ;;
  esac
  others=()
  if [[ $1 == sys/mounts ]]; then
    survey "$2" || return 2
    add_roles "$2/roles"
    ((${#others[@]} == 0)) || in_the_way+=("the mount $2")
  fi
  is_marked "$1" "$2" || rc=$?
  case $rc in
    0) ;;
    1)
      keep "the mount $2, which was there before"
      return 0
      ;;
    *) return 2 ;;
  esac
  [[ $1 == sys/mounts ]] || add_roles "$3" "$4"
  ((${#others[@]} > 0)) || return 1
  one=$(printf ', %s' "${others[@]}")
  keep "the mount $2, which holds what is not of the plan: ${one#, }"
}

# add_roles PATH [ROLE]: adds to `others` the roles there, but the cluster's own.
add_roles() {
  local one
  keys_of "$1" || true
  for one in "${listed[@]}"; do
    [[ $one == "${2:-}" || $1/$one == "$role_path" ]] || others+=("the role $one")
  done
}
