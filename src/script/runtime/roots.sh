# --- roots: what every workload trusts, and what nothing needs any more

# Evidence of a change of the root, in the description of each cluster's mount, by Vault's own time. A root is called by the first 16 digits
# of its SHA-256 fingerprint:
#   root=R           the root that the mount's default issuer ends in
#   trusts.R=TIME    from then on every workload of the cluster trusts R
#   left.R=TIME      until then a certificate that ends in R can be in use, since the default issuer ended in it
# Every cluster's script reads those of all, so that none signs what another one's workloads refuse.

# planned_roots: prints what the workloads are to trust, one a line.
planned_roots() { printf '%s\n' "$root" ${also_trust:+"$also_trust"} | each_certificate short_fingerprint; }

# evidence_of_all: prints the evidence of all mounts: {MOUNT: {KEY: VALUE}}. Whoever can tune a mount can write such words, so one that is not
# a time is refused.
evidence_of_all() {
  local table all wrong
  table=$(get sys/mounts) || return 2
  all=$(jq "$EVIDENCE"' (.data // .) | to_entries
    | map(select((.value | type) == "object" and .value.type == "pki") | {key: (.key | rtrimstr("/")), value: (.value.description // "" | evidence.words)})
    | from_entries' <<<"$table") || return 2
  # shellcheck disable=SC2016 # it is jq's
  wrong=$(jq -r --arg time "$TIME" '[to_entries[] | .key as $mount | .value | to_entries[] | select((.key | test("^(trusts|left)[.]")) and (.value | test($time) | not))
    | "\(.key)=\(.value) of mount \($mount)"] | join(", ")' <<<"$all") || return 2
  [[ -z $wrong ]] || {
    complain "this record is not a time, so these scripts did not write it: $wrong. Find out who changed the mount's description, and remove the word from it with $cli secrets tune -description"
    return 2
  }
  printf '%s\n' "$all"
}

# look_at_workloads: sets `handed` to the roots that workloads are handed (ConfigMap istio-ca-root-cert of each namespace): a line
# NAMESPACE ROOT... for each text. 1, and a note: the cluster does not say.
handed=
look_at_workloads() {
  local answer namespace text roots
  answer=$(kube get configmaps -A --field-selector metadata.name=istio-ca-root-cert -o json 2>"$work/error") || {
    note "what the workloads trust cannot be looked at: $(last_error)"
    return 1
  }
  handed=
  while IFS=$'\t' read -r namespace text; do
    roots=$(base64 -d <<<"$text" | each_certificate short_fingerprint | sort -u)
    handed+="$namespace ${roots//$'\n'/ }"$'\n'
  done < <(jq -r '[.items[] | {namespace: .metadata.namespace, pem: (.data["root-cert.pem"] // "")}] | group_by(.pem)[]
    | "\(.[0].namespace)\t\(.[0].pem | @base64)"' <<<"$answer")
}

# without ROOT: prints a namespace whose workloads are not handed it.
without() {
  local line
  [[ -n $handed ]] || printf 'no namespace has istio-ca-root-cert'
  while IFS= read -r line; do
    [[ -z $line || " ${line#* } " == *" $1 "* ]] || { printf 'namespace %s' "${line%% *}" && break; }
  done <<<"$handed"
}

# old_istiods: prints the pods of istiod that were started before the roots in their namespace last changed: it reads them at its start.
old_istiods() {
  local changed pods
  changed=$(kube get configmap istio-ca-root-cert -n "$istio_namespace" -o json --show-managed-fields 2>"$work/error" |
    jq -r '[.metadata | .creationTimestamp, .managedFields[]?.time] | map(values) | max') || return 2
  pods=$(kube get pods -n "$istio_namespace" -l app=istiod -o json 2>"$work/error") || return 2
  jq -r --arg changed "$changed" '.items[]
    | select(.metadata.deletionTimestamp == null and (.status.startTime // .metadata.creationTimestamp) < $changed) | .metadata.name' <<<"$pods"
}

# trust_recorded: whether Vault has on record what the workloads trust. Sets `learned` and `forgotten` to the roots that are to be recorded.
learned=()
forgotten=()
trust_recorded() {
  local known id lacking rc=0
  learned=() forgotten=()
  if ! look_at_workloads || [[ -z $handed ]]; then
    # nothing is on its way to the workloads where no root stands beside the one that signs.
    [[ -n $also_trust ]] || return 0
    note 'no workload is handed a root yet: run this again once istio-csr serves'
    left_open=$step_id
    return 1
  fi
  known=$(evidence_of_all) || return 2
  drops_are_due "$known" || return 2
  known=$(jq -r --arg mount "$intermediate_mount" '.[$mount] // {} | keys[] | select(startswith("trusts.")) | ltrimstr("trusts.")' <<<"$known")
  for id in $known; do
    [[ -z $(without "$id") ]] || forgotten+=("$id")
  done
  [[ -z $also_trust ]] || for id in $(planned_roots); do
    lacking=$(without "$id")
    if [[ -n $lacking ]]; then
      note "not every workload is handed the root $id yet: $lacking. run this again once istio-csr has written it"
      left_open=$step_id rc=1
    elif ! grep -xF -- "$id" >/dev/null <<<"$known"; then
      learned+=("$id")
    fi
  done
  ((${#learned[@]} == 0)) || istiods_know || { learned=() left_open=$step_id rc=1; }
  ((${#learned[@]} + ${#forgotten[@]} == 0)) || rc=1
  return "$rc"
}

# istiods_know: whether each istiod has read what its namespace holds.
istiods_know() {
  local pods
  pods=$(old_istiods) || { note "the pods of istiod cannot be looked at: $(last_error)" && return 1; }
  [[ -n $pods ]] || return 0
  note "istiod reads its roots at its start, and ${pods//$'\n'/, } was started before they changed: kubectl --context $context rollout restart deployment/${istiod_deployments// / deployment/} -n $istio_namespace"
  return 1
}

# record_trust: a workload learns a root with its next certificate, so each knows it once the longest-lived of today's has ended.
record_trust() {
  local id at
  local -a words=()
  ((${#learned[@]} + ${#forgotten[@]} > 0)) || return 0
  at=$(last_end)
  for id in "${forgotten[@]}"; do words+=("trusts.$id="); done
  for id in "${learned[@]}"; do
    words+=("trusts.$id=$at")
    say "      from $at on every workload of $cluster trusts $id"
  done
  record "$intermediate_mount" "${words[@]}"
}

# goes_on WHY ROOT: whether --urgent has a change of the root go on although it should wait; says what breaks.
goes_on() {
  [[ $urgent == true && $mode != check ]] || return 1
  say "      URGENT, without the wait: $1"
  say "      what breaks: a workload that does not trust the root $2 yet refuses every connection to and from workloads whose certificates end in it, until it is restarted or its own certificate is renewed, up to $((leaf_seconds / 60)) minutes from now"
}

# root_may_sign OLD NEW: says what is wrong where a workload would not trust what the new root signs, in this cluster or in another one whose
# CA ends in the old one still.
root_may_sign() {
  local known now refused
  look_at_workloads || return 1
  refused=$(without "$2")
  if [[ -n $refused ]]; then
    ! goes_on "$refused does not hand its workloads the root $2" "$2" || return 0
    complain "$refused does not hand its workloads the root $2 that is to sign from now on: write it as root.alsoTrust first, beside the present root, and run the setup.sh of every cluster"
    return 1
  fi
  known=$(evidence_of_all) && now=$(vault_time) || return 2
  refused=$(jq -r --arg old "$1" --arg new "$2" --argjson now "$now" '[to_entries[] | select(.value.root == $old) | .value["trusts.\($new)"] as $at
    | if $at == null then "the workloads of \(.key) are not on record as trusting it: run that cluster'\''s setup.sh with it in root.alsoTrust"
      elif ($at | fromdateiso8601) > $now then "the workloads of \(.key) all trust it from \($at) on" else empty end] | join("; ")' <<<"$known") || return 2
  [[ -n $refused ]] || return 0
  ! goes_on "$refused" "$2" || return 0
  complain "the root $2 must not sign yet: $refused"
  return 1
}

# root_may_go ID EVIDENCE: says what is wrong where a certificate that ends in this root can still be in use.
root_may_go() {
  local now refused
  now=$(vault_time) || return 2
  refused=$(jq -r --arg id "$1" --argjson now "$now" '[to_entries[]
    | if .value.root == $id then "\(.key) still signs below it"
      elif (.value["left.\($id)"] // "1970-01-01T00:00:00Z" | fromdateiso8601) > $now then "certificates of \(.key) live until \(.value["left.\($id)"])"
      else empty end] | join("; ")' <<<"$2") || return 2
  [[ -n $refused ]] || return 0
  if [[ $urgent == true && $mode != check ]]; then
    say "      URGENT, without the wait: the root $1 is still needed: $refused"
    say "      what breaks: a workload whose certificate ends in the root $1 is refused by every workload that does not trust it any more, until it is restarted or its certificate is renewed, up to $((leaf_seconds / 60)) minutes from now"
    return 0
  fi
  complain "the root $1 must be trusted still: $refused. name its certificate in root.alsoTrust until then"
  return 1
}

# drops_are_due EVIDENCE: whether each root that workloads are handed, that is on record and that the plan does not name any more, may go.
drops_are_due() {
  local id
  for id in $(cut -d ' ' -f 2- <<<"$handed" | tr ' ' '\n' | sort -u); do
    grep -xF -- "$id" >/dev/null <<<"$(planned_roots)" || ! is_on_record "$id" "$1" || root_may_go "$id" "$1" || return 1
  done
}

# is_on_record ID EVIDENCE: whether it is a root that some cluster's CA has ended in, or that workloads were to learn.
is_on_record() {
  jq -e --arg id "$1" 'any(.[]; .root == $id or has("left.\($id)") or has("trusts.\($id)"))' <<<"$2" >/dev/null
}
