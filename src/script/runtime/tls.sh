# --- TLS: Vault comes to trust keys that it is told of, so the servers on both sides must be the right ones -----------------------------

# whether --insecure-skip-tls-verify was given.
insecure_tls=false

# preferences in ~/.kube/kuberc could add --insecure-skip-tls-verify to any call of kubectl.
export KUBERC=off

# is_true VALUE: as Go's strconv.ParseBool, by which Vault's CLI reads a variable.
is_true() { [[ $1 =~ ^(1|t|T|TRUE|true|True)$ ]]; }

# is_plain_http ADDRESS: whether it is HTTP without TLS to another machine.
is_plain_http() {
  local address=${1,,}
  [[ $address == http://* && ! $address =~ ^http://(localhost|127(\.[0-9]{1,3}){3}|\[::1\])([:/]|$) ]]
}

# unverified_tls: prints each connection whose other end would not be checked, one a line.
unverified_tls() {
  local name answer api skips
  for name in VAULT_SKIP_VERIFY BAO_SKIP_VERIFY; do
    ! is_true "${!name:-}" ||
      printf '%s is "%s", so nothing checks the certificate of Vault: unset it, and name the CA in VAULT_CACERT or vault.caBundle\n' "$name" "${!name}"
  done
  local vault=${VAULT_AGENT_ADDR:-${BAO_ADDR:-${VAULT_ADDR:-${server:-}}}}
  ! is_plain_http "$vault" ||
    printf 'Vault is reached without TLS at %s: use an https address\n' "$vault"
  [[ -n ${context:-} && -n $(type -P kubectl) && -n $(type -P jq) ]] || return 0
  # where there is no such context, the first call says so.
  answer=$(kubectl --context "$context" config view --minify -o json 2>/dev/null) || return 0
  { IFS= read -r skips && IFS= read -r api; } < <(jq -r '.clusters[0].cluster | .["insecure-skip-tls-verify"] // false, .server // ""' <<<"$answer") || return 0
  [[ $skips != true ]] ||
    printf 'context %s of the kubeconfig has insecure-skip-tls-verify, so nothing checks the certificate of the API server: remove it, and add certificate-authority\n' "$context"
  ! is_plain_http "$api" ||
    printf 'context %s of the kubeconfig reaches the API server without TLS: write its server with https\n' "$context"
}

# tls_verdict: prints what is wrong; 1 where that ends the script. An option lets it pass.
tls_verdict() {
  local found
  found=$(unverified_tls) || return 1
  [[ -n $found ]] || return 0
  if [[ $insecure_tls == true ]]; then
    plain "$0: WARNING: --insecure-skip-tls-verify: an attacker on the network can read your token and change what Vault trusts"
  else
    plain "$0: error: TLS is not verified, and nothing was changed: an attacker on the network could read your token and change what Vault trusts. To continue anyway, pass --insecure-skip-tls-verify"
  fi
  plain "  - ${found//$'\n'/$'\n  - '}"
  [[ $insecure_tls == true ]]
}
