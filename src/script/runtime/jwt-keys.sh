# --- what Vault checks tokens with -----------------------------------------------------------------------------------------------------

# trusts_cluster, trust_cluster: whether Vault checks tokens with the keys and the issuer of this cluster, and with no other's.
trusts_cluster() {
  of_cluster || return 2
  report_rotation "$cluster_issuer"
  same_fields "auth/$auth_mount/config"
}
trust_cluster() { write_fields "auth/$auth_mount/config"; }

# report_rotation ISSUER: a provider that changes the keys of its tokens by itself makes the copy in Vault worthless some weeks later.
report_rotation() {
  local glob
  local -a globs
  read -ra globs <<<"$rotating_issuers"
  for glob in "${globs[@]}"; do
    # shellcheck disable=SC2053 # it is a pattern
    [[ $1 != $glob ]] ||
      note "WARNING: the provider of this cluster changes the keys of service account tokens by itself, and Vault has a copy of those of today. From then on no login of cert-manager works. To have Vault read them anew, write jwt.discoveryUrl: $1 in the config"
  done
}

# of_cluster: sets the step's fields to what the API server publishes, and `cluster_issuer`.
of_cluster() {
  local keys
  cluster_issuer=$token_issuer
  if [[ -z $cluster_issuer ]]; then
    cluster_issuer=$(kube get --raw /.well-known/openid-configuration 2>"$work/error" | jq -er .issuer) || {
      complain "the API server of context $context does not say who issues its tokens; set jwt.issuer in the config: $(last_error)"
      return 2
    }
  fi
  keys=$(public_keys) || {
    complain "the API server of context $context does not give its keys (/openid/v1/jwks): $(last_error)"
    return 2
  }
  fields "$(jq -n --arg issuer "$cluster_issuer" --arg keys "$keys" '{
    bound_issuer: $issuer,
    jwt_validation_pubkeys: ($keys | split("\n\n") | map(select(. != "")))}')"
}
