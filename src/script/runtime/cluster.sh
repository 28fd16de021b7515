# --- a cluster -------------------------------------------------------------------------------------------------------------------

repair_example=role/write
exported_key_file=
take_over=false
options_usage=' [--take-over]'
options_help='  --take-over         write over what has a planned name and is of another maker
'
if [[ $key_mode == exported ]]; then
  options_usage+=' [--exported-key FILE]'
  options_help+='  --exported-key FILE a new file for the key of the intermediate CA, which the config exports; needed once
'
fi

# option OPTION...: sets `taken` to the number of words that it took; 1 where it is none of ours.
option() {
  taken=1
  if [[ $1 == --take-over ]]; then
    take_over=true
  elif [[ $1 == --exported-key && $key_mode == exported ]]; then
    (($# >= 2)) || bad_usage "$1 needs a file"
    exported_key_file=$2
    taken=2
  else
    return 1
  fi
}

before_steps() {
  local namespace
  local -a namespaces
  need_programs jq openssl kubectl
  stop_if_missing
  look_for_root_pem
  need_vault
  mapfile -t namespaces < <(printf '%s\n' "$issuer_namespace" "$csr_namespace" "$root_namespace" | sort -u)
  for namespace in "${namespaces[@]}"; do
    kube get namespace "$namespace" -o name >/dev/null 2>"$work/error" ||
      missing+=("the namespace $namespace in the cluster of context $context: $(last_error)")
  done
  # a check does nothing in the cluster.
  [[ ${#missing[@]} -gt 0 || $mode == check ]] || need_rights
  [[ ${#missing[@]} -gt 0 || $mode == check || -z $root_kind ]] || need_root_place
  ((${#missing[@]} > 0)) || look_around
}

# look_around: what is there already is looked at before anything is changed, and what is of another maker is not taken for ours.
look_around() {
  local rc=0
  find_root || return 0
  [[ -n $known_root ]] ||
    note "no root.certificate in the config and no ./root.pem here, so the root in $root_mount is taken as it is: $(described "$root")"
  find_intermediate || rc=$?
  ((rc <= 1)) || [[ $mode == check && ! -e $work/unanswered ]] || exit 1
  if ((rc == 1)); then
    lives_for "$intermediate_seconds" "$root" "the root in $root_mount" || exit 1
    [[ $take_over == true || $mode == check ]] || need_free_names
    need_key_file
  fi
  look_at_way_in
}

# need_free_names: the CA is the first thing that is made, so without it whatever has a planned name is of another maker.
need_free_names() {
  local pair
  keys_of "$mount/roles" && not_ours "the mount $mount, with its role ${listed[0]}" intermediate.mount
  keys_of "$mount/issuers" && not_ours "the mount $mount, with its issuers" intermediate.mount
  for pair in "$policy_path policy.name" "$own_auth"; do
    found_at "${pair% *}" && not_ours "${pair% *}" "${pair##* }"
  done
  return 0
}

# found_at PATH: whether Vault holds anything there.
found_at() {
  local rc=0
  get "$1" >/dev/null || rc=$?
  ((rc <= 1)) || exit 1
  return "$rc"
}

not_ours() { missing+=("another name than $1, which is there already and not of this CA: set $2 in the config; or --take-over"); }

# need_key_file: an exported key is handed out once, so the file for it is wanted before the key is made.
need_key_file() {
  [[ $key_mode == exported && $mode == run ]] || return 0
  if [[ -z $exported_key_file ]]; then
    missing+=('a file for the exported key of the intermediate CA: --exported-key FILE')
  elif [[ -e $exported_key_file ]]; then
    missing+=("a new file for the exported key: $exported_key_file is there already, and is not overwritten")
  fi
}

# --- the intermediate CA

# find_intermediate: sets `issuer` and `intermediate` where the mount's default issuer is the planned CA, with its key, signed by the root.
find_intermediate() {
  local rc=0
  issuer=$(issuer_of "$mount") || rc=$?
  ((rc == 0)) || return "$rc"
  is_planned_ca "$issuer" || return 2
  intermediate=$(jq -r .data.certificate <<<"$issuer" | first_certificate)
}

# intermediate_present: the same, and says what a reader should know of it.
intermediate_present() {
  local rc=0
  find_intermediate || rc=$?
  ((rc == 0)) || return "$rc"
  note "the intermediate is $(described "$intermediate"), until $(end_of <<<"$intermediate")"
  report_differences
  report_other_signers
}

# is_planned_ca ISSUER: says what is wrong where it is not.
is_planned_ca() {
  local certificate cn reason
  certificate=$(jq -r .data.certificate <<<"$1" | first_certificate) || return 1
  cn=$(subject_cn <<<"$certificate")
  if [[ $cn != "$common_name" ]]; then
    reason="holds another CA ($(described "$certificate")) than the planned '$common_name'"
  elif [[ -z $(jq -r '.data.key_id // ""' <<<"$1") ]]; then
    reason="holds the certificate of '$cn' without its key"
  elif ! verified "$root" "$certificate"; then
    reason="holds a CA that does not verify to the root in $root_mount ($(last_error))"
  else
    return 0
  fi
  complain "$mount $reason: CA material is never replaced here; choose another mount in the config"
  return 1
}

# report_differences: a CA that was made with other settings than those of today is kept.
report_differences() {
  local text path
  text=$(openssl x509 -noout -text <<<"$intermediate")
  grep -E "Public-Key: \($intermediate_bits bit" <<<"$text" >/dev/null ||
    note "its key has not the $intermediate_bits bits of the plan; it is kept"
  path=$(sed -n 's/.*CA:TRUE, pathlen:\([0-9]*\).*/\1/p' <<<"$text")
  [[ ${path:--1} == "$max_path_length" ]] ||
    note "its path length is ${path:-without a bound}, the plan says $max_path_length; it is kept"
}

# report_other_signers: what else the mount can sign with: further issuers; keys without a certificate, which a stopped run leaves; further
# roles, which sign with this CA what the plan knows nothing of. They are named, and left alone.
report_other_signers() {
  local used id other
  used=" $(jq -r .data.key_id <<<"$issuer")"
  keys_of "$mount/issuers" || true
  for id in "${listed[@]}"; do
    [[ $id != "$(jq -r .data.issuer_id <<<"$issuer")" ]] || continue
    other=$(get "$mount/issuer/$id") || return 2
    # the root's certificate stands here too, without its key.
    [[ -n $(jq -r '.data.key_id // ""' <<<"$other") ]] || continue
    used+=" $(jq -r .data.key_id <<<"$other")"
    stray "issuer $id can sign here too, besides the default: $(described "$(jq -r .data.certificate <<<"$other" | first_certificate)")"
  done
  keys_of "$mount/keys" || true
  for id in "${listed[@]}"; do
    [[ " $used " == *" $id "* ]] || stray "key $id has no certificate, a stopped run left it; to remove it: $cli delete $mount/key/$id"
  done
  keys_of "$mount/roles" || true
  for id in "${listed[@]}"; do
    [[ $mount/roles/$id == "$role_path" ]] ||
      stray "role $mount/roles/$id signs with this CA too, and is not of the plan; to remove it: $cli delete $mount/roles/$id"
  done
}

# issue_intermediate: key, signature and import are one step, so that a rerun never replaces a CA that a mesh trusts.
issue_intermediate() {
  local response csr bundle imported
  response=$(put "$mount/intermediate/generate/$key_mode" <<<"$wanted")
  csr=$(printf '%s' "$response" | jq -r .data.csr)
  if [[ $key_mode == exported ]]; then
    (set -o noclobber && printf '%s' "$response" | jq -r .data.private_key >"$exported_key_file") || die "cannot write $exported_key_file: the key that it was for is not used"
    note "the key of the CA is in $exported_key_file: keep it in a safe place"
  fi
  response=
  bundle=$(jq -n --arg csr "$csr" --argjson sign "$sign_fields" '{$csr} + $sign' | put "$root_mount/root/sign-intermediate" | jq -r .data.certificate)
  intermediate=$(first_certificate <<<"$bundle")
  verified "$root" "$intermediate" || die "what $root_mount signed does not verify to its root"
  imported=$(vault write -format=json "$mount/intermediate/set-signed" certificate=- <<<"$bundle")
  set_first_issuer "$(jq -r '.data.mapping | to_entries[] | select(.value != "") | .key' <<<"$imported" | tail -n 1)"
  intermediate_present || die "$mount does not hold the CA that was just imported"
}

# set_first_issuer ID: set-signed makes the first issuer of a mount its default. Where there is one by now, another run at the same time made
# it, and it stays.
set_first_issuer() {
  local config
  config=$(get "$mount/config/issuers")
  [[ -n $(jq -r '.data.default // ""' <<<"$config") ]] || jq -n --arg id "$1" '{default: $id}' | put "$mount/config/issuers"
}

after_steps() {
  ((trial_done == 0)) || say "cluster $cluster is ready in Vault: $trial_done trials passed. next: README.md beside this script"
}
