# --- the way in: a token of a service account -----------------------------------------------------------------------------------------

need_rights() {
  may create "serviceaccounts/$service_account" --subresource=token -n "$issuer_namespace"
}

# a mount for each cluster: what it holds is this cluster's.
look_at_way_in() { return 0; }

# account_token NAME AUDIENCE DURATION: prints a token of a service account beside the Issuer. An empty audience is the API server's own.
account_token() {
  kube create token "$1" -n "$issuer_namespace" ${2:+--audience="$2"} --duration="$3" 2>"$work/error"
}

# has_account NAME: an API server that does not answer says nothing of it.
has_account() {
  local found
  found=$(kube get serviceaccount "$1" -n "$issuer_namespace" -o name --ignore-not-found 2>"$work/error") ||
    die "cannot look for service account $issuer_namespace/$1 in context $context: $(last_error)"
  [[ -n $found ]]
}

# log_in: sets `trial_token`; 1, and why, where there is nothing to log in with yet.
log_in() {
  local response reason
  response=$(log_in_with_token 2>"$work/error") || {
    reason=$(last_error)
    has_account "$service_account" || {
      say "      not tried: service account $issuer_namespace/$service_account is not in the cluster yet. Apply the manifests of 0-access, then run this again"
      return 1
    }
    die "the login as $issuer_namespace/$service_account failed, cert-manager could not log in either: $reason"
  }
  trial_token=$(printf '%s' "$response" | jq -r .auth.client_token)
}

# log_in_with_token: asks for a token as cert-manager does, and logs in with it; prints Vault's answer.
log_in_with_token() {
  local token
  token=$(account_token "$service_account" "$audience" 10m) || return 1
  printf '%s' "$token" | vault write -format=json "auth/$auth_mount/login" role="$auth_role" jwt=-
}
