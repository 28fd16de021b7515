# --- a cluster -------------------------------------------------------------------------------------------------------------------

repair_example=role/write
take_over=false
options_usage=' [--take-over]'
options_help='  --take-over         write over what has a planned name and is of another maker
'
if [[ $intermediate_key == exported ]]; then
  options_usage+=' [--exported-key FILE]'
  options_help+='  --exported-key FILE a new file for the key of the intermediate CA, which the config exports; needed once
'
fi

# option OPTION...: sets `taken` to the number of words that it took; 1 where it is none of ours.
option() {
  if declare -F offline_option >/dev/null && offline_option "$@"; then return 0; fi
  taken=1
  if [[ $1 == --take-over ]]; then
    take_over=true
  elif [[ $1 == --exported-key && $intermediate_key == exported ]]; then
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
  look_at_ca "$intermediate_mount" || rc=$?
  ((rc <= 1)) || [[ $mode == check && ! -e $work/unanswered ]] || exit 1
  if ((rc == 1)); then
    [[ -n $signer_ca ]] || missing+=("the policy CA in Vault's mount $signer: run dist/root/setup.sh first")
    [[ $take_over == true || $mode == check ]] || need_free_names
    need_key_file
  fi
  look_at_way_in
}

# need_free_names: the CA is the first thing that is made, so without it whatever has a planned name is of another maker.
need_free_names() {
  local pair
  need_free_mount "$intermediate_mount" intermediate.mount
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
  [[ $intermediate_key == exported && $mode == run ]] || return 0
  if [[ -z $exported_key_file ]]; then
    missing+=('a file for the exported key of the intermediate CA: --exported-key FILE')
  elif [[ -e $exported_key_file ]]; then
    missing+=("a new file for the exported key: $exported_key_file is there already, and is not overwritten")
  fi
}

after_steps() {
  ((trial_done == 0)) || say "cluster $cluster is ready in Vault: $trial_done trials passed. next: README.md beside this script"
}
