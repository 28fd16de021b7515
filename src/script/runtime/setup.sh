# ---------------------------------------------------------------------------------------------------------------------------------
# From here on the text is the same in every setup script: what the words above mean. The values are all above.
# ---------------------------------------------------------------------------------------------------------------------------------

set -o errexit -o nounset -o pipefail
umask 077
export LC_ALL=C VAULT_CLI_NO_COLOR=1
# what a user may have set for himself, and what would change the answers that are read here.
unset VAULT_FORMAT VAULT_WRAP_TTL BAO_FORMAT BAO_WRAP_TTL

usage() {
  printf 'usage: bash %s [--plan]%s\n\n%s\n\n' "$0" "$options_usage" "$about"
  printf '  --plan              print each step and whether it is done; change nothing\n'
  printf '%s' "$options_help"
  printf '  --help              print this\n\n'
  printf 'It uses VAULT_TOKEN, or the login of the CLI, and VAULT_ADDR where it is set, else %s.\n' "$server"
  printf 'MESH_CA_CLI names the program: vault (the default) or bao. Every step can be run again.\n'
}

say() { printf '%s\n' "$*" >&3; }
note() { printf '      note: %s\n' "$*" >&3; }
die() {
  printf '%s: error: %s\n' "$0" "$*" >&2
  exit 1
}
bad_usage() {
  printf '%s: error: %s\n\n' "$0" "$*" >&2
  usage >&2
  exit 2
}

# --- steps -----------------------------------------------------------------------------------------------------------------------

known_root=$config_root
known_root_source='the root.certificate of the config'
step_number=0
state=todo
wanted='{}'

# step ID TITLE: begins a step.
step() {
  step_number=$((step_number + 1))
  state=todo
  wanted='{}'
  say "[$step_number/$step_count] $1: $2"
}

# fields JSON: what the step compares and writes.
fields() { wanted=$1; }

# unless CHECK ARGUMENT...: the step is done where the check succeeds. A check says 0 done, 1 not done; what it can't tell ends the script.
unless() {
  local rc=0
  "$@" || rc=$?
  case $rc in
    0) state=complete && say '      done already' ;;
    1) [[ $mode == run ]] || say '      to do' ;;
    *) die "the check '$1' of step $step_number failed (rc $rc); nothing was changed by this step" ;;
  esac
}

# run COMMAND ARGUMENT...: does it, where the step is not done.
run() {
  [[ $state == todo && $mode == run ]] || return 0
  "$@" >/dev/null
}

# --- Vault -----------------------------------------------------------------------------------------------------------------------

vault() { command "$cli" "$@"; }

# vault as the holder of another token.
vault_as() {
  local -x VAULT_TOKEN=$1 BAO_TOKEN=$1
  shift
  vault "$@"
}

# get PATH: prints what Vault holds there, as JSON; 1 where there is nothing. A Vault that can't answer ends the script: it is not "nothing".
get() { ask read "$1"; }

# keys PATH: prints the keys below a path, one a line.
keys() {
  local list rc=0
  list=$(ask list "$1") || rc=$?
  ((rc == 0)) || return "$rc"
  jq -r '.[]' <<<"$list"
}

ask() {
  local answer rc=0
  answer=$(vault "$1" -format=json "$2" 2>"$work/error") || rc=$?
  if ((rc == 0)); then
    printf '%s\n' "$answer"
  elif [[ $answer == '{}' ]] || grep -Eq 'No value found|Code: 404|no handler for route' "$work/error"; then
    return 1
  else
    printf '%s: error: cannot read %s: %s\n' "$0" "$2" "$(tr '\n' ' ' <"$work/error")" >&2
    return 2
  fi
}

# put PATH: writes the JSON of standard input; prints Vault's answer. A value never stands in an argument.
put() { vault write -format=json "$1" -; }

# mount_is MOUNT TYPE, auth_is MOUNT TYPE
mount_is() { type_is sys/mounts "$@"; }
auth_is() { type_is sys/auth "$@"; }
type_is() {
  local table type
  table=$(get "$1") || return 2
  type=$(jq -r --arg mount "$2/" '(.data // .)[$mount].type // ""' <<<"$table") || return 2
  [[ -n $type ]] || return 1
  [[ $type == "$3" ]] || {
    printf '%s: error: %s is a mount of type %s, the plan wants %s: choose another mount in the config\n' "$0" "$2" "$type" "$3" >&2
    return 2
  }
}

