# --- the way in: a token of a service account -----------------------------------------------------------------------------------------

need_rights() {
  may create "serviceaccounts/$service_account" --subresource=token -n "$issuer_namespace"
}

# look_at_way_in: a mount for each cluster: what it holds is this cluster's. Where Vault checks the tokens by itself, the login is bound to the
# account's UID, so the account must exist before.
look_at_way_in() {
  [[ $binds_uid == true && $mode == run ]] || return 0
  [[ -z $only || " $only " == *" jwt/role "* ]] || return 0
  has_account "$service_account" || missing+=("the service account $issuer_namespace/$service_account in context $context, whose UID the login is bound to: apply the manifests of 0-access first")
}

# bound_to_account PATH, bind_to_account PATH: whether the login role is as planned, and takes the tokens of this very service account: not those
# of one of the same name that was deleted.
bound_to_account() {
  with_uid || return "$?"
  same_fields "$1"
}
bind_to_account() {
  with_uid || die "the login is not written: service account $issuer_namespace/$service_account is not in context $context: apply the manifests of 0-access, then run this again"
  write_fields "$1"
}

# with_uid: adds the UID of the service account to the step's fields; 1, and a note, where there is no such account.
with_uid() {
  local uid
  uid=$(kube get serviceaccount "$service_account" -n "$issuer_namespace" -o json --ignore-not-found 2>"$work/error") || {
    complain "cannot read service account $issuer_namespace/$service_account in context $context: $(last_error)"
    return 2
  }
  uid=$(jq -r '.metadata.uid // ""' <<<"$uid") || return 2
  [[ -n $uid ]] || {
    note "service account $issuer_namespace/$service_account is not in the cluster, so the login cannot be bound to its UID: apply the manifests of 0-access first"
    return 1
  }
  # a name in a claim that holds a slash or a dot is found by its JSON pointer alone.
  fields "$(jq --arg uid "$uid" '. + {bound_claims: {"/kubernetes.io/serviceaccount/uid": $uid}}' <<<"$wanted")"
}

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
  take_login "$response"
}

# log_in_with_token: asks for a token as cert-manager does, and logs in with it; prints Vault's answer.
log_in_with_token() {
  local token
  token=$(account_token "$service_account" "$audience" 10m) || return 1
  printf '%s' "$token" | vault write -format=json "auth/$auth_mount/login" role="$auth_role" jwt=-
}
