# --- the way in: an AppRole and its secret ID ---------------------------------------------------------------------------------------

need_rights() {
  case $secret_delivery in
    script) may patch "secret/$secret_name" -n "$secret_namespace" ;;
    wrapped) may get "secret/$secret_name" -n "$secret_namespace" ;;
  esac
}

look_at_way_in() {
  case $secret_delivery in
    script | wrapped) [[ $take_over == true ]] || need_own_secret secret_id_works ;;
    externalSecret) need_store && need_kv ;;
    externalSecretGenerator) need_store ;;
  esac
}

# need_own_secret CHECK: two entries of the config may mean one cluster by two contexts, and would take each other's Secret.
need_own_secret() {
  local maker
  maker=$(kube get secret "$secret_name" -n "$secret_namespace" -o json --ignore-not-found |
    jq -r --arg key "$MAKER" '"cluster " + (.metadata.annotations[$key] // "")') || exit 1
  case $maker in
    '' | "cluster $cluster") return 0 ;;
    # one that was put there by hand serves, where it holds a secret ID of this AppRole.
    'cluster ') "$1" 3>/dev/null && return 0 || maker='another maker' ;;
  esac
  missing+=("another name than $secret_namespace/$secret_name for the Secret: context $context has one of $maker; set secret.name in the config; or --take-over")
}

# never_locks MOUNT: whether failed logins lock none of its AppRoles. A mount that was there before us may serve others: it is not tuned.
never_locks() {
  local table rc=0
  table=$(get sys/auth) || return 2
  table=$(jq --arg mount "$1/" '{data: ((.data // .)[$mount].config.user_lockout_config // {})}' <<<"$table") || return 2
  if [[ $(jq .data.user_lockout_disable <<<"$table") != true ]]; then
    is_marked sys/auth "$1" || rc=$?
    ((rc <= 1)) || return "$rc"
    if ((rc == 1)) && auth_is "$1" approle; then
      note "five failed logins lock an AppRole of $1 for 15 minutes, and with it the mesh. The mount is not one that these scripts enabled, so it is left as it is; to end that: $cli auth tune -user-lockout-disable=true $1"
      return 0
    fi
  fi
  compare "$table" '{"user_lockout_disable": true}'
}

# whether this run has made one that is not in the cluster yet.
handed_over=false

# what Vault calls the secret ID that cert-manager is given; no secret.
accessor=

# look_up_secret_id: sets `accessor`, and `found` to what Vault knows of the secret ID that cert-manager is given; 1 where there is none, or
# none that Vault knows.
look_up_secret_id() {
  local secret_id rc=0
  accessor=
  secret_id=$(held_secret_id) || rc=$?
  ((rc == 0)) || return "$rc"
  # the value comes from where anybody may have edited it: it travels as JSON, never as a word.
  found=$(printf '%s' "$secret_id" | jq -Rs '{secret_id: .}' | put "$auth_path/secret-id/lookup" 2>"$work/error") || rc=$?
  if ((rc != 0)) && ! grep -Eq 'Code: 404|role .* does not exist|missing secret_id|failed to find' "$work/error"; then
    complain "cannot look up the secret ID: $(last_error)"
    return 2
  fi
  # of one that it does not know, Vault says nothing.
  if ((rc != 0)) || [[ -z $found || $(jq -r '.data.secret_id_accessor // ""' <<<"$found") == '' ]]; then
    note "the cluster's secret ID is not one that Vault knows"
    return 1
  fi
  accessor=$(jq -r .data.secret_id_accessor <<<"$found")
}