# max_lease_ttl_is MOUNT DURATION
max_lease_ttl_is() {
  local table
  table=$(get sys/mounts) || return 2
  table=$(jq --arg mount "$1/" '{data: ((.data // .)[$mount].config // empty)}' <<<"$table") || return 2
  [[ -n $table ]] || return 1
  compare "$table" "$(jq -n --arg ttl "$2" '{max_lease_ttl: $ttl}')"
}

# auth_allows MOUNT SECONDS: whether an auth mount lets what it makes live for so long. 0 is the server's default, 768 hours.
auth_allows() {
  local table max
  table=$(get sys/auth) || return 2
  max=$(jq -r --arg mount "$1/" '((.data // .)[$mount].config.max_lease_ttl // 0) | if . == 0 then 768 * 3600 else . end' <<<"$table") || return 2
  # the shell's arithmetic would run what a server writes there.
  [[ $max =~ ^[0-9]+$ ]] || return 2
  ((max >= $2))
}

# same_fields PATH: whether Vault holds the step's fields there.
same_fields() {
  local found rc=0
  found=$(get "$1") || rc=$?
  ((rc == 0)) || return "$rc"
  compare "$found" "$wanted"
}

# compare FOUND WANTED: field by field; says what differs. Vault keeps durations as seconds.
compare() {
  local differences
  differences=$(jq -r --argjson wanted "$2" '
    def seconds: capture("^(?<n>[0-9]+)(?<unit>[hms]?)$") | (.n | tonumber) * ({h: 3600, m: 60, s: 1, "": 1}[.unit]);
    def same($found; $wanted):
      if ($found | type) == "number" and ($wanted | type) == "string" then $found == ($wanted | seconds)
      elif ($wanted | type) == "array" then ($found // [] | sort) == ($wanted | sort)
      # what an older server does not know of, it does not do.
      elif $found == null then $wanted == false or $wanted == ""
      else $found == $wanted end;
    .data as $found | $wanted | to_entries[] | select(same($found[.key]; .value) | not)
    | "\(.key): is \($found[.key] | tojson), planned \(.value | tojson)"' <<<"$1") || return 2
  [[ -n $differences ]] || return 0
  while IFS= read -r line; do note "$line"; done <<<"$differences"
  return 1
}

write_fields() { put "$1" <<<"$wanted"; }

# --- certificates ----------------------------------------------------------------------------------------------------------------

# first_certificate: the first PEM certificate of standard input.
# it reads to the end, so that what feeds it never meets a closed pipe.
first_certificate() { awk '/-----BEGIN CERTIFICATE-----/ {on = !seen} on {print} /-----END CERTIFICATE-----/ {on = 0; seen = 1}'; }
fingerprint() { openssl x509 -noout -fingerprint -sha256 | sed 's/.*=//'; }
subject_cn() { openssl x509 -noout -subject -nameopt multiline,utf8,-esc_msb | sed -n 's/^ *commonName *= //p'; }

# verified ROOT CERTIFICATE [CHAIN]: whether it verifies to that root, by OpenSSL, without what else the machine trusts.
verified() {
  printf '%s\n' "$1" >"$work/root.pem"
  printf '%s\n' "$2" >"$work/certificate.pem"
  printf '%s\n' "${3:-$1}" >"$work/chain.pem"
  SSL_CERT_FILE=$work/none SSL_CERT_DIR=$work/none \
    openssl verify -no-CApath -CAfile "$work/root.pem" -untrusted "$work/chain.pem" "$work/certificate.pem" >"$work/error" 2>&1
}

# issuer_of MOUNT: prints the default issuer of a mount as JSON; 1 where it has none.
issuer_of() {
  local config id rc=0
  config=$(get "$1/config/issuers") || rc=$?
  ((rc == 0)) || return "$rc"
  id=$(jq -r '.data.default // ""' <<<"$config")
  [[ -n $id ]] || return 1
  get "$1/issuer/$id"
}

# root_from_vault: prints the root certificate that Vault holds, after comparing it with the one that is known.
root_from_vault() {
  local issuer certificate rc=0
  issuer=$(issuer_of "$root_mount") || rc=$?
  ((rc == 0)) || return "$rc"
  certificate=$(jq -r .data.certificate <<<"$issuer" | first_certificate)
  if [[ -n $known_root ]] && ! same_as_known "$certificate"; then
    printf '%s: error: %s holds another CA (%s, SHA-256 %s) than %s: nothing was changed\n' "$0" "$root_mount" \
      "$(subject_cn <<<"$certificate")" "$(fingerprint <<<"$certificate")" "$known_root_source" >&2
    return 2
  fi
  [[ -n $(jq -r '.data.key_id // ""' <<<"$issuer") ]] || {
    printf '%s: error: %s holds the root certificate without its key: import both\n' "$0" "$root_mount" >&2
    return 2
  }
  printf '%s\n' "$certificate"
}

# same_as_known PEM: whether a certificate is one of those of the known root file, which may hold two during a rotation.
same_as_known() {
  local print
  print=$(fingerprint <<<"$1")
  known_fingerprints | grep -xF "$print" >/dev/null
}
known_fingerprints() { each_certificate fingerprint <<<"$known_root"; }

# each_certificate COMMAND: runs it with each certificate of standard input.
each_certificate() {
  local line block=''
  while IFS= read -r line; do
    case $line in
      '-----BEGIN CERTIFICATE-----') block=$line$'\n' ;;
      '-----END CERTIFICATE-----') printf '%s' "$block$line"$'\n' | "$@" && block='' ;;
      *) [[ -z $block ]] || block+=$line$'\n' ;;
    esac
  done
}

