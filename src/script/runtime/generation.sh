# --- generations: the CAs of a cluster, as issuers beside each other on its mount ----------------------------------------------------
#
# The issuer of generation N is called PREFIXN. The only one of a mount, which is the first, has no name until there is a second.

readonly issuer_name=$issuer_prefix$generation
another_ca="raise intermediate.generation of $cluster in mesh-ca.yaml, synthesize and run this again"

# issuer_named NAME: sets `at` to its place among the signers; 1 where there is none.
issuer_named() {
  for at in "${!signers[@]}"; do [[ ${signer_names[at]} != "$1" ]] || return 0; done
  return 1
}

# is_own_name NAME, own_names: whether an issuer's name is one of ours; those that are there, by number.
is_own_name() { is_generation "$issuer_prefix" "$1"; }
own_names() {
  local i
  local -a own=()
  for i in "${!signer_names[@]}"; do
    if is_own "$i"; then own+=("${signer_names[i]}"); fi
  done
  ((${#own[@]} == 0)) || printf '%s\n' "${own[@]}" | sort -V
}

# is_own PLACE, is_known PLACE: whether the CA at this place among the signers is one of ours: by its name, and by its certificate, since whoever
# can write to Vault gives any name.
is_own() { is_own_name "${signer_names[$1]}" && is_known "$1"; }
is_known() { is_known_ca "$mount" "$(first_certificate <<<"${signer_certificates[$1]}")"; }

# nameless COMMON-NAME: sets `at` to the place of the CA of this name, below the root, that is not called as ours are: the first, or what a
# stopped run left; 1 where there is none. One that is known comes before others, which anybody can have put there.
nameless() {
  local certificate found=''
  for at in "${!signers[@]}"; do
    ! is_own_name "${signer_names[at]}" || continue
    certificate=$(first_certificate <<<"${signer_certificates[at]}")
    [[ $(subject_cn <<<"$certificate") == "$1" ]] || continue
    # while the root is being replaced, the CA before the planned one is below the root before.
    verified "$root"$'\n'"$also_trust" "$certificate" "${signer_chains[at]}" || continue
    ! is_known "$at" || return 0
    found=${found:-$at}
  done
  at=$found
  [[ -n $found ]]
}

# find_generation: sets `issuer` to the CA of the planned generation; 1 where it is to be made. One that nothing proves is found last, and is
# refused then.
find_generation() {
  local at rc=0
  read_signers || rc=$?
  ((rc == 0)) || return "$rc"
  if { issuer_named "$issuer_name" && is_known "$at"; } || nameless "$common_name" || issuer_named "$issuer_name"; then
    issuer=${signers[at]}
    return 0
  fi
  may_be_made || return 2
  return 1
}

# may_be_made: whether a CA of the planned generation can be made beside what is there. Says what is wrong.
may_be_made() {
  local highest at ca
  highest=$(own_names | sed "s/^$issuer_prefix//" | tail -n 1)
  if [[ -n $highest ]] && ((highest > generation)); then
    complain "the CA of generation $generation is not in $mount (any more), and that of generation $highest is: none is made again. Set intermediate.generation to $highest, or to $((highest + 1)) for a new one"
    return 1
  fi
  [[ -z $highest && -n $default_id ]] || return 0
  # a mount from before there were generations.
  ((generation == 1)) || ! nameless "$first_common_name" || return 0
  issuer=$(get "$mount/issuer/$default_id") || return 1
  is_planned_ca "$issuer"
}

# has_former: whether a CA of another generation is there, so that the mount is ours.
has_former() {
  local at
  for at in "${!signers[@]}"; do
    if is_own "$at" && verified_former >/dev/null; then return 0; fi
  done
  ((generation > 1)) && nameless "$first_common_name" && is_known "$at"
}

# need_known_former: where the CA of another generation is there by its name, it has to be known: a new CA takes its place beside it.
need_known_former() {
  local at
  for at in "${!signers[@]}"; do
    ! is_own_name "${signer_names[at]}" || need_known_signer "$at"
  done
  ((generation == 1)) || ! nameless "$first_common_name" || need_known_signer "$at"
}
need_known_signer() { need_known_ca "$(first_certificate <<<"${signer_certificates[$1]}")" "${signers[$1]}"; }

# has_its_name: whether the CA that was found is called as it should be. The first needs no name as long as it is the only one.
has_its_name() { ((generation == 1)) || [[ $(jq -r .data.issuer_name <<<"$issuer") == "$issuer_name" ]]; }

# report_end: the alerts of its end and the timeline count from the day that the config has of it.
report_end() {
  local day
  day=$(second_of_end <<<"$ca" | jq -r 'todateiso8601[:10]') || return 2
  if [[ -n $config_end && $config_end != "$day" ]]; then
    stray "intermediate.notAfter is $config_end, and it ends on $day: the timeline, and alerts of its end, count from a wrong day; write \"$day\""
  elif [[ -z $config_end && $watched == true ]]; then
    note "no alert counts to its end yet: write intermediate.notAfter: \"$day\", and synthesize"
  fi
}

# report_signer: it goes on signing below a CA that was revoked, or that is not the planned one any more, until the next generation.
report_signer() {
  local above certificate rc=0
  [[ -n $signer ]] || return 0
  above=$(issuer_of "$signer" "$signer_ref") || rc=$?
  ((rc <= 1)) || return 2
  ((rc == 0)) || return 0
  certificate=$(jq -r .data.certificate <<<"$above" | first_certificate) || return 2
  if ! signed_by "$ca" "$certificate"; then
    stray "it was signed by another CA than the one in $signer, $(described "$certificate"); for one below that: $another_ca"
  elif jq -e '.data.revoked == true' <<<"$above" >/dev/null; then
    stray "the CA that signed it, $(described "$certificate") in $signer, is revoked; once there is another one in its place: $another_ca"
  fi
}

# prepare_generation: a second CA is about to be made: the first one gets its name, and the default stays where it is until it is moved. Sets
# `former_key` where the new one takes the key of the one before.
prepare_generation() {
  local former at
  forget_signers
  read_signers || return 0
  [[ $reuse_key == false ]] || refuse_revoked_key
  [[ -n $(own_names) ]] || ! nameless "$first_common_name" || ! is_known "$at" || name_issuer "${signers[at]}" "${issuer_prefix}1"
  [[ $follows_latest == false ]] || set_default "$default_id"
  [[ $reuse_key == true ]] || return 0
  # of the default, where it is one of ours; else of the last one.
  former=$(called "$default_id")
  is_own_name "$former" || former=$(own_names | tail -n 1)
  [[ -z $former ]] || ! issuer_named "$former" || ! is_known "$at" || ! verified_former || former_key=${signer_keys[at]}
  [[ -n $former_key ]] || note 'there is no CA before it whose key it could take: it gets a new one'
}

# refuse_revoked_key: a CA is revoked because somebody else may have its key, so the next generation gets another one.
refuse_revoked_key() {
  local i
  for i in "${!signers[@]}"; do
    ! jq -e '.data.revoked == true' <<<"${signers[i]}" >/dev/null ||
      die "intermediate.reuseKey: a CA in $mount is revoked, $(described "$(first_certificate <<<"${signer_certificates[i]}")"), so somebody else may have its key. Set intermediate.reuseKey to false, synthesize, and run this again: the next CA gets a key of its own"
  done
}

# verified_former: whether the CA at the place `at` is below the root, or below one that is trusted beside it: a name alone is no proof.
verified_former() {
  # shellcheck disable=SC2034 # `verified` reads it: an expired CA was ours all the same.
  local certificate anytime=true
  certificate=$(first_certificate <<<"${signer_certificates[at]}")
  verified "$root"$'\n'"$also_trust" "$certificate" "${signer_chains[at]}" && return 0
  note "the CA $(described "$certificate") in $mount does not verify to the root, so its key is not reused"
  return 1
}

# set_default ID
set_default() {
  jq -n --arg id "$1" '{default: $id, default_follows_latest_issuer: false}' | put "$mount/config/issuers"
  forget_signers
}

# name_issuer ISSUER NAME: its other fields stay as they are.
name_issuer() {
  local other id
  pick '.data | .issuer_name // "", .issuer_id' <<<"$1"
  other=${picked[0]} id=${picked[1]}
  [[ -z $other ]] || give_up "the CA in $mount is called '$other' by another maker, and who uses that name would lose it; rename it yourself: $cli patch $mount/issuer/$other issuer_name=$2"
  jq -n --arg name "$2" '{issuer_name: $name}' | vault patch -format=json "$mount/issuer/$id" -
  forget_signers
  read_signers
}

# --- which of them signs

# default_is_planned: whether the planned CA signs, and of each other one of ours it is recorded until when certificates under it can live.
default_is_planned() {
  local found id words rc=0
  find_ca "$intermediate_mount" || rc=$?
  ((rc != 1)) || foretell
  ((rc == 0)) || return "$rc"
  id=$(jq -r .data.issuer_id <<<"$issuer") || return 2
  if [[ $default_id != "$id" || $follows_latest != false ]]; then
    [[ $default_id == "$id" ]] || foretell
    found=$(jq -n --arg default "$(called "$default_id")" --argjson follows "$follows_latest" \
      '{data: {$default, default_follows_latest_issuer: $follows}}')
    compare "$found" "$(jq -n --arg default "$(called "$id")" '{$default, default_follows_latest_issuer: false}')" || return "$?"
  fi
  words=$(unrecorded) || return 2
  [[ -z $words ]] || {
    note "it is not recorded yet: ${words//$'\n'/, }"
    return 1
  }
}

# foretell: a run is refused where not every workload trusts the root that is to sign, so a plan says so.
foretell() {
  local reason
  [[ $mode == plan && -n $default_id ]] || return 0
  reason=$(may_move 2>&1) || note "a run would be refused: ${reason#"$0: error: "}"
}

# called ID: prints the name of an issuer, or its ID where it has none.
called() {
  local i name=$1
  for i in "${!signers[@]}"; do
    if [[ ${signer_ids[i]} == "$1" && -n ${signer_names[i]} ]]; then name=${signer_names[i]}; fi
  done
  printf '%s\n' "$name"
}

# former_names: those of ours that are not the planned one.
former_names() { own_names | grep -vxF "$issuer_name" || true; }

# unrecorded: prints what is to be recorded, in words: an end for each former one that has none, and none for the planned one; the root that
# signs, and an end for the one before.
unrecorded() {
  local name end now_in before
  # who trusts the intermediate alone has no root to change.
  if [[ ${root_file:-root} == root ]]; then
    now_in=$(short_fingerprint <<<"$root")
    before=$(evidence_of "$mount" root) || return 2
    [[ $before == "$now_in" ]] || printf 'root=%s\n' "$now_in"
    [[ -z $before || $before == "$now_in" ]] || printf 'left.%s=end\n' "$before"
  fi
  [[ -z $(evidence_of "$mount" "$issuer_name.until") ]] || printf '%s.until=\n' "$issuer_name"
  while IFS= read -r name; do
    [[ -n $name ]] || continue
    end=$(evidence_of "$mount" "$name.until") || return 2
    is_time "$end" || printf '%s.until=end\n' "$name"
  done < <(former_names)
}

# move_default NAMES: tries the planned CA, makes it the default, and records until when certificates under the one before can live. The
# record is made after the move: stopped in between, the next run makes it, later. So nothing may be recorded of both before the move.
move_default() {
  local id end
  local -a words
  find_ca "$intermediate_mount" || die "there is no CA of generation $generation"
  id=$(jq -r .data.issuer_id <<<"$issuer")
  if [[ $default_id != "$id" ]]; then
    try_issuer "$id" "$1"
    may_move || give_up 'the default issuer is left as it is'
    record "$mount" "$issuer_name.until=" "$(called "$default_id").until="
  fi
  if [[ $default_id != "$id" || $follows_latest != false ]]; then
    set_default "$id"
    find_ca "$intermediate_mount"
  fi
  end=$(last_end)
  mapfile -t words < <(unrecorded)
  ((${#words[@]} == 0)) || record "$mount" "${words[@]/%=end/=$end}"
}

# may_move: says what is wrong where the planned CA ends in another root than the default, and not every workload trusts that one.
may_move() {
  local before new
  before=$(evidence_of "$mount" root) && new=$(short_fingerprint <<<"$root") || return 2
  [[ $before != "$new" ]] || return 0
  if [[ -z $before ]]; then
    ! goes_on "it is not on record which root $mount signs below" "$new" || return 0
    complain "it is not on record which root $mount signs below: set root and intermediate.generation back to what they were, run the setup.sh of that once, and go on from there"
    return 1
  fi
  root_may_sign "$before" "$new"
}

# margin: for the clocks of the servers of Vault, and for what is being signed while the default moves.
readonly MARGIN=600

# last_end: prints when the last certificate ends that can have been signed by now, in Vault's words and by its time.
last_end() {
  local now longer
  now=$(vault_time) || return 2
  longer=$(longer_leaves) || return 2
  jq -nr --argjson now "$now" --argjson seconds "$((leaf_seconds + MARGIN))" --arg longer "$longer" '[$now + $seconds | todateiso8601, $longer] | max'
}

# longer_leaves: prints until when certificates can live that a role with a longer lifetime has signed; an empty line where none is recorded.
longer_leaves() {
  local until
  until=$(evidence_of "$mount" leaves.until) || return 2
  is_time "$until" || until=
  printf '%s\n' "$until"
}

# note_longer_leaves: a role that signs for longer than planned is about to be changed: what it has signed lives on.
note_longer_leaves() {
  local found longest now before rc=0
  use_ca "$intermediate_mount"
  found=$(get "$role_path") || rc=$?
  ((rc != 1)) || return 0
  # 0 is what the mount allows.
  longest=$(jq --argjson mount "$ca_seconds" '.data | [.max_ttl, .ttl] | max | if . == 0 then $mount else . end' <<<"$found")
  [[ $(jq -n --argjson found "$longest" --argjson planned "$leaf_seconds" '$found > $planned') == true ]] || return 0
  now=$(vault_time)
  before=$(longer_leaves)
  record "$mount" "leaves.until=$(jq -nr --argjson now "$now" --argjson longest "$longest" --argjson margin "$MARGIN" --arg before "$before" \
    '[$now + $longest + $margin | todateiso8601, $before] | max')"
}

# try_issuer ID NAMES: one signature, before the mesh depends on it.
try_issuer() {
  local answer
  trial_key
  answer=$(sign_at "$mount/issuer/$1/sign/${role_path##*/}" "$2" vault) ||
    die "$issuer_name does not sign, so the default issuer is left: $(last_error)"
  pick "$SIGNED" <<<"$answer"
  verified "$root" "${picked[0]}" "${picked[1]}" || die "what $issuer_name signs does not verify to the root, so the default issuer is left"
  trial_private_key=
  say "      signed by $issuer_name, verified to the root: a workload"
}

# --- those that nothing needs any more

# gone_names: those of which something is recorded, and which are not there: a stopped run has removed them.
gone_names() {
  local name at
  while IFS= read -r name; do
    if is_own_name "$name" && ! issuer_named "$name"; then printf '%s\n' "$name"; fi
  done < <(evidence_keys "$mount" | sed -n 's/[.]until$//p; s/[.]key$//p' | sort -u)
}

# ended NAME NOW: whether its recorded end has passed.
ended() {
  local until past
  until=$(evidence_of "$mount" "$1.until") || return 2
  is_time "$until" || return 1
  past=$(jq -n --arg until "$until" --argjson now "$2" '$now >= ($until | fromdateiso8601)') || return 2
  [[ $past == true ]]
}

# retirable: prints the names of the former ones that can go; the default never can.
retirable() {
  local name names now
  names=$(former_names)
  [[ -n $names ]] || return 0
  now=$(vault_time) || return 2
  while IFS= read -r name; do
    if [[ $(called "$default_id") != "$name" ]] && ended "$name" "$now"; then printf '%s\n' "$name"; fi
  done <<<"$names"
}

# retired: whether nothing is to be removed: always, where --retire does not ask for it. Says what could be.
retired() {
  local name end rc=0 gone can
  find_ca "$intermediate_mount" || rc=$?
  ((rc <= 1)) || return "$rc"
  # where the planned one is to be made first, nothing can go.
  ((rc == 0)) || return 0
  [[ -n $(former_names)$(evidence_keys "$mount") ]] || return 0
  [[ -z $(former_names) ]] || settled='not yet'
  can=$(retirable) || return 2
  while IFS= read -r name; do
    [[ -n $name ]] || continue
    end=$(evidence_of "$mount" "$name.until")
    if [[ $(called "$default_id") == "$name" ]]; then
      note "$name signs until the default issuer is moved"
    elif grep -xF "$name" >/dev/null <<<"$can"; then
      [[ $retire == true ]] || note "no certificate under $name lives any more, since $end: it can be removed by --retire"
    else
      note "$name is kept: certificates under it can live until ${end:-a time that is not recorded yet}"
    fi
  done < <(former_names)
  gone=$(gone_names)
  [[ -z $gone ]] || note "what a stopped run has left of ${gone//$'\n'/, } can be removed by --retire"
  [[ $retire == false || -z $can$gone ]]
}

# need_retirable CODE: --retire, where the planned CA was found (0) or was not, is refused before the time has come, and before anything is changed.
need_retirable() {
  local can name ends=''
  [[ $retire == true && $mode != check ]] || return 0
  [[ $1 == 0 && ($(called "$default_id") == "$issuer_name" || -z $(own_names)) ]] ||
    die "--retire: the default issuer of $mount is not the planned one yet: run this without --retire first"
  can=$(retirable) || exit 1
  [[ -z $can && -z $(gone_names) ]] || return 0
  [[ -n $(former_names) ]] || {
    note "--retire: there is no CA of another generation in $mount, so there is nothing to remove"
    return 0
  }
  while IFS= read -r name; do ends+=" $name until $(evidence_of "$mount" "$name.until"),"; done < <(former_names)
  die "--retire: certificates can live:${ends%,}; by Vault's clock it is $(vault_time | jq -r todateiso8601). Nothing was changed"
}

# retire_issuers: the issuer, then its key, unless another issuer has it; the key is recorded first, so that a stopped run is finished.
retire_issuers() {
  local name at
  forget_signers
  find_ca "$intermediate_mount"
  while IFS= read -r name; do
    issuer_named "$name"
    record "$mount" "$name.key=${signer_keys[at]}"
    vault delete "$mount/issuer/${signer_ids[at]}"
    say "      removed: the CA $name"
  done < <(retirable)
  forget_signers
  read_signers
  while IFS= read -r name; do remove_key "$name"; done < <(gone_names)
}

# remove_key NAME: the key of an issuer that was removed, then what is recorded of it. The first key of a mount is its default one; that goes
# on to the planned CA's, or Vault warns that nothing works without a key's name any more.
remove_key() {
  local key
  key=$(evidence_of "$mount" "$1.key")
  if [[ -n $key && " ${signer_keys[*]} " != *" $key "* ]]; then
    jq -n --arg key "$(jq -r .data.key_id <<<"$issuer")" '{default: $key}' | put "$mount/config/keys"
    vault delete "$mount/key/$key"
    say "      removed: its key"
  elif [[ -n $key ]]; then
    say "      kept: its key, which another CA in $mount has too"
  fi
  record "$mount" "$1.until=" "$1.key="
}