# secret_id_works: whether the cluster's secret ID is known to Vault and has time left.
secret_id_works() {
  local found due rc=0
  look_up_secret_id || rc=$?
  ((rc == 0)) || return "$rc"
  # Vault writes its own time zone.
  due=$(jq --argjson ttl "$secret_id_seconds" '
    def instant: capture("^(?<time>[0-9T:-]{19})([.][0-9]+)?(?<zone>Z|(?<sign>[+-])(?<h>[0-9]{2}):(?<m>[0-9]{2}))$")
      | (.time + "Z" | fromdateiso8601)
        - (if .zone == "Z" then 0 else ((.h | tonumber) * 3600 + (.m | tonumber) * 60) * (if .sign == "-" then -1 else 1 end) end);
    (.data.expiration_time | instant) as $ends
    | if $ttl == 0 then $ends >= 0 and $ends <= now else $ends <= now + $ttl / 3 or $ends > now + $ttl + 3600 end' <<<"$found") || return 2
  if [[ $due == true ]]; then
    note "the cluster's secret ID ends $(jq -r 'if .data.secret_id_ttl == 0 then "never" else .data.expiration_time end' <<<"$found"): a new one is due"
    return 1
  fi
  note "the secret ID's end: $(jq -r 'if .data.secret_id_ttl == 0 then "none" else .data.expiration_time end' <<<"$found")"
  report_other_secret_ids
}

# deliver_secret_id: makes a secret ID and pipes it to where cert-manager is given it. Where that fails, it is destroyed.
deliver_secret_id() {
  local response previous=$accessor
  # the one before can log in until it is destroyed, so that it has to be known, also after a stop.
  [[ -n $previous ]] || previous=$(previous_accessor)
  response=$(vault write -format=json -force "$auth_path/secret-id")
  accessor=$(printf '%s' "$response" | jq -r .data.secret_id_accessor)
  if ! printf '%s' "$response" | jq -j .data.secret_id | carry_secret_id "$previous"; then
    destroy_secret_id "$accessor" || true
    die "the secret ID did not reach $secret_place; it was destroyed"
  fi
}

# destroy_secret_id ACCESSOR
destroy_secret_id() { jq -n --arg accessor "$1" '{secret_id_accessor: $accessor}' | put "$auth_path/secret-id-accessor/destroy"; }

# report_other_secret_ids: those of stopped runs, of renewals, of others; they are not ours to destroy. Each lets its holder log in. The one that
# a renewal has replaced is known, and rotate.sh destroys it.
report_other_secret_ids() {
  local other previous
  local -a others=()
  previous=$(previous_accessor) || previous=
  keys_of "$auth_path/secret-id" || true
  for other in "${listed[@]}"; do [[ $other == "$accessor" || $other == "$previous" ]] || others+=("$other"); done
  ((${#others[@]} > 0)) || return 0
  stray "secret IDs of the AppRole besides the delivered one, of stopped or earlier runs or of others: ${#others[@]}; to destroy one: $cli write $auth_path/secret-id-accessor/destroy secret_id_accessor=ACCESSOR"
  for other in "${others[@]:0:10}"; do note "  accessor $other"; done
}

# log_in: sets `trial_token`; 1, and why, where there is nothing to log in with yet.
log_in() {
  local secret_id rc=0 response
  [[ $handed_over == true ]] || secret_id=$(held_secret_id) || rc=$?
  ((rc <= 1)) || die "cannot read the secret ID in $secret_place"
  if ((rc != 0)) || [[ $handed_over == true ]]; then
    say "      not tried: $([[ $handed_over == false ]] || printf 'the new secret ID of ')$secret_namespace/$secret_name is not in the cluster yet. $secret_todo, then run this again"
    return 1
  fi
  response=$(printf '%s' "$secret_id" | jq -Rs --arg role_id "$role_id" '{$role_id, secret_id: .}' | put "auth/$auth_mount/login" 2>"$work/error") ||
    die "the login with the delivered secret ID failed, cert-manager could not log in either: $(last_error)$(locked_out)"
  take_login "$response"
}

# locked_out: after five failed logins, and cert-manager tries again and again, Vault refuses a role ID for 15 minutes, whatever secret ID
# comes with it. It says no more than this.
locked_out() {
  grep -q 'permission denied' "$work/error" || return 0
  printf '%s' "it may be that failed logins have locked the role ID: wait 15 minutes, or $cli auth tune -user-lockout-disable=true $auth_mount, or $cli write -force sys/locked-users/ACCESSOR/unlock/$role_id with the accessor of $auth_mount/ in $cli auth list; then run this again"
}
