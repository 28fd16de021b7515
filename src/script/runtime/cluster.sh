# --- a cluster -------------------------------------------------------------------------------------------------------------------

repair_example=role/write
take_over=false
retire=false
# the step that is done as far as it can be, and waits for something else.
left_open=
# whether what emergency.sh has closed is to be opened again.
reopen=false
# whether a change of the root goes on without its waits.
urgent=false
options_usage=' [--take-over] [--retire] [--reopen] [--urgent NAME]'
options_help='  --take-over         write over what has a planned name and is of another maker
  --retire            remove the CAs of other generations once the last certificate under them has ended; refused before. With
                      --print-policy: what that needs too
  --reopen            open again what emergency.sh has closed; without it a run is refused
  --urgent NAME       change the root without waiting until every workload trusts it; NAME is the name of the cluster. It breaks
                      connections, and says which
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
  elif [[ $1 == --retire ]]; then
    retire=true
  elif [[ $1 == --reopen ]]; then
    reopen=true
  elif [[ $1 == --urgent ]]; then
    (($# >= 2)) || bad_usage "--urgent needs the name of the cluster, $cluster"
    [[ $2 == "$cluster" ]] || refuse "--urgent: '$2' is not the name of the cluster, which is '$cluster': nothing was changed"
    urgent=true
    taken=2
  elif [[ $1 == --exported-key && $intermediate_key == exported ]]; then
    (($# >= 2)) || bad_usage "$1 needs a file"
    exported_key_file=$2
    taken=2
  else
    return 1
  fi
}

before_steps() {
  local -a namespaces
  need_programs jq openssl kubectl
  stop_if_missing
  look_for_root_pem
  need_vault
  mapfile -t namespaces < <(printf '%s\n' "$issuer_namespace" "$csr_namespace" "$root_namespace" | sort -u)
  need_namespaces "${namespaces[@]}"
  # a check does nothing in the cluster.
  [[ ${#missing[@]} -gt 0 || $mode == check ]] || need_rights
  [[ ${#missing[@]} -gt 0 || $mode == check || -z $root_kind ]] || need_root_place
  ((${#missing[@]} > 0)) || look_around
}

# look_around: what is there already is looked at before anything is changed, and what is of another maker is not taken for ours.
look_around() {
  local rc=0
  need_open
  find_root || return 0
  need_known_root
  forget_signers
  look_at_ca "$intermediate_mount" || rc=$?
  ((rc <= 1)) || [[ $mode == check && ! -e $work/unanswered ]] || exit 1
  if ((rc == 1)); then
    [[ -n $signer_ca ]] || missing+=("the policy CA in Vault's mount $signer: run dist/root/setup.sh first")
    need_known_former
    [[ $take_over == true || $mode == check ]] || has_former || need_free_names
    need_key_file
  elif ((rc == 0)) && [[ $take_over == false && $mode != check ]]; then
    need_own_names
  fi
  need_retirable "$rc"
  # one step alone needs no more rights than its own.
  [[ -n $only ]] || report_other_logins
  look_at_way_in
}

# closed_here: prints what emergency.sh has closed of what this run is about, a line each: the command, and when.
closed_here() {
  local name ids id at rc
  while IFS=: read -r name ids; do
    for id in $ids; do
      [[ -z $only || " $only " == *" $id "* ]] || continue
      rc=0
      at=$(evidence_of "$intermediate_mount" "closed.$name") || rc=$?
      ((rc <= 1)) || return 2
      [[ -z $at ]] || printf '%s at %s\n' "$name" "$at"
      break
    done
  done <<<"$closings"
}

# need_known_root: what every workload is to trust, and what is signed below it, depends on the root, and whoever can write to Vault could have put
# another one there, with a certificate of the other one for the name and the key of ours.
need_known_root() {
  [[ -n $known_root ]] ||
    need_proof 'a root certificate to compare with' "the root in $root_mount, $(described "$root"): $(how_to_accept_root)"
}

# what --reopen was given for: what was closed when this run began, a line each.
agreed=

# need_open: what a person has closed stays closed, until a person says that it may be opened.
need_open() {
  local found
  found=$(closed_here) || exit 1
  [[ $reopen == false ]] || agreed=$found
  [[ -n $found ]] || return 0
  found=${found//$'\n'/, }
  if [[ $mode != run ]]; then
    note "closed by emergency.sh: $found. A run is refused until --reopen says that it may be opened again"
  elif [[ $reopen == false ]]; then
    die "emergency.sh has closed this: $found. A run would open it again, so nothing was changed. Once the cause is dealt with, as emergency.md beside this script says: bash $0${repair:+ --repair $repair} --reopen"
  fi
}

# need_still_open: the same for one step, just before it writes: emergency.sh may have closed it while this run was going on. --reopen opens
# what was closed when the run began, and nothing else.
need_still_open() {
  local only=$step_id found line
  # a step that emergency.sh does not take back is never closed.
  [[ " ${closings//$'\n'/ } " == *" $step_id "* ]] || return 0
  forget
  found=$(closed_here) || exit 1
  while IFS= read -r line; do
    [[ -z $line ]] || grep -xF -- "$line" >/dev/null <<<"$agreed" ||
      die "emergency.sh has closed this while this run was going on: $line. Nothing more was changed. Once the cause is dealt with, as emergency.md beside this script says: bash $0 --reopen"
  done <<<"$found"
}

# report_reopened: what is recorded as closed and is as planned all the same has been opened by something else than --reopen.
report_reopened() {
  local name ids id at
  local -a open
  while IFS=: read -r name ids; do
    at=$(evidence_of "$intermediate_mount" "closed.$name") || return 2
    [[ -n $at ]] || continue
    open=()
    for id in $ids; do [[ " ${to_do[*]} " == *" $id "* ]] || open+=("$id"); done
    ((${#open[@]} == 0)) ||
      stray "emergency.sh recorded $name at $at, and this is as planned all the same: ${open[*]}. To close it again: bash ${0%/*}/emergency.sh $name; if it was opened on purpose: bash $0 --reopen"
  done <<<"$closings"
}

# reopened: the end of a run: what was closed is open again, so the record of it goes.
reopened() {
  local found name
  local -a words=()
  [[ $reopen == true ]] || return 0
  forget
  found=$(closed_here | grep -xF -- "$agreed") || true
  while IFS= read -r name; do [[ -z $name ]] || words+=("closed.${name%% *}="); done <<<"$found"
  ((${#words[@]} > 0)) || return 0
  record "$intermediate_mount" "${words[@]}" >/dev/null
  say "opened again, and no longer recorded as closed: ${found//$'\n'/, }"
}

# report_other_logins: a way in that the config had before is open until somebody closes it.
report_other_logins() {
  local table name
  table=$(get sys/auth) || exit 1
  while IFS= read -r name; do
    [[ -z $name ]] || stray "cert-manager may still log in at auth/$name, which an earlier config planned; to close it: $cli auth disable $(printf %q "$name")"
  done < <(jq -r --arg mark "$login_mark" --arg mount "$login_mount/" '(.data // .) | to_entries[]
    | select((.value | type) == "object" and .value.description == $mark and .key != $mount) | .key | rtrimstr("/")' <<<"$table")
  report_foreign_logins
  # a mount that clusters share may serve others.
  if [[ $login_shared == false ]] || is_marked sys/auth "$login_mount"; then report_tuning sys/auth "$login_mount" || exit 1; fi
}

# need_free_names: the CA is the first thing that is made, so without it whatever has a planned name is of another maker.
need_free_names() {
  local pair rc=0
  mount_is "$intermediate_mount" pki || rc=$?
  ((rc <= 1)) || exit 1
  ((rc == 1)) || need_free_mount "$intermediate_mount" intermediate.mount
  for pair in "$policy_path policy.name" "$own_auth"; do
    found_at "${pair% *}" && not_ours "${pair% *}" "${pair##* }"
  done
  need_free_logins
}

# need_free_logins: before anything is made for this cluster, an auth mount of its own is enabled by these scripts, and lets nobody in. In one
# that clusters may share, nobody has the planned policy.
need_free_logins() {
  local found rc=0
  if [[ $login_shared == false ]]; then
    description_of sys/auth "$login_mount" >/dev/null || rc=$?
    ((rc <= 1)) || exit 1
    ((rc == 0)) || return 0
    is_marked sys/auth "$login_mount" || rc=$?
    ((rc <= 1)) || exit 1
    ((rc == 0)) || not_ours "the auth mount auth/$login_mount" "${own_auth##* }"
  fi
  rc=0
  found=$(foreign_logins) || rc=$?
  ((rc <= 1)) || exit 1
  ((rc == 1)) || not_ours "the auth mount auth/$login_mount, with its role ${found%%$'\n'*}" "${own_auth##* }"
}

# need_own_names: with the CA in place, a name that was changed in the config may have become one of another maker's. The login is ours where
# it gives the planned policy, has the planned role ID, or stands in a mount that was enabled for this cluster; the policy is, where our login
# gives it, or where it is about our mount.
need_own_names() {
  local login policy rc=0
  login=$(get "$login_path") || rc=$?
  ((rc <= 1)) || exit 1
  if ((rc == 0)) && jq -e --arg policy "${policy_path##*/}" '.data.token_policies // [] | index($policy)' <<<"$login" >/dev/null; then return 0; fi
  if ((rc == 0)) || found_at "${own_auth% *}" || own_mount_there; then
    is_own_login || not_ours "${own_auth% *}" "${own_auth##* }"
  fi
  rc=0
  policy=$(get "$policy_path") || rc=$?
  ((rc <= 1)) || exit 1
  ((rc == 1)) || [[ $(jq -r '.data.policy // ""' <<<"$policy") == *"\"$intermediate_mount/"* ]] || not_ours "$policy_path" policy.name
}

# own_mount_there: whether an auth mount that is this cluster's alone is there.
own_mount_there() { [[ $login_shared == false ]] && description_of sys/auth "$login_mount" >/dev/null; }

# is_own_login: by what is not the policy.
is_own_login() {
  local found description
  if [[ -z ${role_id:-} ]]; then
    description=$(description_of sys/auth "$login_mount") || return 1
    [[ $description == "$login_mark" ]]
  else
    found=$(get "$login_path/role-id") && [[ $(jq -r '.data.role_id // ""' <<<"$found") == "$role_id" ]]
  fi
}

# found_at PATH: whether Vault holds anything there.
found_at() {
  local rc=0
  get "$1" >/dev/null || rc=$?
  ((rc <= 1)) || exit 1
  return "$rc"
}

# write_role PATH: writes the PKI role. Whether a request can choose its own end is a field of OpenBao's roles: it is written where the server
# answers with it. Vault does not know it, and the policy of the login refuses that.
write_role() {
  local found
  jq 'del(.not_after_bound)' <<<"$wanted" | put "$1"
  found=$(get "$1")
  ! jq -e '.data | has("not_after_bound")' <<<"$found" >/dev/null || write_fields "$1"
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
  local end="cluster $cluster is ready in Vault: $trial_done trials passed"
  ((trial_done > 0)) || end="cluster $cluster is set up in Vault, and not tried"
  [[ -z $left_open ]] || end+="; still open, as said above: $left_open"
  say "$end. next: README.md beside this script"
}
