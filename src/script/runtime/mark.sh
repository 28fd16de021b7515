# --- what a mount's description says -----------------------------------------------------------------------------------------------

# what the description of each mount begins with that these scripts have enabled; a mount without it was there before.
readonly MARK='cdk8s-mesh-ca: '

# description_of sys/mounts|sys/auth MOUNT: prints it; 1 where there is no such mount.
description_of() {
  local table found
  table=$(get "$1") || return 2
  # the first letter tells one without a description from none.
  found=$(jq -r --arg mount "$2/" '(.data // .)[$mount] // empty | "=\(.description // "")"' <<<"$table") || return 2
  [[ -n $found ]] || return 1
  printf '%s\n' "${found#=}"
}

# is_marked sys/mounts|sys/auth MOUNT: whether these scripts have enabled it; 1 where they have not, or where there is none.
is_marked() {
  local description rc=0
  description=$(description_of "$1" "$2") || rc=$?
  ((rc == 0)) || return "$rc"
  [[ $description == "$MARK"* ]]
}

# Evidence: what a run has to tell a later one, in words KEY=VALUE, between brackets at the end of the description of a secrets engine:
# "cdk8s-mesh-ca: CA of east [east-g1.until=2030-01-31T12:00:00Z]". A mount that is not ours can have such words too; they do not mark it.
# shellcheck disable=SC2016 # it is jq's
readonly EVIDENCE='def evidence: (capture("^(?<text>[^\u0000]*?) ?\\[(?<words>[^ =\\[\\]]+=[^ =\\[\\]]*( [^ =\\[\\]]+=[^ =\\[\\]]*)*)\\]$") // {text: ., words: ""})
  | {text, words: [.words | split(" ")[] | select(. != "") | split("=") | {key: .[0], value: .[1]}] | from_entries};'

# a time, as the words have it.
readonly TIME='^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$'
is_time() { [[ $1 =~ $TIME ]]; }

# evidence_in MOUNT: prints its words KEY=VALUE, a line each; 1 where there is no such mount. Ours hold no line break.
evidence_in() { kept evidence "$1" read_evidence "$1"; }
read_evidence() {
  local table rc=0
  table=$(get sys/mounts) || return 2
  # 4: jq had nothing to say.
  jq -er --arg mount "$1/" "$EVIDENCE"' (.data // .)[$mount] // empty | .description // "" | evidence.words
    | to_entries | map("\(.key)=\(.value)" | select(contains("\n") | not)) | join("\n")' <<<"$table" || rc=$?
  case $rc in
    0) ;;
    4) return 1 ;;
    *) return 2 ;;
  esac
}

# evidence_of MOUNT KEY: prints the value of a word; an empty line where there is none.
evidence_of() {
  local lines value=''
  lines=$'\n'$(evidence_in "$1") || return "$?"
  [[ $lines != *$'\n'"$2="* ]] || value=${lines#*$'\n'"$2="}
  printf '%s\n' "${value%%$'\n'*}"
}

# evidence_keys MOUNT: prints the keys, a line each.
evidence_keys() {
  local lines
  lines=$(evidence_in "$1") || return "$?"
  [[ -z $lines ]] || cut -d = -f 1 <<<"$lines"
}

# record MOUNT KEY=VALUE...: writes words beside those that are there, an empty value removes one. It asks Vault to write only what changes.
record() {
  local mount=$1 before after
  shift
  # another run may have recorded something since.
  forget
  before=$(description_of sys/mounts "$mount") || return 2
  after=$(jq -nr --arg before "$before" "$EVIDENCE"' $before | evidence
    | .words += ([$ARGS.positional[] | capture("^(?<key>[^=]+)=(?<value>.*)$")] | from_entries)
    | [.text, ([.words | to_entries[] | select(.value != "") | "\(.key)=\(.value)"] | select(. != []) | "[\(join(" "))]")]
    | map(select(. != "")) | join(" ")' --args "$@") || return 2
  [[ $after == "$before" ]] || jq -n --arg description "$after" '{$description}' | put "sys/mounts/$mount/tune"
}

# vault_time: prints Vault's own time, in seconds since 1970. Vault tells it in its root namespace alone, without looking at the token. Asked
# without these words a standby answers with an error. Where the root namespace is closed (HCP), the token's expiry and its remaining lifetime
# tell the time, to the second.
vault_time() {
  local answer reason
  if answer=$(in_root_namespace read -format=json sys/health standbyok=true perfstandbyok=true 2>"$work/error"); then
    jq -e '(.data // .).server_time_utc | numbers' <<<"$answer" || return 2
    return 0
  fi
  reason=$(last_error)
  answer=$(vault read -format=json auth/token/lookup-self 2>"$work/error") || {
    complain "cannot read Vault's time: $reason; nor what the token says of it: $(last_error)"
    return 2
  }
  jq -e '.data | select((.ttl // 0) > 0) | .ttl as $ttl
    | .expire_time | capture("^(?<time>[0-9-]+T[0-9:]+)([.][0-9]+)?(Z|(?<sign>[+-])(?<h>[0-9]{2}):(?<m>[0-9]{2}))$")
    | (.h // "0" | tonumber * 3600) + (.m // "0" | tonumber * 60) as $zone
    | (.time + "Z" | fromdateiso8601) - (if .sign == "-" then -$zone else $zone end) - $ttl' <<<"$answer" 2>/dev/null || {
    complain "cannot read Vault's time: $reason. A token that expires tells it too, and this one does not: use one that was made with -ttl"
    return 2
  }
}

# is_generation PREFIX NAME: whether an issuer's name is one that these scripts give: the prefix of its cluster, and a number.
is_generation() { [[ $2 == "$1"* && ${2#"$1"} =~ ^[1-9][0-9]{0,2}$ ]]; }

# own_words MOUNT: prints the keys of what these scripts have recorded there.
own_words() { evidence_keys "$1" | grep -E '^(root|leaves[.]until|closed[.][a-z-]+|(trusts|left)[.][0-9A-F]{16}|.+-g[0-9]+[.](until|key))$' || true; }

# nothing_recorded MOUNT, forget_record MOUNT: a mount that stays is left without them.
nothing_recorded() {
  local rc=0
  description_of sys/mounts "$1" >/dev/null || rc=$?
  ((rc != 1)) || return 0
  ((rc == 0)) || return "$rc"
  [[ -z $(own_words "$1") ]]
}
forget_record() {
  local -a words
  mapfile -t words < <(own_words "$1")
  record "$1" "${words[@]/%/=}"
}
