# --- the trial: logged in as cert-manager will be

trial_token=
trial_private_key=
wrongly_signed=0
trial_done=0

# trial_login: logs in as cert-manager will be, by `log_in`, and makes a key to ask with.
trial_login() {
  log_in || return 0
  [[ -n $trial_token ]] || die 'the login gave no token'
  trial_key
}

# take_login ANSWER: sets `trial_token`. A policy beside the planned one gives cert-manager more than a signature. Vault's identity store can add
# such a policy to a login, and neither the login's role nor the planned policy shows it.
take_login() {
  # shellcheck disable=SC2016 # it is jq's
  pick --arg policy "${policy_path##*/}" --arg type "$token_type" '.auth | .client_token, ([.policies[]?, .identity_policies[]?
    | select(. != $policy and (. != "default" or $type == "batch"))] | unique | join(", "))' < <(printf '%s' "$1")
  trial_token=${picked[0]}
  [[ -z ${picked[1]} ]] ||
    die "self-test: the login of cert-manager gives more policies than ${policy_path##*/}: ${picked[1]}. Find the entity or group that has them with $cli list identity/entity/id and $cli list identity/group/id, and take them away"
}

# trial_key: makes the key that trials ask with. Vault signs istiod's name for it, so it is a secret like others.
trial_key() {
  case $key_type in
    rsa) trial_private_key=$(openssl genpkey -algorithm RSA -pkeyopt "rsa_keygen_bits:$key_bits" 2>/dev/null) ;;
    ec) trial_private_key=$(openssl genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:P-$key_bits" 2>/dev/null) ;;
  esac
}

# sign NAMES: asks Vault as cert-manager does, with its token.
sign() { sign_at "$sign_path" "$1" vault_as "$trial_token"; }

# sign_at PATH NAMES VAULT...: asks with a CSR as istio-csr makes it. NAMES is [CN=name,]SAN[,SAN…] in OpenSSL's words; VAULT asks. All of it
# is public.
sign_at() {
  local path=$1 names=$2 cn=''
  shift 2
  if [[ $names == CN=* ]]; then
    cn=${names%%,*}
    cn=${cn#CN=}
    names=${names#*,}
  fi
  printf '%s\n' "$trial_private_key" | openssl req -new -key /dev/stdin -subj "/${cn:+CN=$cn}" -addext "subjectAltName=$names" -out "$work/trial.csr" 2>/dev/null
  "$@" write -format=json "$path" common_name="$cn" alt_names="$(of_kind DNS "$names")" ip_sans="$(of_kind IP "$names")" \
    uri_sans="$(of_kind URI "$names")" "$lifetime" exclude_cn_from_sans=true csr=@"$work/trial.csr" 2>"$work/error"
}
# for how long, as PARAMETER=VALUE.
lifetime=ttl=$trial_ttl

# of_kind KIND NAMES: prints those of this kind, e.g. of DNS.
of_kind() {
  local name names=$2,
  local -a found=()
  while [[ -n $names ]]; do
    name=${names%%,*} names=${names#*,}
    [[ $name != "$1":* ]] || found+=("${name#"$1":}")
  done
  local IFS=,
  printf '%s' "${found[*]}"
}

# what a trial reads of a signature: the certificate, and the CAs above it.
readonly SIGNED='.data | .certificate, (.ca_chain // [.issuing_ca] | join("\n"))'

# signs WHAT NAMES: it has to be signed, with these names, for client and server, and to verify to the root.
signs() {
  local answer leaf
  [[ -n $trial_token ]] || return 0
  answer=$(sign "$2") || die "trial: Vault refuses $1 ($2): $(last_error)"
  pick "$SIGNED" <<<"$answer"
  leaf=${picked[0]}
  verified "$root" "$leaf" "${picked[1]}" ||
    die "trial: the certificate of $1 does not verify to the root"
  has_names "$leaf" "$2" || die "trial: the certificate of $1 lacks a name of $2"
  x509 -noout -ext extendedKeyUsage <<<"$leaf" 2>/dev/null | grep 'TLS Web Server.*TLS Web Client' >/dev/null ||
    die "trial: the certificate of $1 does not serve for both ends"
  trial_done=$((trial_done + 1))
  say "      signed, verified to the root: $1"
}

has_names() {
  local leaf=$1 names=$2 name found
  found=$(x509 -noout -subject -ext subjectAltName -nameopt multiline <<<"$leaf" | sed 's/commonName *= /CN=/' | tr ',' '\n' | sed 's/^ *//')
  while IFS= read -r name; do
    grep -xF "$name" >/dev/null <<<"$found" || return 1
  done < <(tr ',' '\n' <<<"$names")
}

# refuses WHAT NAMES MESSAGE: it has to be refused, for that reason. Each is a CSR that was just signed, with one name changed.
refuses() {
  local what=$1 names=$2 message=$3
  [[ -n $trial_token ]] || return 0
  if sign "$names" >/dev/null; then
    wrongly_signed=$((wrongly_signed + 1))
    say "      WRONGLY SIGNED: $what ($names)"
  else
    grep -E -- "$message" "$work/error" >/dev/null ||
      die "trial: $what ($names) was refused, but not for its name: $(last_error)"
    trial_done=$((trial_done + 1))
    say "      refused, as it must be: $what"
  fi
}

# denies WHAT NAMES: with an end an hour later than the role allows it has to be refused, by the policy of the login: Vault's role allows it.
denies() {
  local what=$1 names=$2 lifetime
  lifetime=not_after=$(jq -nr --argjson seconds "$leaf_seconds" 'now + $seconds + 3600 | floor | todateiso8601')
  [[ -n $trial_token ]] || return 0
  if sign "$names" >/dev/null; then
    die "trial: Vault signs $what, so a certificate can be valid for longer than the role allows: the login has another policy besides the planned one, take it away"
  fi
  grep -F 'permission denied' "$work/error" >/dev/null || die "trial: $what was refused, but not by the policy: $(last_error)"
  trial_done=$((trial_done + 1))
  say "      refused, as it must be: $what"
}

trial_end() {
  [[ -n $trial_token ]] || return 0
  # a batch token cannot be revoked, and ends by itself; another one would stay behind with its lease.
  [[ $token_type == batch ]] || vault_as "$trial_token" token revoke -self || note 'the token of the trial could not be revoked'
  trial_token=
  trial_private_key=
  ((wrongly_signed == 0)) && return 0
  [[ $role_is_exact == false ]] || die "trial: the role signs $wrongly_signed of the names that it must refuse"
  say "      WARNING: the role signs $wrongly_signed of the names that it should refuse, as the config asks it to (see the warnings above the steps)"
}
