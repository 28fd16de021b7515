# --- what Vault checks tokens with -----------------------------------------------------------------------------------------------------

# trusts_cluster, trust_cluster: whether Vault checks tokens with the keys and the issuer of this cluster, and with no other's.
trusts_cluster() {
  of_cluster || return 2
  same_fields "auth/$auth_mount/config"
}
trust_cluster() { write_fields "auth/$auth_mount/config"; }

# of_cluster: sets the step's fields to what the API server publishes.
of_cluster() {
  local issuer keys
  issuer=$token_issuer
  if [[ -z $issuer ]]; then
    issuer=$(kube get --raw /.well-known/openid-configuration 2>"$work/error" | jq -er .issuer) || {
      complain "the API server of context $context does not say who issues its tokens; set jwt.issuer in the config: $(last_error)"
      return 2
    }
  fi
  keys=$(public_keys) || {
    complain "the API server of context $context does not give its keys (/openid/v1/jwks): $(last_error)"
    return 2
  }
  fields "$(jq -n --arg issuer "$issuer" --arg keys "$keys" '{
    bound_issuer: $issuer,
    jwt_validation_pubkeys: ($keys | split("\n\n") | map(select(. != "")))}')"
}
