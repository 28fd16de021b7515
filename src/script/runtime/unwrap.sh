# --- the other end of a wrapping token; it takes no login to Vault -----------------------------------------------------------------------

wrapping_token=

before_steps() {
  # first, before any other program can read from standard input.
  [[ $mode == plan ]] || read_wrapping_token
  need_programs jq openssl kubectl
  stop_if_missing
  look_for_root_pem
  need_answer || stop_if_missing
  need_namespaces "$secret_namespace"
  ((${#missing[@]} > 0)) || may patch "secret/$secret_name" -n "$secret_namespace"
  ((${#missing[@]} > 0)) || look_around
}

# look_around: a token is used up by the first who brings it, so all else has to be in order before.
look_around() {
  # nothing that is there can be looked up in Vault without a login.
  [[ $take_over == true ]] || need_own_secret false
  root=$known_root
  # what it signs is public, and may be read by anybody.
  [[ -n $root ]] || root=$(vault read -field=certificate "$root_mount/issuer/$root_ref/json" 2>"$work/error") ||
    missing+=("the root CA in Vault's mount $root_mount: $(last_error)")
}

read_wrapping_token() {
  [[ ! -t 0 ]] || printf 'the wrapping token that setup.sh printed (it is not shown): ' >&2
  IFS= read -rs wrapping_token || true
  [[ ! -t 0 ]] || printf '\n' >&2
  wrapping_token=${wrapping_token//[[:space:]]/}
  [[ $wrapping_token =~ ^[A-Za-z0-9._-]{8,1024}$ ]] ||
    die "standard input must hold the wrapping token that setup.sh printed, e.g. hvs.CAESIJ…, got ${#wrapping_token} characters that are none"
}

# the annotation that names the wrapping token which a Secret's value came in, by its SHA-256: such a token is used up.
readonly WRAPPED_IN=cdk8s-mesh-ca/wrapping-token-sha256
token_digest() { printf '%s' "$wrapping_token" | openssl dgst -sha256 -r | cut -d ' ' -f 1; }

# unwrapped_here: whether the cluster holds what this very token brought. Then the script has used it up, also where it was stopped after that.
unwrapped_here() {
  local from
  [[ -n $wrapping_token ]] || return 1
  from=$(secret_annotation "$secret_namespace" "$secret_name" "$WRAPPED_IN") || return 2
  [[ $from == "$(token_digest)" ]]
}

# may_be_breach WHAT: a token that is not as it was handed over.
may_be_breach() {
  complain "$1. Tell the one who runs Vault: the secret ID has to be destroyed, by the accessor that setup.sh printed beside the token, and setup.sh run again, for another token: $cli write $auth_path/secret-id-accessor/destroy secret_id_accessor=ACCESSOR"
  exit 1
}
# a run that is stopped between Vault's answer and the cluster loses the secret ID, and nobody can tell that from a theft.
readonly USED_UP="the wrapping token is not one that Vault knows (any more), and what $secret_place holds did not come in it. Its time is up; or a run of this script was stopped just after it was unwrapped, and the secret ID is lost; or, where you know of no such run, somebody else may have a secret ID that works"

# check_wrapping_token: whether what it wraps is a secret ID of this AppRole. That does not use it up.
check_wrapping_token() {
  local answer made_at
  if ! answer=$(printf '%s' "$wrapping_token" | jq -Rs '{token: .}' | put sys/wrapping/lookup 2>"$work/error"); then
    grep -Eq 'not valid or does not exist|bad token|not a wrapping token' "$work/error" || die "cannot look up the wrapping token: $(last_error)"
    may_be_breach "$USED_UP"
  fi
  made_at=$(jq -r '.data.creation_path // ""' <<<"$answer")
  [[ $made_at == "$auth_path/secret-id" ]] ||
    may_be_breach "the wrapping token was made at '$made_at', not at $auth_path/secret-id: it is not the one that setup.sh made, and was not unwrapped. Who swapped it may have a secret ID that works"
}

# unwrap_secret_id: from Vault into the cluster through pipes only.
unwrap_secret_id() {
  local response digest
  digest=$(token_digest)
  if ! response=$(vault_as "$wrapping_token" unwrap -format=json 2>"$work/error"); then
    grep -Eq 'not valid or does not exist|bad token' "$work/error" || die "cannot unwrap the token: $(last_error)"
    may_be_breach "$USED_UP"
  fi
  wrapping_token=
  accessor=$(printf '%s' "$response" | jq -r .data.secret_id_accessor)
  printf '%s' "$response" | jq -j .data.secret_id | apply_secret "$secret_namespace" "$secret_name" "$secret_key" "$WRAPPED_IN" "$digest" ||
    die "the secret ID did not reach $secret_place, and the token is used up. Have another one made by setup.sh, and this one destroyed: $cli write $auth_path/secret-id-accessor/destroy secret_id_accessor=$accessor"
}

after_steps() {
  say "cluster $cluster has the secret ID of the token${accessor:+, accessor $accessor}, and its login works"
}