# --- before the first step -------------------------------------------------------------------------------------------------------

missing=()

need_programs() {
  local program
  for program in "$cli" "$@"; do
    command -v "$program" >/dev/null || missing+=("the program $program")
  done
}

# need_vault NEEDS: that it answers, is unsealed, and that the token may do what the steps need.
need_vault() {
  local status answer lacking
  # it fails for a sealed Vault too, and then says so; where there is none, it says nothing.
  status=$(vault status -format=json 2>"$work/error") || true
  if [[ -z $status ]]; then
    missing+=("an answer from Vault at $VAULT_ADDR: $(tr '\n' ' ' <"$work/error")")
    return 0
  fi
  if [[ $(jq -r .initialized <<<"$status") == false ]]; then
    missing+=("an initialized Vault at $VAULT_ADDR: it is new, run '$cli operator init'")
    return 0
  fi
  if [[ $(jq -r .sealed <<<"$status") == true ]]; then
    missing+=("an unsealed Vault at $VAULT_ADDR: it is sealed, run '$cli operator unseal'")
    return 0
  fi
  answer=$(jq '{paths: keys}' <<<"$1" | put sys/capabilities-self 2>"$work/error") || {
    missing+=("a token that Vault at $VAULT_ADDR takes, in VAULT_TOKEN or by '$cli login': $(tr '\n' ' ' <"$work/error")")
    return 0
  }
  lacking=$(jq -r --argjson needs "$1" '(.data // .) as $has | $needs | to_entries[]
    | .key as $path | (.value - ($has[$path] // [])) as $lacks
    | select(($has[$path] // []) != ["root"] and ($lacks | length) > 0) | "the capability \($lacks | join(", ")) on \($path) for the token"' <<<"$answer")
  [[ -z $lacking ]] || while IFS= read -r line; do missing+=("$line"); done <<<"$lacking"
}

stop_if_missing() {
  ((${#missing[@]} > 0)) || return 0
  printf '%s: error: this is missing, and nothing was changed:\n' "$0" >&2
  printf '  - %s\n' "${missing[@]}" >&2
  exit 1
}

# main ARGUMENT...: reads the arguments, looks for what is needed, goes through the steps.
main() {
  exec 3>&1
  mode=run
  cli=${MESH_CA_CLI:-}
  if [[ -z $cli ]]; then
    cli=vault
    command -v vault >/dev/null || ! command -v bao >/dev/null || cli=bao
  fi
  while (($# > 0)); do
    case $1 in
      --plan) mode=plan ;;
      --help | -h) usage && return 0 ;;
      *)
        option "$@" || bad_usage "unknown option '$1'"
        shift
        ;;
    esac
    shift
  done

  work=$(mktemp -d)
  trap 'rm -rf -- "$work"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  # bao reads VAULT_* where its own are unset.
  export VAULT_ADDR=${BAO_ADDR:-${VAULT_ADDR:-$server}}
  if [[ -n $ca_bundle && -z ${VAULT_CACERT:-}${VAULT_CAPATH:-}${BAO_CACERT:-}${BAO_CAPATH:-} ]]; then
    printf '%s\n' "$ca_bundle" >"$work/vault-ca.pem"
    export VAULT_CACERT=$work/vault-ca.pem
  fi
  before_steps
  stop_if_missing
  steps
  after_steps
}
